//! One request and its response over a connection to an endpoint, with another try where that
//! cannot do anything twice, or where the route asks for it.

use std::cell::Cell;
use std::rc::Rc;
use std::task::Context;
use std::time::{Duration, Instant};

use http::request::Parts;
use http::{HeaderValue, Method, Response};

use super::failure::Failure;
use super::film::Film;
use super::headers;
use super::pool::{Connection, DialError, Link};
use super::view::{Backend, Target};
use crate::model::{Balancing, Retry};
use crate::wire::h1::{self, Call, SendError};
use crate::wire::{Body, BodyError, Interim, http2};

/// Endpoints that are tried for one request; nginx' `proxy-next-upstream-tries`.
const TRIES: usize = 3;

/// Limits of one request, and where its interim responses go.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Limits<'r> {
    /// For a connection; the replica's if there is none.
    pub(super) connect: Option<Duration>,
    /// How long an endpoint may take nothing of a request, over HTTP/1.1.
    pub(super) send: Option<Duration>,
    /// From the last byte of the request until the response head, for each try.
    pub(super) response: Option<Duration>,
    /// Between two pieces of the response body.
    pub(super) read: Option<Duration>,
    /// Until the response head, all tries together.
    pub(super) request: Option<Duration>,
    /// When another try is made; if there is none, only where nothing was sent, or a kept connection
    /// was just being closed.
    pub(super) retry: Option<&'r Retry>,
    /// The endpoint that is tried first; the next in turn if there is none.
    pub(super) first: Option<usize>,
    /// The client that gets interim responses, if one does.
    pub(super) interim: Option<&'r Interim>,
    /// Where it is noted which endpoint was tried last.
    pub(super) tried: Option<&'r Cell<Option<usize>>>,
    /// Whether the client wants to know which endpoint answered.
    pub(super) tell: bool,
}

/// Sends a prepared request to an endpoint of the backend, which must have one. `upgrade` asks for
/// a connection of its own that may become a tunnel.
pub(super) async fn exchange(
    backend: &Backend,
    head: &Parts,
    body: Body,
    limits: &Limits<'_>,
    upgrade: bool,
    film: &mut Option<Box<Film>>,
) -> Result<Response<Body>, Failure> {
    let Some(limit) = limits.request else {
        return attempts(backend, head, body, limits, upgrade, film).await;
    };
    // In a box, or requests without a limit would hold the room for it as well.
    let trying = Box::pin(attempts(backend, head, body, limits, upgrade, film));
    match tokio::time::timeout(limit, trying).await {
        Ok(answered) => answered,
        Err(_) => Err(Failure::Timeout {
            endpoint: format!("Service \"{}\"", backend.service),
            limit,
        }),
    }
}

/// Why a try was not the last.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Again {
    /// With a connection that is new, to the next endpoint.
    Fresh,
    /// To the next endpoint.
    Next,
}

async fn attempts(
    backend: &Backend,
    head: &Parts,
    body: Body,
    limits: &Limits<'_>,
    upgrade: bool,
    film: &mut Option<Box<Film>>,
) -> Result<Response<Body>, Failure> {
    let first = limits.first.unwrap_or_else(|| backend.next());
    let mut body = Some(body);
    let without_body = body.as_ref().is_some_and(Body::is_end);
    let policy = Policy {
        repeatable: without_body && is_idempotent(&head.method),
        without_body,
        endpoints: backend.endpoints.len(),
        retry: limits.retry,
        begun: limits.retry.map(|_| Instant::now()),
    };
    let mut tried = 0;
    let mut fresh = false;
    loop {
        let index = (first + tried) % backend.endpoints.len();
        let target = &backend.endpoints[index];
        if let Some(noted) = limits.tried {
            noted.set(Some(index));
        }
        if let Some(film) = film {
            film.selected(backend, index, tried);
        }
        tried += 1;
        let taken = if upgrade {
            Box::pin(target.pool.dial(limits.connect)).await
        } else {
            target.pool.take(fresh, limits.connect).await
        };
        let connection = match taken {
            Ok(connection) => connection,
            Err(source) if policy.after_no_connection(tried) => {
                tracing::debug!(endpoint = %target.name, %source, "trying the next endpoint");
                policy.wait().await;
                continue;
            }
            Err(source) => return Err(unreachable(target, source)),
        };
        if let Some(film) = film {
            film.carried(&connection);
        }
        let reused = connection.reused;
        let body = body.take().unwrap_or_default();
        let sent = (backend.selection == Balancing::LeastLatency).then(Instant::now);
        let result = send(connection, head, body, limits, upgrade, target).await;
        let again = match &result {
            Ok(response) => {
                if let Some(sent) = sent {
                    target.pool.took(sent.elapsed());
                }
                policy.after_status(response.status().as_u16(), tried)
            }
            Err(error) => policy.after_error(error, reused, tried),
        };
        match (again, result) {
            (Some(again), _) => {
                fresh = again == Again::Fresh;
                policy.wait().await;
            }
            (None, Ok(mut response)) => {
                if limits.tell
                    && let Ok(name) = HeaderValue::try_from(&target.name)
                {
                    response.headers_mut().insert(headers::ENDPOINT, name);
                }
                return Ok(response);
            }
            (None, Err(error)) => return Err(failure(target, &error)),
        }
    }
}

