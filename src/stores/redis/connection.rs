//! One connection: requests in, answers out in their order, waiting for elements in between.

use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::time;

use super::budget::Share;
use super::commands::{self, Pause, Step};
use super::protocol::Parser;
use super::reply::{Refusal, Reply};
use super::server::Server;
use super::session::Session;
use super::waiting::{Served, Turn, Wish};
use crate::net::Shutdown;

/// What is read at once.
const CHUNK: usize = 16 << 10;
/// Answers are sent when so much of them has come together.
const ENOUGH: usize = 64 << 10;
/// And after so many commands, so that a long pipeline does not run far ahead of the disk.
const BATCH: usize = 1024;

/// Serves it until it ends, or until the signal finds it waiting.
pub(super) async fn run(server: &Arc<Server>, stream: TcpStream, shutdown: Shutdown) {
    // Answers are sent whole; waiting for more to send would only delay them.
    let _ = stream.set_nodelay(true);
    let mut connection = Connection {
        stream,
        parser: Parser::default(),
        buffer: BytesMut::new(),
        share: server.budget.share(),
        session: Session::new(server.next_client()),
        output: Vec::new(),
        ticket: 0,
        shutdown,
    };
    let reason = connection.serve(server).await;
    tracing::debug!(client = connection.session.id, ?reason, "connection ended");
    let mut state = server.state();
    connection.session.unwatch(&mut state.keyspace);
}

/// Why a connection ends.
#[derive(Debug)]
enum End {
    /// The client went.
    Closed,
    /// Its requests, with everybody else's, take too much memory.
    TooMuch,
    /// It broke the protocol, or said QUIT, and was told.
    Told,
    /// What it wrote cannot be kept.
    NotKept,
    Shutdown,
}

struct Connection {
    stream: TcpStream,
    parser: Parser,
    buffer: BytesMut,
    share: Share,
    session: Session,
    output: Vec<u8>,
    /// What the disk must hold before `output` is sent.
    ticket: u64,
    shutdown: Shutdown,
}

impl Connection {
    /// Serves until there is a reason to end.
    async fn serve(&mut self, server: &Server) -> End {
        loop {
            if let Err(end) = self.serve_once(server).await {
                return end;
            }
        }
    }

    /// Runs what has arrived, and waits for more.
    async fn serve_once(&mut self, server: &Server) -> Result<(), End> {
        let mut commands = 0;
        loop {
            let request = match self.parser.next(&mut self.buffer) {
                Ok(Some(request)) => request,
                Ok(None) => break,
                Err(error) => {
                    let refusal = Refusal::error(error.0);
                    Reply::Error(refusal).encode(false, &mut self.output);
                    self.flush(server).await?;
                    return Err(End::Told);
                }
            };
            self.command(server, request).await?;
            commands += 1;
            if self.output.len() >= ENOUGH || commands >= BATCH {
                commands = 0;
                self.flush(server).await?;
            }
            if self.session.closing {
                self.flush(server).await?;
                return Err(End::Told);
            }
        }
        self.flush(server).await?;
        self.read().await
    }

    async fn command(&mut self, server: &Server, request: Vec<Bytes>) -> Result<(), End> {
        match commands::run(server, &mut self.session, request) {
            Step::Answer(reply, ticket) => {
                reply.encode(self.session.resp3, &mut self.output);
                self.ticket = self.ticket.max(ticket);
            }
            Step::Wait(Pause { wish, timeout }, turn, receiver) => {
                let place = Queued {
                    server,
                    wish: &wish,
                    turn,
                    served: Some(receiver),
                };
                let reply = self.wait(place, timeout).await?;
                let reply = reply.unwrap_or(Reply::NullArray);
                reply.encode(self.session.resp3, &mut self.output);
            }
        }
        Ok(())
    }

    /// Waits for an element; `None` when the time is over.
    async fn wait(
        &mut self,
        mut place: Queued<'_>,
        timeout: Option<Duration>,
    ) -> Result<Option<Reply>, End> {
        self.flush(place.server).await?;
        let limit = async {
            match timeout {
                Some(timeout) => time::sleep(timeout).await,
                None => std::future::pending().await,
            }
        };
        tokio::pin!(limit);
        let served = loop {
            let Some(receiver) = &mut place.served else {
                return Err(End::Closed);
            };
            tokio::select! {
                biased;
                // First, so that a client that is gone takes nothing.
                read = self.read() => read?,
                served = receiver => {
                    place.served = None;
                    break served.ok();
                }
                () = &mut limit => {
                    let mut waiting = place.served.take();
                    let waited = place.leave();
                    break match &mut waiting {
                        // Served in the same moment.
                        Some(receiver) if !waited => receiver.try_recv().ok(),
                        _ => None,
                    };
                }
            }
        };
        Ok(served.map(|served| {
            self.ticket = self.ticket.max(served.ticket);
            served.answer.unwrap_or_else(Reply::Error)
        }))
    }

    async fn read(&mut self) -> Result<(), End> {
        let held = self.buffer.len() + self.parser.held() + self.session.queued_bytes();
        if !self.share.hold(held) {
            tracing::warn!(
                client = self.session.id,
                "connection ended: requests take too much memory"
            );
            return Err(End::TooMuch);
        }
        self.buffer.reserve(CHUNK);
        let read = tokio::select! {
            read = self.stream.read_buf(&mut self.buffer) => read,
            () = self.shutdown.recv() => return Err(End::Shutdown),
        };
        match read {
            Ok(1..) => Ok(()),
            Ok(0) | Err(_) => Err(End::Closed),
        }
    }

    /// Sends the answers, once the disk holds what they tell of.
    async fn flush(&mut self, server: &Server) -> Result<(), End> {
        if self.output.is_empty() {
            return Ok(());
        }
        let mut kept = server.kept.clone();
        if kept.wait_for(|kept| *kept >= self.ticket).await.is_err() {
            return Err(End::NotKept);
        }
        let sent = self.stream.write_all(&self.output).await;
        self.output.clear();
        self.output.shrink_to(ENOUGH);
        sent.map_err(|_| End::Closed)
    }
}

/// A place in the queues. However it is given up, the client is taken out of them, and an element
/// that came in the meantime goes back.
struct Queued<'w> {
    server: &'w Server,
    wish: &'w Wish,
    turn: Turn,
    /// `None` once the outcome is in safe hands.
    served: Option<oneshot::Receiver<Served>>,
}

impl Queued<'_> {
    /// Takes the client out of the queues; whether it still waited.
    fn leave(&self) -> bool {
        self.server.state().keyspace.waiting.remove(self.turn)
    }
}

impl Drop for Queued<'_> {
    fn drop(&mut self) {
        let Some(mut receiver) = self.served.take() else {
            return;
        };
        let mut state = self.server.state();
        if state.keyspace.waiting.remove(self.turn) {
            return;
        }
        if let Ok(Served {
            popped: Some((place, item)),
            ..
        }) = receiver.try_recv()
        {
            // A key of another type may have taken the list's place; then the element has no home.
            if state.keyspace.push(&place, self.wish.from, item).is_ok() {
                commands::settle(&mut state);
            }
        }
    }
}
