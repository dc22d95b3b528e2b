//! Which endpoint gets the next connection.
//!
//! Pure: no sockets and no clock of its own. Whoever has a connection to give away calls
//! [`Balancer::select`] with the candidates of that moment; the candidates may differ from call to
//! call, since endpoints come and go.

mod affinity;
mod balancer;

pub use balancer::Balancer;
