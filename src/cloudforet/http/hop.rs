//! What surrounds every request: its span, and the header that names the pods that served it.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderName, HeaderValue};

use crate::cloudforet::telemetry::{self, Context, Emitter, OpenSpan, TRACEPARENT};
use crate::model::{SocketPair, SpanKind};

/// Names the pods that served a request, in the order in which it met them.
// Lab: Cloudforet answers without it.
const SERVED_BY: HeaderName = HeaderName::from_static("x-lab-served-by");

/// Who serves, and where its spans go.
#[derive(Clone, Debug)]
pub(in crate::cloudforet) struct Hop {
    /// This pod.
    pub(in crate::cloudforet) pod: Arc<str>,
    /// Its end of the film.
    pub(in crate::cloudforet) emitter: Emitter,
}

/// An extension of a response: the pod behind this one that did the work.
#[derive(Clone, Debug)]
pub(in crate::cloudforet) struct ServedBy(pub(in crate::cloudforet) String);

/// Runs the rest of the service as one hop of the request.
pub(in crate::cloudforet) async fn hop(
    State(hop): State<Hop>,
    request: Request,
    next: Next,
) -> Response {
    let context = received(&hop, &request);
    let span = context.as_ref().and_then(|context| open(context, &request));
    let scope = span.as_ref().map(OpenSpan::context).or(context);
    let mut response = telemetry::scope(scope, next.run(request)).await;
    if let Some(span) = span {
        span.finish(response.status().as_str());
    }
    let pods = match response.extensions().get::<ServedBy>() {
        Some(ServedBy(behind)) => format!("{}, {behind}", hop.pod),
        None => hop.pod.to_string(),
    };
    if let Ok(pods) = HeaderValue::from_str(&pods) {
        response.headers_mut().insert(SERVED_BY, pods);
    }
    response
}

fn received(hop: &Hop, request: &Request) -> Option<Context> {
    let header = request.headers().get(TRACEPARENT)?.to_str().ok()?;
    Context::received(header, Arc::clone(&hop.pod), hop.emitter.clone())
}

fn open(context: &Context, request: &Request) -> Option<OpenSpan> {
    let (method, path) = (request.method().as_str(), request.uri().path());
    let name = format!("{method} {path}");
    let mut span = OpenSpan::child(context, SpanKind::HttpServer, &name)?;
    span.attribute("method", method);
    span.attribute("path", path);
    let forwarded = request.headers().get("x-forwarded-for");
    if let Some(client) = forwarded.and_then(|value| value.to_str().ok()) {
        span.attribute("forwarded_for", client);
    }
    span.inbound(request.extensions().get::<SocketPair>().copied());
    Some(span)
}
