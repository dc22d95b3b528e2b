//! One direction of a connection whose bytes arrive later than they came, each by the same time.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::time::{Instant, Sleep, sleep};

use super::copy::Moved;

/// Bytes that are held at most; then the sender waits, as for a full window.
const MOST: usize = 1024 * 1024;
/// Read at once.
const READ: usize = 16 * 1024;

/// Bytes on their way, the oldest first.
#[derive(Debug)]
pub(super) struct Late {
    line: VecDeque<(Instant, Bytes)>,
    held: usize,
    timer: Pin<Box<Sleep>>,
    ended: bool,
}

impl Late {
    pub(super) fn new() -> Self {
        Self {
            line: VecDeque::new(),
            held: 0,
            timer: Box::pin(sleep(Duration::ZERO)),
            ended: false,
        }
    }

    /// Moves what is due. Without a delay it lets go of what it holds, and then says so.
    pub(super) fn poll(
        &mut self,
        context: &mut Context<'_>,
        from: &mut TcpStream,
        to: &mut TcpStream,
        count: &AtomicU64,
        delay: Duration,
    ) -> Poll<io::Result<Moved>> {
        loop {
            if !delay.is_zero() {
                self.fill(context, from, delay)?;
            }
            let Some((due, bytes)) = self.line.front_mut() else {
                return match (self.ended, delay.is_zero()) {
                    (true, _) => Poll::Ready(Ok(Moved::End)),
                    (false, true) => Poll::Ready(Ok(Moved::Little)),
                    (false, false) => Poll::Pending,
                };
            };
            if *due > Instant::now() && !delay.is_zero() {
                self.timer.as_mut().reset(*due);
                ready!(self.timer.as_mut().poll(context));
            }
            let written = ready!(Pin::new(&mut *to).poll_write(context, bytes))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            count.fetch_add(written as u64, Ordering::Relaxed);
            bytes.advance(written);
            self.held -= written;
            if bytes.is_empty() {
                self.line.pop_front();
            }
        }
    }

    /// Reads what is there, as long as there is room.
    fn fill(
        &mut self,
        context: &mut Context<'_>,
        from: &mut TcpStream,
        delay: Duration,
    ) -> io::Result<()> {
        let mut room = [0; READ];
        while !self.ended && self.held < MOST {
            let mut buffer = ReadBuf::new(&mut room);
            match Pin::new(&mut *from).poll_read(context, &mut buffer) {
                Poll::Pending => return Ok(()),
                Poll::Ready(read) => read?,
            }
            let bytes = buffer.filled();
            self.ended = bytes.is_empty();
            if !self.ended {
                self.held += bytes.len();
                let bytes = Bytes::copy_from_slice(bytes);
                self.line.push_back((Instant::now() + delay, bytes));
            }
        }
        Ok(())
    }
}
