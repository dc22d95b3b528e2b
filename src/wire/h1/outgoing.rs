//! Writes a message: its head with as much of its body as is there, then the rest as it comes.

use std::cell::{Cell, RefCell};
use std::io;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::framing::Framing;
use super::incoming::Shared;
use super::write;
use crate::wire::{Body, BodyError, Io};

/// Pieces up to this size are copied behind the head into one write; a larger one is written from
/// where it is.
const COPIED: usize = 16 * 1024;
/// More than this is not gathered before it is written.
const GATHERED: usize = 32 * 1024;

thread_local! {
    /// One buffer for all messages of the thread: it is empty whenever a task waits.
    static SCRATCH: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// A message on its way out.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// What was not handed to the socket yet: the head at first.
    out: Vec<u8>,
    body: Body,
    framing: Framing,
    /// Bytes that a declared length still promises.
    left: u64,
    done: bool,
}

/// Why a message has no good end.
#[derive(Debug)]
pub(super) enum Unwritten {
    Io(io::Error),
    Body(BodyError),
}

/// Where a message goes. The body of a message may need the very connection that is written to, so
/// it is lent for each step alone.
pub(super) trait Lend {
    fn with<T>(&mut self, use_it: impl FnOnce(&mut Io) -> T) -> T;
}

impl Lend for &mut Io {
    fn with<T>(&mut self, use_it: impl FnOnce(&mut Io) -> T) -> T {
        use_it(self)
    }
}

impl Lend for &RefCell<Shared> {
    fn with<T>(&mut self, use_it: impl FnOnce(&mut Io) -> T) -> T {
        use_it(&mut self.borrow_mut().io)
    }
}

/// An empty buffer in which a head may be written.
pub(super) fn scratch() -> Vec<u8> {
    SCRATCH.take()
}

fn give_back(mut out: Vec<u8>) {
    /// A buffer that grew for one strange message is not kept.
    const KEPT: usize = 128 * 1024;
    if out.capacity() <= KEPT {
        out.clear();
        SCRATCH.set(out);
    }
}

impl Outgoing {
    /// A message whose head is in `out`.
    pub(super) fn new(out: Vec<u8>, body: Body, framing: Framing) -> Self {
        Self {
            out,
            done: framing == Framing::Empty,
            left: match framing {
                Framing::Length(length) => length,
                _ => 0,
            },
            body,
            framing,
        }
    }

    /// Ready when everything was handed over and taken.
    pub(super) fn poll(
        &mut self,
        mut io: impl Lend,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Unwritten>> {
        loop {
            ready!(io.with(|io| io.poll_flush(context))).map_err(Unwritten::Io)?;
            if self.done && self.out.is_empty() {
                return Poll::Ready(Ok(()));
            }
            let mut out = std::mem::take(&mut self.out);
            if out.capacity() == 0 {
                out = scratch();
            }
            let gathered = self.gather(&mut io, context, &mut out);
            let sent = if out.is_empty() {
                Ok(())
            } else {
                io.with(|io| io.send(context, &out, &[]))
            };
            give_back(out);
            sent.map_err(Unwritten::Io)?;
            ready!(gathered)?;
        }
    }

    /// Takes what the body has; ready when there is enough to write or nothing more to come.
    fn gather(
        &mut self,
        io: &mut impl Lend,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
    ) -> Poll<Result<(), Unwritten>> {
        while !self.done && out.len() < GATHERED {
            let Some(frame) = ready!(self.body.poll(context)) else {
                self.end(out)?;
                break;
            };
            match frame.map_err(Unwritten::Body)?.into_data() {
                Ok(data) => {
                    self.data(io, context, out, &data)?;
                    if !io.with(|io| io.is_flushed()) {
                        break;
                    }
                }
                Err(frame) => {
                    if let (Framing::Chunked, Ok(trailers)) = (self.framing, frame.into_trailers())
                    {
                        write::trailers(out, &trailers);
                        self.done = true;
                    } else {
                        // A message with a length has no place for them.
                        self.end(out)?;
                    }
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    fn data(
        &mut self,
        io: &mut impl Lend,
        context: &mut Context<'_>,
        out: &mut Vec<u8>,
        data: &Bytes,
    ) -> Result<(), Unwritten> {
        if data.is_empty() {
            return Ok(());
        }
        let chunked = self.framing == Framing::Chunked;
        if let Framing::Length(_) = self.framing {
            // More would be read as the next message.
            self.left = self
                .left
                .checked_sub(data.len() as u64)
                .ok_or_else(not_as_long)?;
        }
        if chunked {
            write::chunk_size(out, data.len());
        }
        if data.len() <= COPIED {
            out.extend_from_slice(data);
        } else {
            io.with(|io| io.send(context, out, data))
                .map_err(Unwritten::Io)?;
            out.clear();
        }
        if chunked {
            out.extend_from_slice(b"\r\n");
        }
        if self.body.is_end() {
            self.end(out)?;
        }
        Ok(())
    }

    /// The body ended.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), Unwritten> {
        if self.left > 0 {
            return Err(not_as_long());
        }
        if self.framing == Framing::Chunked {
            out.extend_from_slice(write::LAST_CHUNK);
        }
        self.done = true;
        Ok(())
    }
}

fn not_as_long() -> Unwritten {
    Unwritten::Body(BodyError::Malformed(
        "it is not as long as it was said to be",
    ))
}
