//! The task of a connection: reads, writes, and keeps the time.
//!
//! Streams write into one buffer, and this task writes it out once for all that were ready at the
//! same time.

use std::cell::RefCell;
use std::future::Future;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

use super::error::{ConnectionError, StreamError, protocol};
use super::frame::{self, PREFACE, Reason};
use super::head::BadHead;
use super::receive::{Next, Receiver};
use super::state::{Limits, Role, State};
use super::stream::Stream;

/// Read at once: several frames. With more room than there are bytes, the runtime knows without
/// another system call that the socket is drained.
const READ: usize = 64 * 1024;
/// More than this waits to be written only if the other side asks and does not read.
const UNREAD: usize = 256 * 1024;
/// Marks the PING behind a GOAWAY.
const DRAIN: [u8; 8] = *b"lab-away";

thread_local! {
    static SCRATCH: RefCell<Vec<u8>> = RefCell::new(vec![0; READ]);
}

/// A request that a client sent.
#[derive(Debug)]
pub(super) struct Request {
    /// Its head; one that is too large can be answered.
    pub(super) head: Result<http::request::Parts, BadHead>,
    /// Where its body comes from and its answer goes.
    pub(super) stream: Stream,
}

/// Serves a client until its connection ends. `read` is what was read from it already, `take` gets
/// every request, and after `drain` no new ones are taken.
pub(super) async fn serve<T: AsyncRead + AsyncWrite + Unpin>(
    io: T,
    read: BytesMut,
    limits: Limits,
    take: impl FnMut(Request),
    drain: impl Future<Output = ()>,
) -> Result<(), ConnectionError> {
    let state = Rc::new(RefCell::new(State::new(Role::Server, limits)));
    Connection::new(io, read, state, take).run(drain).await
}

/// Calls a server.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    state: Rc<RefCell<State>>,
}

/// A caller, and what must run as long as it is used. It ends in order when the last handle is
/// gone.
pub(super) fn call<T: AsyncRead + AsyncWrite + Unpin>(
    io: T,
    read: BytesMut,
    limits: Limits,
) -> (Caller, impl Future<Output = Result<(), ConnectionError>>) {
    let state = Rc::new(RefCell::new(State::new(Role::Client, limits)));
    let caller = Caller {
        state: Rc::clone(&state),
    };
    let connection = Connection::new(io, read, state, |_| {});
    (caller, connection.run(std::future::pending()))
}

impl Caller {
    /// Whether new requests can be sent.
    pub(super) fn is_open(&self) -> bool {
        let state = self.state.borrow();
        state.ended.is_none() && !state.leaving
    }

    /// Sends a request's head; with `end` that is all. Waits while the server takes no more.
    pub(super) async fn send(
        &self,
        head: &http::request::Parts,
        end: bool,
    ) -> Result<Stream, StreamError> {
        let id = std::future::poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            match state.open() {
                Ok(Some(id)) => Poll::Ready(Ok(id)),
                Ok(None) => {
                    state.wait(context.waker());
                    Poll::Pending
                }
                Err(error) => Poll::Ready(Err(error)),
            }
        })
        .await?;
        let stream = Stream::new(Rc::clone(&self.state), id);
        stream.request(head, end);
        Ok(stream)
    }
}

impl Drop for Caller {
    fn drop(&mut self) {
        // The task looks whether it is the last.
        self.state.borrow_mut().wake();
    }
}

struct Connection<T, F> {
    io: T,
    input: BytesMut,
    state: Rc<RefCell<State>>,
    take: F,
    receiver: Receiver,
    /// Whether the client has said what it speaks.
    preface: bool,
    clock: Pin<Box<Sleep>>,
    /// Since when nothing was under way.
    idle: Option<Instant>,
    /// Since when something waits to be written.
    unwritten: Option<Instant>,
    /// The wish to drain was told to the other side.
    draining: Draining,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Draining {
    No,
    /// With a number that lets requests through that are under way.
    Announced,
    /// With the number of the last one.
    Final,
}

impl<T: AsyncRead + AsyncWrite + Unpin, F: FnMut(Request)> Connection<T, F> {
    fn new(io: T, input: BytesMut, state: Rc<RefCell<State>>, take: F) -> Self {
        let tick = tick(&state.borrow().limits);
        let server = state.borrow().role == Role::Server;
        Self {
            io,
            input,
            state,
            take,
            receiver: Receiver::new(),
            preface: !server,
            clock: Box::pin(tokio::time::sleep(tick)),
            idle: None,
            unwritten: None,
            draining: Draining::No,
        }
    }

