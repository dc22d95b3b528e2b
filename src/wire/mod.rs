//! HTTP/1.1 and HTTP/2 as they are on a socket: strict reading, cheap writing.
//!
//! ```text
//! Socket → Io (buffers) → h1::serve ─┐                         ┌─ h1::exchange → Io → Socket
//!                                    ├→ Service → Response<Body>
//! Socket ───────────→ http2::serve ──┘                         └─ http2::Client → Socket
//! ```
//! Everything here lives on one thread: nothing is `Send`, and nothing takes a lock. It knows
//! messages and not where they go; that is the [`Service`]'s.

mod alarm;
mod body;
mod date;
pub mod h1;
pub mod http2;
mod interim;
mod io;
mod limits;
mod patience;
mod refused;
mod socket;
mod stop;
mod trailers;

use std::future::Future;

use http::{Request, Response};

pub use alarm::Alarm;
pub use body::{Body, BodyError};
pub use interim::Interim;
pub use io::Io;
pub use limits::Limits;
pub use refused::Refused;
pub use socket::Socket;
pub use stop::Stop;

/// Among a response's extensions: an HTTP/1.1 connection ends with it.
#[derive(Clone, Copy, Debug)]
pub struct Last;

/// Among a response's extensions: nothing of it is sent. The connection is reset in its place, or over
/// HTTP/2 the stream.
#[derive(Clone, Copy, Debug)]
pub struct Abort;

/// Answers the requests of a connection.
pub trait Service {
    /// The answer to one request, and before it interim ones. Dropped when the client goes away
    /// before it is there.
    fn call(
        &self,
        request: Request<Body>,
        interim: Interim,
    ) -> impl Future<Output = Response<Body>>;

    /// The answer to a request that could not be read. The connection is closed after it.
    fn refuse(&self, refused: &Refused) -> Response<Body>;
}
