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
mod limits;
mod log_book;
mod theatre;
mod tracer;

#[cfg(test)]
mod samples;

pub use assemble::assemble;
pub use limits::Limits;
pub use log_book::{Follow, Followed, LogBook, LogFilter};
pub use theatre::{Counts, Theatre};
pub use tracer::Tracer;
