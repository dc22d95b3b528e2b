//! A socket with what was read from it too early and what it did not take yet.
//!
//! An idle connection holds no buffer: bytes are read into one buffer of the thread and copied out
//! at their true size. Reading with much room also tells the runtime that a socket is drained, which
//! spares a system call for each message.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::Socket;

/// Read at once: what a fast sender on loopback has ready.
const READ: usize = 64 * 1024;

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// See the module.
#[derive(Debug)]
pub struct Io {
    socket: Socket,
    /// Read and not yet understood.
    pub(crate) input: BytesMut,
    /// Written and not yet taken.
    output: BytesMut,
    /// The session under TLS holds bytes that the socket did not take.
    unflushed: bool,
    /// The other side has said its last byte.
    pub(crate) ended: bool,
}

impl Io {
    /// Around a socket of which nothing was read.
    pub fn new(socket: Socket) -> Self {
        Self {
            socket,
            input: BytesMut::new(),
            output: BytesMut::new(),
            unflushed: false,
            ended: false,
        }
    }

    /// Makes the close that follows a reset.
    pub(crate) fn reset(&self) {
        self.socket.reset();
    }

    /// Reads what is there behind the bytes that are kept; 0 is the end.
    pub(crate) fn poll_fill(&mut self, context: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let input = &mut self.input;
        let read = ready!(read_with(&mut self.socket, context, |bytes| {
            input.extend_from_slice(bytes);
            bytes.len()
        }))?;
        self.ended = read == 0;
        Poll::Ready(Ok(read))
    }

    /// Reads at most so many bytes that are nobody's but a body's; empty is the end. Nothing may be
    /// kept.
    pub(crate) fn poll_piece(
        &mut self,
        context: &mut Context<'_>,
        limit: usize,
    ) -> Poll<io::Result<Bytes>> {
        let input = &mut self.input;
        let piece = ready!(read_with(&mut self.socket, context, |bytes| {
            let (body, behind) = bytes.split_at(bytes.len().min(limit));
            input.extend_from_slice(behind);
            Bytes::copy_from_slice(body)
        }))?;
        self.ended = piece.is_empty();
        Poll::Ready(Ok(piece))
    }

    /// Writes these bytes now as far as the socket takes them, and keeps the rest for
    /// [`Self::poll_flush`].
    pub(crate) fn send(
        &mut self,
        context: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> io::Result<()> {
        let mut written = 0;
        let all = first.len() + second.len();
        while self.output.is_empty() && written < all {
            let (first, second) = (
                behind(first, written),
                behind(second, written.saturating_sub(first.len())),
            );
            let polled = if first.is_empty() || second.is_empty() {
                let rest = if first.is_empty() { second } else { first };
                Pin::new(&mut self.socket).poll_write(context, rest)
            } else {
                let slices = [IoSlice::new(first), IoSlice::new(second)];
                Pin::new(&mut self.socket).poll_write_vectored(context, &slices)
            };
            match polled {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(count) => written += count?,
                Poll::Pending => break,
            }
        }
        if written < all {
            self.output.extend_from_slice(behind(first, written));
            self.output
                .extend_from_slice(behind(second, written.saturating_sub(first.len())));
        }
        self.unflushed = self.socket.is_buffered();
        if self.unflushed && self.output.is_empty() {
            self.unflushed = match Pin::new(&mut self.socket).poll_flush(context) {
                Poll::Ready(flushed) => {
                    flushed?;
                    false
                }
                Poll::Pending => true,
            };
        }
        Ok(())
    }

    /// Whether everything was taken.
    pub(crate) fn is_flushed(&self) -> bool {
        self.output.is_empty() && !self.unflushed
    }

    /// How many bytes the socket did not take yet.
    pub(crate) fn unwritten(&self) -> usize {
        self.output.len()
    }

    /// Ready when the socket has taken everything.
    pub(crate) fn poll_flush(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let written = ready!(Pin::new(&mut self.socket).poll_write(context, &self.output))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(written);
            self.unflushed = self.socket.is_buffered();
        }
        if self.unflushed {
            ready!(Pin::new(&mut self.socket).poll_flush(context))?;
            self.unflushed = false;
        }
        if self.output.capacity() > 0 {
            self.output = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more is written.
    pub(crate) fn poll_shutdown(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(context)
    }

    /// The socket, and what was read from it already. Nothing may be waiting to be written.
    pub(crate) fn into_parts(self) -> (Socket, BytesMut) {
        (self.socket, self.input)
    }
}

fn behind(bytes: &[u8], position: usize) -> &[u8] {
    bytes.get(position..).unwrap_or_default()
}

/// One read into the thread's buffer.
fn read_with<T>(
    socket: &mut Socket,
    context: &mut Context<'_>,
    take: impl FnOnce(&[u8]) -> T,
) -> Poll<io::Result<T>> {
    SCRATCH.with_borrow_mut(|scratch| {
        let mut buffer = ReadBuf::new(scratch);
        ready!(Pin::new(socket).poll_read(context, &mut buffer))?;
        Poll::Ready(Ok(take(buffer.filled())))
    })
}
