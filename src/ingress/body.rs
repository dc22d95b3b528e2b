//! What a film adds to bodies: a count, and the news of their end.

use std::cell::Cell;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::film::Film;
use super::take::Copied;
use crate::wire::{Body, BodyError};

/// A client's body whose bytes are counted.
#[derive(Debug)]
pub(super) struct Counted {
    body: Body,
    count: Rc<Cell<u64>>,
    copied: Option<Copied>,
}

impl Counted {
    /// The body as it is, if there is nothing to count.
    pub(super) fn wrap(body: Body, film: Option<&Film>) -> Body {
        match film {
            Some(film) if !body.is_end() => Body::boxed(Self {
                body,
                count: film.counter(),
                copied: film.copied(),
            }),
            _ => body,
        }
    }
}

impl http_body::Body for Counted {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(self.body.poll(context));
        if let Some(Ok(frame)) = &frame {
            let count = frame.data_ref().map_or(0, Bytes::len);
            self.count.set(self.count.get() + count as u64);
            if let (Some(copied), Some(piece)) = (&self.copied, frame.data_ref()) {
                copied.add(piece);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer whose film ends with it.
#[derive(Debug)]
pub(super) struct Filmed {
    body: Body,
    film: Option<Box<Film>>,
    sent: u64,
}

impl Filmed {
    /// The body as it is, if there is no film.
    pub(super) fn wrap(body: Body, film: Option<Box<Film>>) -> Body {
        match film {
            None => body,
            Some(film) if body.is_end() => {
                film.finish(0, true);
                body
            }
            film => Body::boxed(Self {
                body,
                film,
                sent: 0,
            }),
        }
    }

    /// Once, when the last piece was passed on or nobody wants more.
    fn finish(&mut self, complete: bool) {
        if let Some(film) = self.film.take() {
            film.finish(self.sent, complete);
        }
    }
}

impl http_body::Body for Filmed {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(self.body.poll(context));
        match &frame {
            None => self.finish(true),
            Some(Err(_)) => self.finish(false),
            Some(Ok(frame)) => {
                self.sent += frame.data_ref().map_or(0, Bytes::len) as u64;
                if self.body.is_end() {
                    self.finish(true);
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Filmed {
    /// Nobody asks again after a body whose length was known.
    fn drop(&mut self) {
        let complete = self.body.is_end();
        self.finish(complete);
    }
}
