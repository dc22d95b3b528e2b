//! Answers that go on: one JSON document a line, until the lab stops.

use std::convert::Infallible;

use axum::body::{Body, Bytes};
use axum::response::{IntoResponse as _, Response};
use futures_util::Stream;
use futures_util::StreamExt as _;
use http::header;
use serde::Serialize;

/// The media type of such a stream.
const NDJSON: &str = "application/x-ndjson";

/// One document as a line. What cannot be written as JSON is left out.
pub(super) fn line(document: &impl Serialize) -> Bytes {
    let mut text = serde_json::to_vec(document).unwrap_or_default();
    text.push(b'\n');
    Bytes::from(text)
}

/// Streams lines as they come.
pub(super) fn lines(lines: impl Stream<Item = Bytes> + Send + 'static) -> Response {
    let body = Body::from_stream(lines.map(Ok::<_, Infallible>));
    ([(header::CONTENT_TYPE, NDJSON)], body).into_response()
}
