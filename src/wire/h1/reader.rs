//! Reads a body of either direction piece by piece.

use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::Frame;

use super::chunks::{Chunks, Next};
use super::framing::Framing;
use crate::wire::Io;

/// What is still to come of a body.
#[derive(Debug)]
pub(super) enum Reader {
    Length(u64),
    Chunks(Chunks),
    UntilClose,
    Ended,
}

/// Why there is no next piece.
#[derive(Debug)]
pub(super) enum Broken {
    /// The connection ended, or broke, before the body.
    Short,
    Malformed(&'static str),
}

impl Reader {
    pub(super) fn new(framing: Framing) -> Self {
        match framing {
            Framing::Empty => Self::Ended,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunks(Chunks::new()),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    pub(super) fn is_end(&self) -> bool {
        matches!(self, Self::Ended)
    }

    /// Bytes to come, if that is known.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Ended => Some(0),
            Self::Length(left) => Some(*left),
            Self::Chunks(_) | Self::UntilClose => None,
        }
    }

    /// The next piece. The end is noticed together with the last one where that is possible.
    pub(super) fn poll(
        &mut self,
        io: &mut Io,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        match ready!(self.poll_inner(io, context)) {
            Ok(frame) => Poll::Ready(frame.map(Ok)),
            Err(broken) => {
                *self = Self::Ended;
                Poll::Ready(Some(Err(broken)))
            }
        }
    }

    fn poll_inner(
        &mut self,
        io: &mut Io,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, Broken>> {
        match self {
            Self::Ended => Poll::Ready(Ok(None)),
            Self::Length(left) => {
                let limit = usize::try_from(*left).unwrap_or(usize::MAX);
                let piece = ready!(piece(io, context, limit))?;
                if piece.is_empty() {
                    return Poll::Ready(Err(Broken::Short));
                }
                *left -= piece.len() as u64;
                if *left == 0 {
                    *self = Self::Ended;
                }
                Poll::Ready(Ok(Some(Frame::data(piece))))
            }
            Self::UntilClose => {
                let piece = ready!(piece(io, context, usize::MAX))?;
                if piece.is_empty() {
                    *self = Self::Ended;
                    return Poll::Ready(Ok(None));
                }
                Poll::Ready(Ok(Some(Frame::data(piece))))
            }
            Self::Chunks(chunks) => loop {
                match chunks.next(&mut io.input).map_err(Broken::Malformed)? {
                    Next::Data(data) => return Poll::Ready(Ok(Some(Frame::data(data)))),
                    Next::End(trailers) => {
                        *self = Self::Ended;
                        return Poll::Ready(Ok(trailers.map(Frame::trailers)));
                    }
                    Next::More => {
                        if ready!(io.poll_fill(context)).map_err(|error| short(&error))? == 0 {
                            return Poll::Ready(Err(Broken::Short));
                        }
                    }
                }
            },
        }
    }
}

fn short(error: &io::Error) -> Broken {
    tracing::debug!(%error, "a connection broke in the middle of a body");
    Broken::Short
}

/// At most so many bytes, kept ones first; empty is the end.
fn piece(io: &mut Io, context: &mut Context<'_>, limit: usize) -> Poll<Result<Bytes, Broken>> {
    if io.input.is_empty() {
        return io.poll_piece(context, limit).map_err(|error| short(&error));
    }
    let count = limit.min(io.input.len());
    Poll::Ready(Ok(io.input.split_to(count).freeze()))
}