    async fn run(mut self, drain: impl Future<Output = ()>) -> Result<(), ConnectionError> {
        let mut drain = pin!(drain);
        let ended = std::future::poll_fn(|context| self.poll(context, drain.as_mut())).await;
        let error = ended.err().unwrap_or(ConnectionError::Closed);
        self.state.borrow_mut().end(&error);
        if error.reason() != Reason::NO_ERROR {
            self.last_words(&error).await;
        }
        match error {
            ConnectionError::Closed => Ok(()),
            error => Err(error),
        }
    }

    /// Tells the other side what it did, if it still listens.
    async fn last_words(&mut self, error: &ConnectionError) {
        /// It has broken the rules: it gets a moment, and no more.
        const PATIENCE: Duration = Duration::from_secs(1);
        let out = {
            let mut state = self.state.borrow_mut();
            let last = state.last_opened;
            frame::goaway(&mut state.out, last, error.reason());
            state.out.split()
        };
        let io = &mut self.io;
        let saying = async {
            use tokio::io::AsyncWriteExt as _;
            io.write_all(&out).await?;
            io.shutdown().await
        };
        if let Ok(Err(error)) = tokio::time::timeout(PATIENCE, saying).await {
            tracing::debug!(%error, "the last words did not arrive");
        }
    }

    fn poll(
        &mut self,
        context: &mut Context<'_>,
        drain: Pin<&mut impl Future<Output = ()>>,
    ) -> Poll<Result<(), ConnectionError>> {
        if self.draining == Draining::No && drain.poll(context).is_ready() {
            self.announce();
        }
        loop {
            self.write(context)?;
            let unread = self.state.borrow().out.len() >= UNREAD;
            // With so much unread, only writing helps.
            if unread || self.read(context)?.is_pending() {
                break;
            }
        }
        if self.state.borrow().has_room_for_waiting() {
            self.state.borrow_mut().wake_waiting();
        }
        self.look_at_the_clock(context)?;
        let mut state = self.state.borrow_mut();
        state.task = Some(context.waker().clone());
        let last_handle = state.role == Role::Client && Rc::strong_count(&self.state) == 1;
        let over = last_handle || self.draining == Draining::Final || state.leaving;
        if over && state.streams.is_empty() && state.out.is_empty() {
            drop(state);
            return Pin::new(&mut self.io)
                .poll_shutdown(context)
                .map(|_| Err(ConnectionError::Closed));
        }
        Poll::Pending
    }

    /// Asks the other side for no more requests; those on their way are still taken.
    fn announce(&mut self) {
        let mut state = self.state.borrow_mut();
        frame::goaway(&mut state.out, (1 << 31) - 1, Reason::NO_ERROR);
        frame::ping(&mut state.out, 0, DRAIN);
        self.draining = Draining::Announced;
    }

    /// Writes as much as goes.
    fn write(&mut self, context: &mut Context<'_>) -> Result<(), ConnectionError> {
        let mut state = self.state.borrow_mut();
        let mut wrote = false;
        while state.out.has_remaining() {
            match Pin::new(&mut self.io).poll_write(context, &state.out) {
                Poll::Ready(Ok(0)) => return Err(ConnectionError::Closed),
                Poll::Ready(Ok(written)) => {
                    state.out.advance(written);
                    self.unwritten = None;
                    wrote = true;
                }
                Poll::Ready(Err(error)) => return Err(ConnectionError::Io(error.kind())),
                Poll::Pending => {
                    self.unwritten.get_or_insert_with(Instant::now);
                    break;
                }
            }
        }
        if wrote && let Poll::Ready(Err(error)) = Pin::new(&mut self.io).poll_flush(context) {
            return Err(ConnectionError::Io(error.kind()));
        }
        Ok(())
    }

