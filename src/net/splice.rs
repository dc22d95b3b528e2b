//! Moves bytes between sockets through a pipe, by reference instead of by copy (Linux, `splice(2)`).
//!
//! A pipe is held only while bytes are in it or may follow at once; then the thread keeps it for the
//! next one who needs one.

use std::cell::RefCell;
use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};

use rustix::pipe::{PipeFlags, SpliceFlags, pipe_with, splice};
use tokio::io::Interest;
use tokio::net::TcpStream;

use super::copy::{MUCH, Moved};

/// Asked for at once. What a pipe takes is limited by its slots: 16 references to pieces of up to
/// 32 KiB on loopback.
const MOST: usize = 512 * 1024;

/// Moved in one turn; then others have theirs, which the runtime's own count of operations would grant
/// them only many milliseconds later.
const TURN: usize = 1024 * 1024;

/// Empty pipes that a thread keeps: each is two file descriptors.
const KEPT: usize = 16;

thread_local! {
    static EMPTY: RefCell<Vec<Pipe>> = const { RefCell::new(Vec::new()) };
}

/// One direction of a connection in which much flows.
#[derive(Debug)]
pub(super) struct Piping {
    pipe: Option<Pipe>,
    /// Bytes since the source was dry.
    burst: usize,
}

impl Piping {
    /// After a read of so many bytes.
    pub(super) fn after(bytes: usize) -> Self {
        Self {
            pipe: None,
            burst: bytes,
        }
    }

    /// Gives away what the pipe holds.
    pub(super) fn poll_dry(
        &mut self,
        context: &mut Context<'_>,
        to: &TcpStream,
        count: &AtomicU64,
    ) -> Poll<io::Result<()>> {
        if let Some(pipe) = &mut self.pipe {
            while pipe.held > 0 {
                let written = ready!(pipe.poll_empty(context, to))?;
                count.fetch_add(written as u64, Ordering::Relaxed);
            }
        }
        Pipe::keep(self.pipe.take());
        Poll::Ready(Ok(()))
    }

    /// Moves what is there. Ready at the end, and when so little came that a pipe does not pay.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        from: &TcpStream,
        to: &TcpStream,
        count: &AtomicU64,
    ) -> Poll<io::Result<Moved>> {
        let mut turn = 0;
        loop {
            if let Some(pipe) = &mut self.pipe {
                while pipe.held > 0 {
                    let written = ready!(pipe.poll_empty(context, to))?;
                    count.fetch_add(written as u64, Ordering::Relaxed);
                }
            }
            if turn >= TURN {
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            let Poll::Ready(ready) = from.poll_read_ready(context) else {
                Pipe::keep(self.pipe.take());
                return if std::mem::take(&mut self.burst) < MUCH {
                    Poll::Ready(Ok(Moved::Little))
                } else {
                    Poll::Pending
                };
            };
            ready?;
            let pipe = match &mut self.pipe {
                Some(pipe) => pipe,
                None => match Pipe::take() {
                    Some(pipe) => self.pipe.insert(pipe),
                    // Such as when no file descriptor is left.
                    None => return Poll::Ready(Ok(Moved::Little)),
                },
            };
            match pipe.fill(from) {
                Ok(0) => {
                    Pipe::keep(self.pipe.take());
                    return Poll::Ready(Ok(Moved::End));
                }
                Ok(read) => {
                    self.burst += read;
                    turn += read;
                }
                // The socket was dry, which the runtime knows now.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Not for this kind of socket, or not in this sandbox.
                Err(error) if error.kind() == io::ErrorKind::InvalidInput => {
                    return Poll::Ready(Ok(Moved::Little));
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// A pipe and how much is in it.
#[derive(Debug)]
struct Pipe {
    reading: OwnedFd,
    writing: OwnedFd,
    held: usize,
}

impl Pipe {
    /// An empty one, if the system gives one.
    fn take() -> Option<Self> {
        let make = || {
            let flags = PipeFlags::NONBLOCK | PipeFlags::CLOEXEC;
            let (reading, writing) = pipe_with(flags).ok()?;
            Some(Self {
                reading,
                writing,
                held: 0,
            })
        };
        EMPTY.with_borrow_mut(Vec::pop).or_else(make)
    }

    /// For the next one who needs an empty one.
    fn keep(pipe: Option<Self>) {
        EMPTY.with_borrow_mut(|empty| {
            if empty.len() < KEPT {
                empty.extend(pipe);
            }
        });
    }

    /// Takes what the socket has; 0 is its end. The pipe must be empty.
    fn fill(&mut self, from: &TcpStream) -> io::Result<usize> {
        self.held = from.try_io(Interest::READABLE, || {
            Ok(splice(from, None, &self.writing, None, MOST, flags())?)
        })?;
        Ok(self.held)
    }

    /// Gives to the socket what it takes.
    fn poll_empty(&mut self, context: &mut Context<'_>, to: &TcpStream) -> Poll<io::Result<usize>> {
        loop {
            ready!(to.poll_write_ready(context))?;
            let written = to.try_io(Interest::WRITABLE, || {
                Ok(splice(&self.reading, None, to, None, self.held, flags())?)
            });
            match written {
                Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                Ok(written) => {
                    self.held -= written;
                    return Poll::Ready(Ok(written));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

fn flags() -> SpliceFlags {
    SpliceFlags::MOVE | SpliceFlags::NONBLOCK
}
