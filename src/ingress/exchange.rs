//! One request and its response over a connection to an endpoint, with another try where that
//! cannot do anything twice.

use std::time::Duration;

use http::request::Parts;
use http::{Method, Request, Response};
use http_body::Body as _;
use hyper::body::Incoming;

use super::body::{RequestBody, ResponseBody, Return};
use super::failure::Failure;
use super::film::Film;
use super::headers;
use super::pool::{Connection, Sender};
use super::view::{Backend, Target};

/// Endpoints that are tried for one request; nginx' `proxy-next-upstream-tries`.
const TRIES: usize = 3;

/// Why there was no response.
enum SendError {
    /// Nothing of it left this process.
    Unsent(Box<Request<RequestBody>>),
    /// It may have arrived.
    Sent(hyper::Error),
    Timeout(Duration),
}

/// Sends a prepared request to an endpoint of the backend, which must have one.
pub(super) async fn exchange(
    backend: &Backend,
    mut head: Parts,
    mut body: RequestBody,
    limits: Limits,
    film: &mut Option<Box<Film>>,
) -> Result<Response<ResponseBody>, Failure> {
    let first = backend.next();
    let mut tried = 0;
    let mut fresh = false;
    loop {
        let index = (first + tried) % backend.endpoints.len();
        let target = &backend.endpoints[index];
        if let Some(film) = film {
            film.selected(backend, index, tried);
        }
        tried += 1;
        let mut connection = match target.pool.take(fresh).await {
            Ok(connection) => connection,
            Err(source) if tried < TRIES.min(backend.endpoints.len()) => {
                tracing::debug!(endpoint = %target.name, %source, "trying the next endpoint");
                continue;
            }
            Err(source) => {
                return Err(Failure::Connect {
                    endpoint: target.name.clone(),
                    source,
                });
            }
        };
        if let Some(film) = film {
            film.carried(&connection, target.pool.h2c);
        }
        // A kept connection may be closed by its endpoint in the moment it is used. Only then, and
        // only if doing it twice does no harm, is the request needed again.
        let spare = (connection.reused
            && tried < TRIES
            && body.is_end_stream()
            && is_idempotent(&head.method))
        .then(|| head.clone());
        let request = Request::from_parts(head, body);
        match send(&mut connection, request, limits.response).await {
            Ok(response) => return Ok(answer(response, connection, target, limits, film)),
            Err(SendError::Unsent(request)) if tried < TRIES => {
                (head, body) = request.into_parts();
                fresh = true;
            }
            Err(SendError::Unsent(_)) => {
                return Err(Failure::Closed {
                    endpoint: target.name.clone(),
                });
            }
            Err(SendError::Timeout(limit)) => {
                return Err(Failure::Timeout {
                    endpoint: target.name.clone(),
                    limit,
                });
            }
            Err(SendError::Sent(error)) => match spare {
                Some(spare) if !error.is_parse() => {
                    head = spare;
                    body = RequestBody::empty();
                    fresh = true;
                }
                _ => return Err(failure(target, &error)),
            },
        }
    }
}

/// Limits of one request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// Until the response head.
    pub(super) response: Option<Duration>,
    /// Between two pieces of the response body.
    pub(super) read: Option<Duration>,
}

/// Sends over one connection.
async fn send(
    connection: &mut Connection,
    request: Request<RequestBody>,
    limit: Option<Duration>,
) -> Result<Response<Incoming>, SendError> {
    let sending = async {
        let result = match &mut connection.sender {
            Sender::H1(sender) => sender.try_send_request(request).await,
            Sender::H2(sender) => sender.try_send_request(request).await,
        };
        result.map_err(|mut error| match error.take_message() {
            Some(request) => SendError::Unsent(Box::new(request)),
            None => SendError::Sent(error.into_error()),
        })
    };
    match limit {
        None => sending.await,
        Some(limit) => tokio::time::timeout(limit, sending)
            .await
            .map_err(|_| SendError::Timeout(limit))?,
    }
}

/// The endpoint's response as the client gets it.
fn answer(
    response: Response<Incoming>,
    connection: Connection,
    target: &Target,
    limits: Limits,
    film: &mut Option<Box<Film>>,
) -> Response<ResponseBody> {
    let (mut parts, incoming) = response.into_parts();
    headers::to_client(&mut parts.headers);
    parts.version = http::Version::HTTP_11;
    let returns = match connection.sender {
        Sender::H1(sender) => Some(Return {
            sender,
            pair: connection.pair,
            pool: std::sync::Arc::clone(&target.pool),
        }),
        Sender::H2(_) => None,
    };
    let film = film.take().map(|mut film| {
        film.answered(parts.status);
        film
    });
    let body = ResponseBody::forwarded(incoming, limits.read)
        .returning(returns)
        .filmed(film);
    Response::from_parts(parts, body)
}

/// What hyper's error means for the client.
pub(super) fn failure(target: &Target, error: &hyper::Error) -> Failure {
    let endpoint = target.name.clone();
    if error.is_user() {
        return Failure::ClientBody;
    }
    if error.is_parse() {
        return Failure::BadResponse {
            endpoint,
            reason: error.to_string(),
        };
    }
    Failure::Closed { endpoint }
}

/// RFC 9110 section 9.2.2.
fn is_idempotent(method: &Method) -> bool {
    matches!(
        *method,
        Method::GET | Method::HEAD | Method::OPTIONS | Method::PUT | Method::DELETE
    )
}
