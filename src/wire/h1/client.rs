//! Asks an endpoint over HTTP/1.1.

use std::fmt;
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll, Waker, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::request::Parts;
use http::{Method, Response, StatusCode};
use http_body::Frame;

use super::framing::Framing;
use super::outgoing::{Outgoing, Unwritten, scratch};
use super::reader::{Broken, Reader};
use super::{Tunnel, response, write};
use crate::model::SocketPair;
use crate::wire::{Alarm, Body, BodyError, Io, Socket};

/// A connection on which nothing is under way.
#[derive(Debug)]
pub struct Connection {
    io: Io,
    /// Its two addresses.
    pub pair: SocketPair,
    /// Since when nothing is under way.
    pub since: Instant,
}

/// Takes connections back whose exchange has come to a good end.
pub trait Home {
    /// Takes one back.
    fn keep(&self, connection: Connection);
}

/// What is asked, and how.
pub struct Call<'a> {
    /// With all headers that the endpoint is to see; framing is added.
    pub head: &'a Parts,
    /// Whether 101 is an answer.
    pub upgrade: bool,
    /// Gets the interim responses, except `100 Continue`, which is for this hop alone.
    pub interim: &'a dyn Fn(http::response::Parts, &mut Context<'_>),
    /// How long the endpoint may take nothing of the request.
    pub send: Option<Duration>,
    /// From the request's last byte until the response's head.
    pub response: Option<Duration>,
    /// Between two pieces of the response.
    pub read: Option<Duration>,
    /// Where the connection goes afterwards.
    pub home: Option<Rc<dyn Home>>,
}

/// Why there is no response.
#[derive(Debug, thiserror::Error)]
pub enum SendError {
    /// Closed before a byte of a response.
    #[error("the connection was closed")]
    Closed,
    /// What came is no response.
    #[error("{0}")]
    Malformed(&'static str),
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Timeout(Duration),
    /// The request's own body broke off.
    #[error("{0}")]
    Body(BodyError),
}

/// A response whose body is still to come, and the request's as well, maybe.
pub struct Exchange {
    /// `None` after the end.
    connection: Option<Connection>,
    outgoing: Option<Outgoing>,
    reader: Reader,
    keep_alive: bool,
    read: Option<Duration>,
    silence: Alarm,
    /// Bytes of the request that the socket did not take when it was last asked.
    unsent: usize,
    home: Option<Rc<dyn Home>>,
}

impl Connection {
    /// Around a new connection.
    pub fn new(socket: Socket, pair: SocketPair) -> Self {
        Self {
            io: Io::new(socket),
            pair,
            since: Instant::now(),
        }
    }

    /// Whether the other side has neither closed it nor said anything. Costs no system call while
    /// nothing has happened on the socket.
    pub fn is_usable(&mut self) -> bool {
        let mut context = Context::from_waker(Waker::noop());
        self.io.poll_fill(&mut context).is_pending()
    }
}

/// Sends a request and waits for its response.
pub fn exchange(
    connection: Connection,
    call: Call<'_>,
    body: Body,
) -> impl Future<Output = Result<Response<Body>, SendError>> {
    let framing = match body.length() {
        Some(0) => Framing::Empty,
        Some(length) => Framing::Length(length),
        None => Framing::Chunked,
    };
    let mut out = scratch();
    write::request(&mut out, call.head, framing);
    let mut exchange = Exchange {
        connection: Some(connection),
        outgoing: Some(Outgoing::new(out, body, framing)),
        reader: Reader::Ended,
        keep_alive: false,
        read: call.read,
        silence: Alarm::default(),
        unsent: 0,
        home: call.home,
    };
    let asked = Asked {
        method: &call.head.method,
        upgrade: call.upgrade,
        interim: call.interim,
        send: call.send,
        response: call.response,
    };
    // What is above has no place in the future, which every request has one of.
    async move {
        let head = poll_fn(|context| exchange.poll_head(&asked, context)).await?;
        exchange.silence.clear();
        exchange.keep_alive = head.keep_alive;
        exchange.reader = Reader::new(head.framing);
        let body = if head.parts.status == StatusCode::SWITCHING_PROTOCOLS {
            exchange.into_tunnel()
        } else {
            exchange.into_body(head.framing)
        };
        Ok(Response::from_parts(head.parts, body))
    }
}

/// What must be remembered of a call for its response.
struct Asked<'a> {
    method: &'a Method,
    upgrade: bool,
    interim: &'a dyn Fn(http::response::Parts, &mut Context<'_>),
    send: Option<Duration>,
    response: Option<Duration>,
}

