//! What the hops tell about a request, joined into films.
//!
//! The data path hands [`Event`](crate::model::Event)s to a [`Tracer`]; lines of pods and of the
//! node arrive as JSON. Nothing here is on the way of a request: a full channel drops events and
//! counts them.

mod tracer;

pub use tracer::Tracer;