    /// Reads once, and takes all frames that are complete.
    fn read(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, ConnectionError> {
        self.frames()?;
        let input = &mut self.input;
        let io = Pin::new(&mut self.io);
        let read = SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            ready!(io.poll_read(context, &mut buffer))?;
            input.extend_from_slice(buffer.filled());
            Poll::Ready(Ok::<_, std::io::Error>(buffer.filled().len()))
        });
        match read {
            Poll::Pending => Ok(Poll::Pending),
            Poll::Ready(Err(error)) => Err(ConnectionError::Io(error.kind())),
            Poll::Ready(Ok(0)) => Err(ConnectionError::Closed),
            Poll::Ready(Ok(_)) => {
                self.frames()?;
                if self.input.is_empty() {
                    // An idle connection holds no buffer.
                    self.input = BytesMut::new();
                }
                Ok(Poll::Ready(()))
            }
        }
    }

    fn frames(&mut self) -> Result<(), ConnectionError> {
        if !self.preface {
            let seen = self.input.len().min(PREFACE.len());
            if self.input[..seen] != PREFACE[..seen] {
                return Err(protocol(Reason::PROTOCOL_ERROR, "no HTTP/2"));
            }
            if seen < PREFACE.len() {
                return Ok(());
            }
            self.input.advance(PREFACE.len());
            self.preface = true;
        }
        loop {
            let next = {
                let mut state = self.state.borrow_mut();
                self.receiver.next(&mut self.input, &mut state)?
            };
            match next {
                Next::Wait => return Ok(()),
                Next::Frame => {}
                Next::Opened(opened) => (self.take)(Request {
                    head: opened.head,
                    stream: Stream::new(Rc::clone(&self.state), opened.id),
                }),
            }
            if self.draining == Draining::Announced && self.receiver.take_pong(DRAIN) {
                let mut state = self.state.borrow_mut();
                let last = state.last_opened;
                state.going_away = Some(last);
                frame::goaway(&mut state.out, last, Reason::NO_ERROR);
                self.draining = Draining::Final;
            }
        }
    }

    /// What has taken too long ends.
    fn look_at_the_clock(&mut self, context: &mut Context<'_>) -> Result<(), ConnectionError> {
        let mut state = self.state.borrow_mut();
        if state.streams.is_empty() {
            self.idle.get_or_insert_with(Instant::now);
        } else {
            self.idle = None;
        }
        while self.clock.as_mut().poll(context).is_ready() {
            let next = Instant::now() + tick(&state.limits);
            self.clock.as_mut().reset(next);
            let (stalled, kept) = (state.limits.stalled, state.limits.idle);
            let longer = |since: Option<Instant>, limit| {
                since.is_some_and(|since: Instant| since.elapsed() >= limit)
            };
            if longer(self.unwritten, stalled) || longer(self.receiver.unfinished(), stalled) {
                return Err(ConnectionError::Stalled);
            }
            if longer(self.idle, kept) {
                let last = state.last_opened;
                frame::goaway(&mut state.out, last, Reason::NO_ERROR);
                state.leaving = true;
                state.going_away = Some(last);
                context.waker().wake_by_ref();
            }
            let stuck: Vec<u32> = state
                .streams
                .iter()
                .filter(|(_, entry)| entry.failed.is_none() && longer(entry.blocked, stalled))
                .map(|(id, _)| *id)
                .collect();
            for id in stuck {
                state.reset(id, Reason::CANCEL);
                if let Some(entry) = state.streams.get_mut(&id) {
                    entry.fail(StreamError::Stalled);
                }
            }
        }
        Ok(())
    }
}

/// How often the clock is looked at: often enough that no limit is passed by much.
fn tick(limits: &Limits) -> Duration {
    limits.stalled.min(limits.idle) / 4
}
