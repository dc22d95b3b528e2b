//! Asks an endpoint over HTTP/2: one connection, shared by all requests.

use std::fmt;
use std::future::{Future as _, poll_fn};
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::BytesMut;
use http::request::Parts;
use http::{Response, StatusCode};

use super::connection::{Caller, call};
use super::error::StreamError;
use super::state::Limits;
use super::streamed::{Sending, Streamed, pump};
use crate::wire::h1::SendError;
use crate::wire::limits::{MAX_HEAD, MAX_HEADERS};
use crate::wire::{Body, Socket};

/// What an endpoint may do. Its windows are for response bodies; 64 KiB, the protocol's default,
/// stalls on a fast loopback.
const LIMITS: Limits = Limits {
    streams: 0,
    stream_window: 1 << 20,
    connection_window: 4 << 20,
    header_list: MAX_HEAD,
    headers: MAX_HEADERS,
    // Pools end what nobody uses.
    idle: Duration::from_secs(90),
    stalled: Duration::from_secs(60),
};

/// A connection that can take requests.
#[derive(Clone)]
pub struct Client {
    caller: Caller,
}

impl Client {
    /// Begins to speak HTTP/2. The connection lives for as long as somebody needs it.
    pub fn start(socket: Socket) -> Self {
        let (caller, connection) = call(socket, BytesMut::new(), LIMITS);
        tokio::task::spawn_local(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection to an endpoint ended");
            }
        });
        Self { caller }
    }

    /// Whether it takes more requests.
    pub fn is_usable(&self) -> bool {
        self.caller.is_open()
    }
}

/// Sends a request and waits for its response. Interim ones go to `interim`, except `100 Continue`,
/// which is for this hop alone.
pub async fn exchange(
    client: Client,
    head: &Parts,
    body: Body,
    interim: &dyn Fn(http::response::Parts, &mut Context<'_>),
    response: Option<Duration>,
    read: Option<Duration>,
) -> Result<Response<Body>, SendError> {
    let end = body.is_end();
    let stream = client.caller.send(head, end).await;
    let stream = Rc::new(stream.map_err(|error| closed(&error))?);
    let sending = if end { None } else { send(body, &stream).await };
    let answer = async {
        loop {
            let head = stream.head().await?;
            if !head.status.is_informational() {
                return Ok(head);
            }
            if head.status != StatusCode::CONTINUE {
                let mut head = Some(head);
                poll_fn(|context| {
                    if let Some(head) = head.take() {
                        interim(head, context);
                    }
                    Poll::Ready(())
                })
                .await;
            }
        }
    };
    let answered = match response {
        None => answer.await,
        Some(limit) => {
            let mut answer = std::pin::pin!(answer);
            loop {
                if let Ok(answered) = tokio::time::timeout(limit, answer.as_mut()).await {
                    break answered;
                }
                // A request that is still on its way has no answer to be late with.
                if !sending.as_ref().is_some_and(Sending::is_running) {
                    return Err(SendError::Timeout(limit));
                }
            }
        }
    };
    let parts = answered.map_err(|error: StreamError| closed(&error))?;
    let body = if stream.is_ended() {
        Body::Empty
    } else {
        Body::Streamed(Box::new(Streamed::of_endpoint(stream, read, sending)))
    };
    Ok(Response::from_parts(parts, body))
}

/// Sends what of a body is there already, and the rest beside its answer.
async fn send(body: Body, stream: &Rc<super::stream::Stream>) -> Option<Sending> {
    let stream = Rc::clone(stream);
    let mut pumping = Box::pin(async move {
        if let Err(error) = pump(body, &stream).await {
            tracing::debug!(%error, "a request's body was not taken");
        }
    });
    // Most bodies came with their heads and need no task.
    let done = poll_fn(|context| Poll::Ready(pumping.as_mut().poll(context).is_ready())).await;
    (!done).then(|| Sending(tokio::task::spawn_local(pumping)))
}

fn closed(error: &StreamError) -> SendError {
    tracing::debug!(%error, "no answer over HTTP/2");
    SendError::Closed
}

impl fmt::Debug for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Client").finish_non_exhaustive()
    }
}
