//! What the hops tell about a request, joined into films.
//!
//! The data path hands [`Event`](crate::model::Event)s to a [`Tracer`]; lines of pods and of the
//! node arrive as JSON. Nothing here is on the way of a request: a full channel drops events and
//! counts them. Everything that is kept is bounded ([`Limits`]).
//!
//! [`Theatre`] is the room's main type: it keeps the table of ClusterIP connections, the spans of
//! recent requests and the pods' log lines, and [assembles](assemble()) a film when somebody asks for it.

mod assemble;
mod connections;
mod films;
mod join;
mod ledger;
mod limits;
mod log_book;
mod since;
mod tally;
mod tape;
mod theatre;
mod tracer;
mod watch;

#[cfg(test)]
mod samples;

pub use assemble::assemble;
pub use ledger::{EndpointCounts, Ledger, ServiceCounts, Sheet};
pub use limits::Limits;
pub use log_book::{Follow, Followed, LogBook, LogFilter};
pub use tape::{Listening, Tape};
pub use theatre::{Counts, SpanListener, Theatre};
pub use tracer::Tracer;
pub use watch::Watch;
