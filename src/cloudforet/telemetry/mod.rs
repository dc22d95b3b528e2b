//! What a pod tells about itself, as JSON lines on stdout: its log, and its part of the film.
//!
//! - [`init_log`] sends `tracing` events there, once per process.
//! - [`Emitter`] writes [`Event`](crate::model::Event)s without making a request wait.
//! - [`Context`] is what a request brought along; it is task-local, see [`scope`].
//! - [`OpenSpan`] is a hop under way. There is none unless the request is sampled.
//!
//! A server starts its span from the header, and runs the handler in [`scope`]. Whatever the
//! handler calls opens a child and learns which header to pass on by [`outgoing`].

mod context;
mod emitter;

pub(crate) use context::{Context, OpenSpan, current, now_in_micros, outgoing, scope};
pub use emitter::Emitter;

use tracing_subscriber::EnvFilter;

/// The metadata key and HTTP header that carries the context.
pub(crate) const TRACEPARENT: &str = "traceparent";

/// Sends `tracing` events to stdout as JSON lines. `LAB_LOG` (as `RUST_LOG` elsewhere) chooses
/// which; the default is `info`. A second call changes nothing.
pub fn init_log() {
    let filter = EnvFilter::try_from_env("LAB_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    // An error means that someone else already listens, which is as well.
    let _ = tracing_subscriber::fmt()
        .json()
        .flatten_event(true)
        .with_current_span(false)
        .with_span_list(false)
        .with_env_filter(filter)
        .with_writer(std::io::stdout)
        .try_init();
}
