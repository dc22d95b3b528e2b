//! Around every call: takes the trace context from the metadata, and tells the call as a span.
//!
//! The span ends when the handler has answered; unary answers are complete by then.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context as TaskContext, Poll};

use futures_util::future::BoxFuture;
use http::{HeaderName, HeaderValue, Request, Response};
use tonic::Code;
use tonic::body::Body;
use tonic::transport::server::TcpConnectInfo;
use tower::{Layer, Service};

use crate::cloudforet::client::{code_name, method_of};
use crate::cloudforet::telemetry::{self, Context, Emitter, OpenSpan, TRACEPARENT};
use crate::model::{SocketPair, SpanKind};

/// Names the pod in the metadata of every answer; console-api passes it on to the browser.
// Lab: the real services do not say.
const POD: HeaderName = HeaderName::from_static("x-lab-pod");

/// Tells the calls of one pod.
#[derive(Clone, Debug)]
pub(crate) struct TraceLayer {
    pod: Arc<str>,
    emitter: Emitter,
}

/// A service whose calls are told.
#[derive(Clone, Debug)]
pub(crate) struct Traced<S> {
    inner: S,
    layer: TraceLayer,
}

// === impl TraceLayer ===

impl TraceLayer {
    pub(crate) fn new(pod: &str, emitter: Emitter) -> Self {
        Self {
            pod: pod.into(),
            emitter,
        }
    }
}

impl<S> Layer<S> for TraceLayer {
    type Service = Traced<S>;

    fn layer(&self, inner: S) -> Traced<S> {
        Traced {
            inner,
            layer: self.clone(),
        }
    }
}

// === impl Traced ===

impl<S> Service<Request<Body>> for Traced<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Response<Body>, Infallible>>;

    fn poll_ready(&mut self, cx: &mut TaskContext<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let header = request.headers().get(TRACEPARENT);
        let context = header
            .and_then(|header| header.to_str().ok())
            .and_then(|header| {
                Context::received(
                    header,
                    Arc::clone(&self.layer.pod),
                    self.layer.emitter.clone(),
                )
            });
        let span = context
            .as_ref()
            .and_then(|context| open_span(context, &request));
        let context = span.as_ref().map(OpenSpan::context).or(context);
        let answer = self.inner.call(request);
        let pod = HeaderValue::from_str(&self.layer.pod);
        Box::pin(async move {
            let mut result = telemetry::scope(context, answer).await;
            if let (Ok(response), Ok(pod)) = (&mut result, pod) {
                response.headers_mut().insert(POD, pod);
            }
            if let Some(span) = span {
                span.finish(result.as_ref().map_or("UNKNOWN", status_of));
            }
            result
        })
    }
}

fn open_span(context: &Context, request: &Request<Body>) -> Option<OpenSpan> {
    let path = request.uri().path();
    let (service, method) = method_of(path);
    let mut span = OpenSpan::child(
        context,
        SpanKind::GrpcServer,
        &format!("{service}/{method}"),
    )?;
    span.attribute("method", path);
    let info = request.extensions().get::<TcpConnectInfo>();
    span.inbound(info.and_then(|info| {
        Some(SocketPair {
            local: info.local_addr?,
            remote: info.remote_addr?,
        })
    }));
    Some(span)
}

/// A failed call has its status in the headers; a good one only has it in the trailers.
fn status_of(response: &Response<Body>) -> &'static str {
    let header = response.headers().get("grpc-status");
    header.map_or("OK", |status| {
        code_name(Code::from_bytes(status.as_bytes()))
    })
}
