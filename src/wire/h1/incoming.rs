//! A client's body, and the connection it shares with the server loop.

use std::cell::RefCell;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http::response::Parts;
use http_body::Frame;

use super::framing::Framing;
use super::reader::{Broken, Reader};
use super::write::{self, CONTINUE};
use crate::wire::interim::Hinted;
use crate::wire::patience::Patience;
use crate::wire::{BodyError, Io, Refused};

/// What the server loop and the body of its current request share.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) io: Io,
    pub(super) reader: Reader,
    /// Counts requests, so that a body that was kept cannot read from the next one.
    pub(super) request: u64,
    /// The client waits for `100 Continue`.
    pub(super) expects: bool,
    patience: Patience,
    /// A body that broke off stays so.
    pub(super) broken: Option<Refused>,
    /// The client has said its last byte, in the middle of a body or while it waits.
    pub(super) gone: bool,
}

/// See the module.
#[derive(Debug)]
pub struct Incoming {
    shared: Rc<RefCell<Shared>>,
    request: u64,
}

impl Shared {
    pub(super) fn new(io: Io) -> Self {
        Self {
            io,
            reader: Reader::Ended,
            request: 0,
            expects: false,
            patience: Patience::default(),
            broken: None,
            gone: false,
        }
    }

    /// Begins the body of the next request.
    pub(super) fn begin(&mut self, framing: Framing, expects: bool, patience: Duration) {
        self.reader = Reader::new(framing);
        self.expects = expects && !self.reader.is_end();
        self.patience.begin(patience);
        self.request += 1;
    }

    fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Some(refused) = self.broken {
            return Poll::Ready(Some(Err(refused.into())));
        }
        if self.gone {
            return Poll::Ready(Some(Err(BodyError::ClientGone)));
        }
        if self.expects {
            self.expects = false;
            if self.io.input.is_empty() && (self.io.send(context, CONTINUE, &[]).is_err()) {
                return Poll::Ready(Some(Err(BodyError::ClientGone)));
            }
        }
        let Poll::Ready(frame) = self.reader.poll(&mut self.io, context) else {
            return self.poll_patience(context);
        };
        Poll::Ready(match frame {
            None => None,
            Some(Ok(frame)) => {
                self.patience.came(frame.data_ref().map_or(0, Bytes::len));
                Some(Ok(frame))
            }
            Some(Err(Broken::Malformed(reason))) => Some(Err(self.refuse(Refused::Chunk(reason)))),
            Some(Err(Broken::Short)) => {
                self.gone = true;
                Some(Err(BodyError::ClientGone))
            }
        })
    }

    /// Nothing came; the client may be too slow.
    fn poll_patience(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        ready!(self.patience.poll_over(context));
        let error = self.refuse(Refused::TooSlow);
        Poll::Ready(Some(Err(error)))
    }

    /// Whether the body can have no good end any more.
    pub(super) fn failed(&self) -> bool {
        self.gone || self.broken.is_some()
    }

    fn refuse(&mut self, refused: Refused) -> BodyError {
        self.reader = Reader::Ended;
        self.broken = Some(refused);
        refused.into()
    }
}

impl Hinted for RefCell<Shared> {
    fn hint(&self, parts: &Parts, context: &mut Context<'_>) {
        let mut shared = self.borrow_mut();
        if shared.gone || !shared.io.is_flushed() {
            return;
        }
        let mut out = Vec::new();
        write::interim(&mut out, parts);
        shared.gone = shared.io.send(context, &out, &[]).is_err();
    }
}

impl Incoming {
    pub(super) fn new(shared: &Rc<RefCell<Shared>>) -> Self {
        Self {
            request: shared.borrow().request,
            shared: Rc::clone(shared),
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let mut shared = self.shared.borrow_mut();
        if shared.request != self.request {
            return Poll::Ready(Some(Err(BodyError::ClientGone)));
        }
        shared.poll_frame(context)
    }

    pub(crate) fn is_end(&self) -> bool {
        let shared = self.shared.borrow();
        shared.request == self.request && shared.reader.is_end() && !shared.failed()
    }

    pub(crate) fn length(&self) -> Option<u64> {
        let shared = self.shared.borrow();
        if shared.request == self.request {
            shared.reader.length()
        } else {
            None
        }
    }
}
