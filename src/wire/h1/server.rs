//! Serves a client's connection, one request after the other.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use http::header::CONTENT_LENGTH;
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};

use super::framing::Framing;
use super::incoming::{Incoming, Shared};
use super::outgoing::{Outgoing, Unwritten, scratch};
use super::request::{Finder, Head};
use super::write::{self, Persistence};
use crate::wire::stop::Listener;
use crate::wire::{Abort, Alarm, Body, Interim, Io, Last, Limits, Refused, Service};

/// Bytes of further requests that are read while one is answered.
const PIPELINED: usize = 64 * 1024;
/// Bytes of a body that nobody wanted, read so that the connection can be kept.
const UNWANTED: usize = 64 * 1024;
/// How long a connection without a request is kept when everything stops: its first request may be
/// on its way.
const FIRST_REQUEST: Duration = Duration::from_secs(1);
/// How long a client may take to read an answer after which its bytes are not read any more.
const LINGER: Duration = Duration::from_secs(2);
/// And so many bytes.
const LINGERING: usize = 1024 * 1024;

/// Serves until the connection ends, or until the request that is open when the stop is given.
pub async fn serve<S: Service>(
    io: Io,
    service: &S,
    limits: &Limits,
    stop: &Listener,
) -> io::Result<()> {
    let mut server = Server {
        shared: Rc::new(RefCell::new(Shared::new(io))),
        limits,
        stop,
        alarm: Alarm::default(),
    };
    loop {
        let next = match server.head().await {
            Ok(Some(head)) => server.answer(service, head).await?,
            Ok(None) => Next::End,
            Err(refused) => server.refuse(service, &refused).await?,
        };
        match next {
            Next::Request => {}
            Next::Tunnel(tunnel) => {
                return match Rc::try_unwrap(server.shared) {
                    Ok(shared) => tunnel.run(shared.into_inner().io).await,
                    // A body that outlives its request still reads from the connection.
                    Err(_) => Ok(()),
                };
            }
            Next::End => return server.close().await,
        }
    }
}

struct Server<'a> {
    shared: Rc<RefCell<Shared>>,
    limits: &'a Limits,
    stop: &'a Listener,
    /// For heads and for answers, which do not come together.
    alarm: Alarm,
}

/// What follows an answer.
enum Next {
    Request,
    Tunnel(Box<super::Tunnel>),
    End,
}

/// What must be remembered of a request for its answer.
struct Asked {
    head_only: bool,
    old: bool,
    keep_alive: bool,
}

