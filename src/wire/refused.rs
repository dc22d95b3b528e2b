//! Why a message is not read any further.

use http::StatusCode;

/// What is wrong with a request on the wire. The connection ends after the answer, because nobody
/// can say where a next request would begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// Not in the grammar of RFC 9112.
    #[error("the request is not HTTP/1.1: {0}")]
    Malformed(&'static str),
    /// Two readings of where the body ends (request smuggling).
    #[error("the request's framing is ambiguous: {0}")]
    Framing(&'static str),
    /// The body's chunks are not what RFC 9112 section 7.1 says.
    #[error("the request's chunked body is malformed: {0}")]
    Chunk(&'static str),
    /// The request line has no end within the limit.
    #[error("the request line is too long")]
    LineTooLong,
    /// The head has no end within the limit, or too many lines.
    #[error("the request head is too large")]
    HeadTooLarge,
    /// The head, or a piece of the body, did not come in time.
    #[error("the request did not arrive in time")]
    TooSlow,
}

impl Refused {
    /// What the client is told.
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Malformed(_) | Self::Framing(_) | Self::Chunk(_) => StatusCode::BAD_REQUEST,
            Self::LineTooLong => StatusCode::URI_TOO_LONG,
            Self::HeadTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
        }
    }
}