/// Whether another try is made.
struct Policy<'r> {
    /// Doing it twice does no harm, and nothing of the request is lost.
    repeatable: bool,
    without_body: bool,
    endpoints: usize,
    retry: Option<&'r Retry>,
    /// Where there is a limit for all tries together.
    begun: Option<Instant>,
}

impl Policy<'_> {
    fn after_no_connection(&self, tried: usize) -> bool {
        match self.retry {
            // Nothing was sent, so every request may be.
            Some(retry) => retry.on_error && self.has_tries(retry, tried),
            None => tried < TRIES.min(self.endpoints),
        }
    }

    fn after_error(&self, error: &SendError, reused: bool, tried: usize) -> Option<Again> {
        // A kept connection may be closed by its endpoint in the moment it is used.
        let closed = matches!(error, SendError::Closed);
        if closed && reused && self.repeatable && tried < TRIES {
            return Some(Again::Fresh);
        }
        let retry = self.retry?;
        let asked = match error {
            SendError::Closed => retry.on_error,
            SendError::Timeout(_) => retry.on_timeout,
            // What one endpoint answers badly, the next one will too.
            SendError::Malformed(_) | SendError::Body(_) => false,
        };
        (asked && self.may_repeat(retry) && self.has_tries(retry, tried)).then_some(Again::Next)
    }

    fn after_status(&self, status: u16, tried: usize) -> Option<Again> {
        let retry = self.retry?;
        let asked = retry.statuses.contains(&status);
        (asked && self.may_repeat(retry) && self.has_tries(retry, tried)).then_some(Again::Next)
    }

    /// A body that went by cannot be sent again.
    fn may_repeat(&self, retry: &Retry) -> bool {
        self.without_body && (self.repeatable || retry.non_idempotent)
    }

    fn has_tries(&self, retry: &Retry, tried: usize) -> bool {
        let left = tried < retry.tries as usize;
        left && retry
            .within
            .zip(self.begun)
            .is_none_or(|(within, begun)| begun.elapsed() < within)
    }

    async fn wait(&self) {
        if let Some(retry) = self.retry.filter(|retry| !retry.backoff.is_zero()) {
            tokio::time::sleep(retry.backoff).await;
        }
    }
}

/// Sends over one connection.
async fn send(
    connection: Connection,
    head: &Parts,
    body: Body,
    limits: &Limits<'_>,
    upgrade: bool,
    target: &Target,
) -> Result<Response<Body>, SendError> {
    let Limits {
        send,
        response,
        read,
        ..
    } = *limits;
    let interim = |mut parts: http::response::Parts, context: &mut Context<'_>| {
        if let Some(client) = limits.interim {
            headers::remove_hop_by_hop(&mut parts.headers);
            client.send(&parts, context);
        }
    };
    match connection.link {
        Link::H1(connection) => {
            let home: Rc<dyn h1::Home> = Rc::clone(&target.pool) as Rc<dyn h1::Home>;
            let call = Call {
                head,
                upgrade,
                interim: &interim,
                send,
                response,
                read,
                home: (!upgrade).then_some(home),
            };
            h1::exchange(connection, call, body).await
        }
        Link::H2(client) => http2::exchange(client, head, body, &interim, response, read).await,
    }
}

fn unreachable(target: &Target, source: DialError) -> Failure {
    Failure::Connect {
        endpoint: target.name.clone(),
        source,
    }
}

/// What the error means for the client.
fn failure(target: &Target, error: &SendError) -> Failure {
    let endpoint = target.name.clone();
    match *error {
        SendError::Closed => Failure::Closed { endpoint },
        SendError::Malformed(reason) => Failure::BadResponse { endpoint, reason },
        SendError::Timeout(limit) => Failure::Timeout { endpoint, limit },
        SendError::Body(BodyError::Refused(refused)) => Failure::Unreadable(refused),
        SendError::Body(BodyError::TooLarge(limit)) => Failure::TooLarge { limit },
        SendError::Body(_) => Failure::ClientBody,
    }
}

/// RFC 9110 section 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}