impl Server<'_> {
    /// The next request's head; `None` if there is none.
    async fn head(&mut self) -> Result<Option<Head>, Refused> {
        let mut finder = Finder::default();
        let first = self.shared.borrow().request == 0;
        let mut begun = false;
        let mut stopping = false;
        self.alarm.set(if first {
            self.limits.head
        } else {
            self.limits.idle
        });
        poll_fn(|context| {
            let io = &mut self.shared.borrow_mut().io;
            loop {
                if !io.input.is_empty() {
                    if let Some(head) = finder.find(&mut io.input)? {
                        self.alarm.clear();
                        return Poll::Ready(Ok(Some(head)));
                    }
                    if !begun && !first {
                        self.alarm.set(self.limits.head);
                    }
                    begun = true;
                }
                match io.poll_fill(context) {
                    Poll::Ready(Ok(1..)) => {}
                    Poll::Ready(_) => return Poll::Ready(Ok(None)),
                    Poll::Pending => break,
                }
            }
            if !begun && !stopping && self.stop.given(context) {
                if !first {
                    return Poll::Ready(Ok(None));
                }
                stopping = true;
                self.alarm.set(FIRST_REQUEST.min(self.limits.head));
            }
            ready!(self.alarm.poll(context));
            Poll::Ready(if begun {
                Err(Refused::TooSlow)
            } else {
                Ok(None)
            })
        })
        .await
    }

    /// Has a request answered.
    async fn answer(&mut self, service: &impl Service, head: Head) -> io::Result<Next> {
        let asked = Asked {
            head_only: head.parts.method == Method::HEAD,
            old: head.parts.version == Version::HTTP_10,
            keep_alive: head.keep_alive,
        };
        self.shared
            .borrow_mut()
            .begin(head.framing, head.expects, self.limits.body);
        let body = match head.framing {
            Framing::Empty => Body::Empty,
            _ => Body::Request(Incoming::new(&self.shared)),
        };
        // In a box of its own, or every idle connection would hold the room for it.
        let interim = if asked.old {
            Interim::default()
        } else {
            Interim::to(Rc::<RefCell<Shared>>::clone(&self.shared))
        };
        let mut call = Box::pin(service.call(Request::from_parts(head.parts, body), interim));
        let response = poll_fn(|context| {
            if let Poll::Ready(response) = call.as_mut().poll(context) {
                return Poll::Ready(Some(response));
            }
            self.poll_gone(context).map(|()| None)
        })
        .await;
        drop(call);
        let Some(response) = response else {
            return Ok(Next::End);
        };
        if response.extensions().get::<Abort>().is_some() {
            self.shared.borrow().io.reset();
            return Err(io::ErrorKind::ConnectionReset.into());
        }
        self.respond(response, &asked).await
    }

    /// Answers a request that could not be read.
    async fn refuse(&mut self, service: &impl Service, refused: &Refused) -> io::Result<Next> {
        let asked = Asked {
            head_only: false,
            old: false,
            keep_alive: false,
        };
        self.shared.borrow_mut().broken = Some(*refused);
        self.respond(service.refuse(refused), &asked).await
    }

    /// Ready when the client is gone. What it sends meanwhile is the next request.
    fn poll_gone(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.shared.borrow_mut();
        let shared = &mut *shared;
        if !shared.io.is_flushed() && matches!(shared.io.poll_flush(context), Poll::Ready(Err(_))) {
            return Poll::Ready(());
        }
        if !shared.reader.is_end() || shared.failed() {
            return Poll::Pending;
        }
        while shared.io.input.len() < PIPELINED {
            if matches!(ready!(shared.io.poll_fill(context)), Ok(0) | Err(_)) {
                shared.gone = true;
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    async fn respond(&mut self, response: Response<Body>, asked: &Asked) -> io::Result<Next> {
        let (mut parts, body) = response.into_parts();
        let (body, tunnel) = match body {
            Body::Tunnel(tunnel) => (Body::Empty, Some(tunnel)),
            body => (body, None),
        };
        let bodiless = asked.head_only
            || parts.status.is_informational()
            || matches!(
                parts.status,
                StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
            );
        let framing = match body.length() {
            _ if bodiless => Framing::Empty,
            Some(0) => Framing::Empty,
            Some(length) => Framing::Length(length),
            None if asked.old => Framing::UntilClose,
            None => Framing::Chunked,
        };
        if asked.head_only
            && let Some(length @ 1..) = body.length()
        {
            parts
                .headers
                .insert(CONTENT_LENGTH, HeaderValue::from(length));
        }
        let keep = asked.keep_alive
            && parts.extensions.get::<Last>().is_none()
            && framing != Framing::UntilClose
            && !self.stop.is_given()
            && self.can_be_kept(&body).await;
        let persistence = match (keep, asked.old) {
            _ if tunnel.is_some() => Persistence::Implied,
            (true, true) => Persistence::KeepAlive,
            (true, false) => Persistence::Implied,
            (false, _) => Persistence::Close,
        };
        let mut out = scratch();
        write::response(&mut out, &parts, framing, persistence, bodiless);
        let body = if framing == Framing::Empty {
            Body::Empty
        } else {
            body
        };
        let mut outgoing = Outgoing::new(out, body, framing);
        let written = poll_fn(|context| self.poll_written(&mut outgoing, context)).await;
        drop(outgoing);
        match written {
            Ok(()) => {}
            Err(Unwritten::Io(error)) => return Err(error),
            Err(Unwritten::Body(error)) => return Err(io::Error::other(error)),
        }
        if let Some(tunnel) = tunnel {
            return Ok(Next::Tunnel(tunnel));
        }
        let keep = keep && self.drain().await;
        Ok(if keep { Next::Request } else { Next::End })
    }

    fn poll_written(
        &mut self,
        outgoing: &mut Outgoing,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), Unwritten>> {
        if let Poll::Ready(written) = outgoing.poll(&*self.shared, context) {
            self.alarm.clear();
            return Poll::Ready(written);
        }
        let flushed = self.shared.borrow().io.is_flushed();
        if flushed {
            // It is the endpoint that is waited for.
            self.alarm.clear();
        } else {
            if !self.alarm.is_set() {
                self.alarm.set(self.limits.write);
            }
            if self.alarm.poll(context).is_ready() {
                return Poll::Ready(Err(Unwritten::Io(io::ErrorKind::TimedOut.into())));
            }
        }
        ready!(self.poll_gone(context));
        Poll::Ready(Err(Unwritten::Io(io::ErrorKind::ConnectionReset.into())))
    }

    /// Whether the connection can be kept, as far as this is known before the answer.
    async fn can_be_kept(&self, answer: &Body) -> bool {
        {
            let shared = self.shared.borrow();
            if shared.failed() {
                return false;
            }
            if shared.reader.is_end() {
                return true;
            }
            if shared.expects {
                // Nobody knows whether the client sends the body now.
                return false;
            }
        }
        // An endpoint's answer may come while the body is still on its way to it.
        !matches!(answer, Body::Empty | Body::Full(_)) || self.drain().await
    }

    /// Reads what is there of a body that nobody wanted; whether that was all.
    async fn drain(&self) -> bool {
        poll_fn(|context| {
            let mut shared = self.shared.borrow_mut();
            let shared = &mut *shared;
            let mut read = 0;
            while !shared.reader.is_end() && read < UNWANTED {
                match shared.reader.poll(&mut shared.io, context) {
                    Poll::Ready(Some(Ok(frame))) => {
                        read += frame.data_ref().map_or(0, bytes::Bytes::len);
                    }
                    Poll::Ready(None) => break,
                    Poll::Ready(Some(Err(_))) => {
                        shared.gone = true;
                        break;
                    }
                    Poll::Pending => return Poll::Ready(false),
                }
            }
            Poll::Ready(shared.reader.is_end() && !shared.failed() && !shared.expects)
        })
        .await
    }

    /// Ends the connection such that the client can read what it was sent: a socket that is closed
    /// with bytes unread resets the connection.
    async fn close(&self) -> io::Result<()> {
        poll_fn(|context| {
            let io = &mut self.shared.borrow_mut().io;
            ready!(io.poll_flush(context))?;
            io.poll_shutdown(context)
        })
        .await?;
        let unread = {
            let shared = self.shared.borrow();
            let unread = !shared.reader.is_end() || !shared.io.input.is_empty();
            (unread || shared.broken.is_some()) && !shared.gone
        };
        if unread {
            let mut alarm = Alarm::default();
            alarm.set(LINGER);
            let mut read = 0;
            poll_fn(|context| {
                let io = &mut self.shared.borrow_mut().io;
                while read < LINGERING {
                    io.input.clear();
                    match io.poll_fill(context) {
                        Poll::Ready(Ok(count @ 1..)) => read += count,
                        Poll::Ready(_) => return Poll::Ready(()),
                        Poll::Pending => return alarm.poll(context),
                    }
                }
                Poll::Ready(())
            })
            .await;
        }
        Ok(())
    }
}