impl Exchange {
    fn poll_head(
        &mut self,
        asked: &Asked<'_>,
        context: &mut Context<'_>,
    ) -> Poll<Result<response::Head, SendError>> {
        self.poll_send(context).map_err(SendError::Body)?;
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(Err(SendError::Closed));
        };
        let io = &mut connection.io;
        loop {
            if !io.input.is_empty() {
                let found = response::find(&mut io.input, asked.method);
                match found.map_err(SendError::Malformed)? {
                    Some(head)
                        if head.parts.status.is_informational()
                            && head.parts.status != StatusCode::SWITCHING_PROTOCOLS =>
                    {
                        if head.parts.status != StatusCode::CONTINUE {
                            (asked.interim)(head.parts, context);
                        }
                        continue;
                    }
                    Some(head)
                        if head.parts.status == StatusCode::SWITCHING_PROTOCOLS
                            && !asked.upgrade =>
                    {
                        return Poll::Ready(Err(SendError::Malformed("101 was not asked for")));
                    }
                    Some(head) => return Poll::Ready(Ok(head)),
                    None => {}
                }
            }
            match io.poll_fill(context) {
                Poll::Ready(Ok(1..)) => {}
                Poll::Ready(_) if io.input.is_empty() => {
                    return Poll::Ready(Err(SendError::Closed));
                }
                Poll::Ready(_) => {
                    return Poll::Ready(Err(SendError::Malformed("it ends in the head")));
                }
                Poll::Pending => {
                    let limit = ready!(self.poll_slow(asked, context));
                    return Poll::Ready(Err(SendError::Timeout(limit)));
                }
            }
        }
    }

    /// Ready when the endpoint has taken too long, with the limit: to read the request, or to answer
    /// it once it has.
    fn poll_slow(&mut self, asked: &Asked<'_>, context: &mut Context<'_>) -> Poll<Duration> {
        let unsent = match &self.connection {
            Some(connection) => connection.io.unwritten(),
            None => 0,
        };
        if unsent != self.unsent {
            self.unsent = unsent;
            self.silence.clear();
        }
        let limit = match self.outgoing {
            None => asked.response,
            // It is the client who is slow, which is not the endpoint's fault.
            Some(_) if unsent == 0 => None,
            Some(_) => asked.send,
        };
        let Some(limit) = limit else {
            return Poll::Pending;
        };
        if !self.silence.is_set() {
            self.silence.set(limit);
        }
        self.silence.poll(context).map(|()| limit)
    }

    /// Sends what can be sent. An endpoint that closes early may have answered before, so that is
    /// for the reader to find out.
    fn poll_send(&mut self, context: &mut Context<'_>) -> Result<(), BodyError> {
        let (Some(outgoing), Some(connection)) = (&mut self.outgoing, &mut self.connection) else {
            return Ok(());
        };
        match outgoing.poll(&mut connection.io, context) {
            Poll::Pending => Ok(()),
            Poll::Ready(Ok(())) => {
                self.outgoing = None;
                Ok(())
            }
            Poll::Ready(Err(Unwritten::Io(error))) => {
                tracing::debug!(%error, "an endpoint takes no more of a request");
                Ok(())
            }
            Poll::Ready(Err(Unwritten::Body(error))) => Err(error),
        }
    }

    fn into_tunnel(mut self) -> Body {
        match self.connection.take() {
            Some(connection) => Body::Tunnel(Box::new(Tunnel::new(connection.io))),
            None => Body::Empty,
        }
    }

    /// The body; at once and without this if all of it is here.
    fn into_body(mut self, framing: Framing) -> Body {
        if let (Framing::Length(length), Some(connection), None) =
            (framing, &mut self.connection, &self.outgoing)
            && let Ok(length) = usize::try_from(length)
            && connection.io.input.len() >= length
        {
            let bytes = connection.io.input.split_to(length).freeze();
            self.reader = Reader::Ended;
            self.release();
            return Body::Full(bytes);
        }
        if self.reader.is_end() {
            self.release();
            return Body::Empty;
        }
        Body::Response(Box::new(self))
    }

    /// Gives the connection back, or closes it if something of the exchange is left on it.
    fn release(&mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        if self.keep_alive
            && self.outgoing.is_none()
            && connection.io.input.is_empty()
            && let Some(home) = &self.home
        {
            connection.since = Instant::now();
            home.keep(connection);
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if let Err(error) = self.poll_send(context) {
            self.connection = None;
            return Poll::Ready(Some(Err(error)));
        }
        let Some(connection) = &mut self.connection else {
            return Poll::Ready(None);
        };
        let frame = match self.reader.poll(&mut connection.io, context) {
            Poll::Ready(frame) => frame,
            Poll::Pending => return self.poll_silence(context),
        };
        self.silence.clear();
        if matches!(frame, Some(Err(_))) {
            self.connection = None;
        } else if self.reader.is_end() {
            self.release();
        }
        Poll::Ready(frame.map(|frame| {
            frame.map_err(|broken| match broken {
                Broken::Short => BodyError::EndpointGone,
                Broken::Malformed(reason) => BodyError::Malformed(reason),
            })
        }))
    }

    fn poll_silence(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let Some(limit) = self.read else {
            return Poll::Pending;
        };
        if !self.silence.is_set() {
            self.silence.set(limit);
        }
        ready!(self.silence.poll(context));
        self.connection = None;
        Poll::Ready(Some(Err(BodyError::Silence(limit))))
    }

    pub(crate) fn is_end(&self) -> bool {
        self.connection.is_none()
    }

    pub(crate) fn length(&self) -> Option<u64> {
        self.reader.length()
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Exchange")
            .field("connection", &self.connection)
            .field("reader", &self.reader)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Call")
            .field("head", &self.head)
            .finish_non_exhaustive()
    }
}
