//! Serves a client's connection; each stream is a task.

use std::future::{Future as _, poll_fn};
use std::rc::Rc;
use std::task::Poll;
use std::time::Duration;

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, DATE};
use http::{HeaderValue, Method, Request, Response, StatusCode, Version};

use super::connection;
use super::error::{ConnectionError, StreamError};
use super::head::BadHead;
use super::state;
use super::stream::Stream;
use super::streamed::{Streamed, pump};
use crate::wire::date::date;
use crate::wire::limits::{MAX_HEAD, MAX_HEADERS};
use crate::wire::stop::Listener;
use crate::wire::{Abort, Body, Interim, Limits, Refused, Service, Socket};

/// Windows: enough for a fast loopback upload.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// Serves until the connection ends, or until the requests that are open when the stop is given.
pub(crate) async fn serve<S: Service + 'static>(
    socket: Socket,
    service: &Rc<S>,
    limits: &Limits,
    stop: &Listener,
) -> Result<(), ConnectionError> {
    let patience = limits.body;
    let limits = state::Limits {
        streams: limits.streams,
        stream_window: STREAM_WINDOW,
        connection_window: CONNECTION_WINDOW,
        header_list: MAX_HEAD,
        headers: MAX_HEADERS,
        idle: limits.idle,
        stalled: limits.write.min(limits.head),
    };
    let stopped = poll_fn(|context| {
        if stop.given(context) {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    });
    let take = |request: connection::Request| {
        tokio::task::spawn_local(answer(Rc::clone(service), request, patience));
    };
    connection::serve(socket, BytesMut::new(), limits, take, stopped).await
}

async fn answer<S: Service>(service: Rc<S>, request: connection::Request, patience: Duration) {
    let stream = Rc::new(request.stream);
    let parts = match request.head {
        Ok(parts) => parts,
        Err(BadHead::TooLarge) => {
            let refusal = service.refuse(&Refused::HeadTooLarge);
            return told(write(refusal, &stream, false).await);
        }
        Err(BadHead::Malformed(_)) => return,
    };
    let head_only = parts.method == Method::HEAD;
    let body = if stream.is_ended() {
        Body::Empty
    } else {
        // A stream of gRPC may be silent for hours and is no attack.
        let limit = (!is_grpc(&parts)).then_some(patience);
        Body::Streamed(Box::new(Streamed::of_client(Rc::clone(&stream), limit)))
    };
    let response = {
        let interim = Interim::to(Rc::<Stream>::clone(&stream));
        let mut call = std::pin::pin!(service.call(Request::from_parts(parts, body), interim));
        poll_fn(|context| match call.as_mut().poll(context) {
            Poll::Ready(response) => Poll::Ready(Some(response)),
            // A client that gave the request up needs no answer.
            Poll::Pending => stream.poll_failed(context).map(|_| None),
        })
        .await
    };
    // Dropping a stream that has no answer resets it.
    let response = response.filter(|response| response.extensions().get::<Abort>().is_none());
    if let Some(response) = response {
        told(write(response, &stream, head_only).await);
    }
}

fn is_grpc(parts: &http::request::Parts) -> bool {
    parts
        .headers
        .get(CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
}

fn told(written: Result<(), StreamError>) {
    if let Err(error) = written {
        tracing::debug!(%error, "a response was not taken");
    }
}

async fn write(
    response: Response<Body>,
    stream: &Stream,
    head_only: bool,
) -> Result<(), StreamError> {
    let (mut parts, body) = response.into_parts();
    parts.version = Version::HTTP_2;
    let bodiless = head_only
        || matches!(
            parts.status,
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        );
    if let Some(length) = body.length()
        && (length > 0 || !bodiless && !parts.headers.contains_key("grpc-status"))
    {
        parts
            .headers
            .insert(CONTENT_LENGTH, HeaderValue::from(length));
    }
    if !parts.headers.contains_key(DATE) {
        parts.headers.insert(DATE, date());
    }
    let end = bodiless || body.is_end();
    stream.respond(&parts, end);
    if end {
        Ok(())
    } else {
        pump(body, stream).await
    }
}
