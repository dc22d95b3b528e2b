//! The request under way: whose it is, and the hops opened for it.

use std::time::{Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Map, Value};

use super::Emitter;
use crate::model::{Event, SocketPair, Span, SpanId, SpanKind, Traceparent};

tokio::task_local! {
    static CURRENT: Option<Context>;
}

/// What a request brought along, with this hop as the parent of what comes next.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    traceparent: Traceparent,
    pod: std::sync::Arc<str>,
    emitter: Emitter,
}

/// A hop under way. Dropped without [`OpenSpan::finish`], it is told as `CANCELLED`: the caller
/// went away.
#[derive(Debug)]
pub(crate) struct OpenSpan {
    span: Option<Box<Span>>,
    started: Instant,
    context: Context,
}

/// Runs `future` with this context.
pub(crate) async fn scope<F: Future>(context: Option<Context>, future: F) -> F::Output {
    CURRENT.scope(context, future).await
}

/// The header of the request under way, for work that goes on after its answer.
pub(crate) fn current() -> Option<Traceparent> {
    let context = CURRENT.try_with(Clone::clone).ok().flatten()?;
    Some(context.traceparent)
}

/// Opens a child for an outgoing call, and says which header goes with the call: the child's, or
/// the one that came in when nobody wants spans.
pub(crate) fn outgoing(kind: SpanKind, name: &str) -> (Option<OpenSpan>, Option<Traceparent>) {
    let Some(context) = CURRENT.try_with(Clone::clone).ok().flatten() else {
        return (None, None);
    };
    match OpenSpan::child(&context, kind, name) {
        Some(span) => {
            let traceparent = span.traceparent();
            (Some(span), Some(traceparent))
        }
        None => (None, Some(context.traceparent)),
    }
}

// === impl Context ===

impl Context {
    /// From the header of a request; `None` if there is none that can be read.
    pub(crate) fn received(
        header: &str,
        pod: std::sync::Arc<str>,
        emitter: Emitter,
    ) -> Option<Self> {
        Some(Self {
            traceparent: header.parse().ok()?,
            pod,
            emitter,
        })
    }
}

// === impl OpenSpan ===

impl OpenSpan {
    /// Opens a hop caused by `context`; `None` unless sampled.
    pub(crate) fn child(context: &Context, kind: SpanKind, name: &str) -> Option<Self> {
        let Traceparent {
            trace,
            parent,
            sampled,
        } = context.traceparent;
        if !sampled {
            return None;
        }
        let id = SpanId::from_random(fastrand::u64(..));
        let span = Span {
            trace,
            id,
            parent: Some(parent),
            kind,
            source: context.pod.to_string(),
            name: name.to_owned(),
            start: now_in_micros(),
            duration: 0,
            status: String::new(),
            inbound: None,
            outbound: None,
            attributes: Map::new(),
        };
        let traceparent = Traceparent {
            trace,
            parent: id,
            sampled,
        };
        Some(Self {
            span: Some(Box::new(span)),
            started: Instant::now(),
            context: Context {
                traceparent,
                ..context.clone()
            },
        })
    }

    /// The context for whatever this hop causes.
    pub(crate) fn context(&self) -> Context {
        self.context.clone()
    }

    /// The header that names this hop as the parent.
    pub(crate) fn traceparent(&self) -> Traceparent {
        self.context.traceparent
    }

    /// Adds what this kind of hop knows.
    pub(crate) fn attribute(&mut self, name: &str, value: impl Into<Value>) {
        if let Some(span) = &mut self.span {
            span.attributes.insert(name.to_owned(), value.into());
        }
    }

    /// The connection that the request came in on.
    pub(crate) fn inbound(&mut self, pair: Option<SocketPair>) {
        if let Some(span) = &mut self.span {
            span.inbound = pair;
        }
    }

    /// The connection that the request went out on.
    pub(crate) fn outbound(&mut self, pair: Option<SocketPair>) {
        if let Some(span) = &mut self.span {
            span.outbound = pair;
        }
    }

    /// Ends the hop and hands it over.
    pub(crate) fn finish(mut self, status: impl Into<String>) {
        self.hand_over(status.into());
    }

    fn hand_over(&mut self, status: String) {
        if let Some(mut span) = self.span.take() {
            span.duration = micros(self.started.elapsed());
            span.status = status;
            self.context.emitter.emit(Event::Span(span));
        }
    }
}

impl Drop for OpenSpan {
    fn drop(&mut self) {
        self.hand_over("CANCELLED".to_owned());
    }
}

/// Microseconds since the Unix epoch.
pub(crate) fn now_in_micros() -> u64 {
    // A clock before 1970 is a broken clock; zero shows that well enough.
    micros(
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default(),
    )
}

fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

    fn context(header: &str) -> (Context, std::sync::mpsc::Receiver<Event>) {
        let (emitter, events) = Emitter::channel(8);
        (
            Context::received(header, "pod-1".into(), emitter).unwrap(),
            events,
        )
    }

    #[tokio::test]
    async fn a_call_inside_a_scope_becomes_a_child() {
        let (context, events) = context(HEADER);
        let server = OpenSpan::child(&context, SpanKind::GrpcServer, "list").unwrap();
        let passed_on = scope(Some(server.context()), async {
            let (span, passed_on) = outgoing(SpanKind::MongoClient, "find");
            span.unwrap().finish("OK");
            passed_on.unwrap()
        })
        .await;
        let server_id = server.traceparent().parent;
        server.finish("OK");
        let spans: Vec<_> = events
            .try_iter()
            .filter_map(|event| match event {
                Event::Span(span) => Some(span),
                Event::Connection(_) => None,
            })
            .collect();
        assert_eq!(spans.len(), 2);
        assert_eq!(spans[0].parent, Some(server_id));
        assert_eq!(spans[0].id, passed_on.parent);
        assert_eq!(spans[1].parent, Some(context.traceparent.parent));
        assert_eq!(spans[1].source, "pod-1");
    }

    #[tokio::test]
    async fn an_unsampled_request_emits_nothing_and_still_passes_the_header_on() {
        let (context, events) = context(&HEADER.replace("-01", "-00"));
        let passed_on = scope(Some(context), async { outgoing(SpanKind::GrpcClient, "x") }).await;
        assert!(passed_on.0.is_none());
        assert_eq!(
            passed_on.1.unwrap().to_string(),
            HEADER.replace("-01", "-00")
        );
        assert!(events.try_recv().is_err());
    }
}
