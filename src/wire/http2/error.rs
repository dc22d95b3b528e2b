//! What can go wrong with a stream, and with the connection below it.

use super::frame::Reason;
use super::hpack::Malformed;

/// Why a stream cannot go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum StreamError {
    /// The other side ended it.
    #[error("the stream was reset: {0}")]
    Reset(Reason),
    /// The other side has not looked at the request and will not: it may be sent again.
    #[error("the other side does not take the request")]
    Unprocessed,
    /// The other side broke the rules, and we ended it.
    #[error("the stream broke a rule: {0}")]
    Broken(&'static str),
    /// The other side reads nothing any more.
    #[error("the other side stopped reading")]
    Stalled,
    /// The connection ended.
    #[error("{0}")]
    Connection(#[from] ConnectionError),
}

/// Why a connection ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ConnectionError {
    /// In order: after GOAWAY, or closed while nothing was under way.
    #[error("the connection was closed")]
    Closed,
    /// The system says so.
    #[error("the connection broke: {0}")]
    Io(std::io::ErrorKind),
    /// The other side broke the rules of the protocol.
    #[error("{reason}: {what}")]
    Protocol {
        /// Told to the other side.
        reason: Reason,
        /// In words.
        what: &'static str,
    },
    /// The other side cannot be read any more.
    #[error("COMPRESSION_ERROR: {0}")]
    Headers(#[from] Malformed),
    /// The other side says why.
    #[error("the other side ended the connection: {0}")]
    GoAway(Reason),
    /// Nothing moved for too long.
    #[error("nothing moved for too long")]
    Stalled,
}

impl ConnectionError {
    /// What the other side is told.
    pub(super) fn reason(&self) -> Reason {
        match self {
            Self::Protocol { reason, .. } => *reason,
            Self::Headers(_) => Reason::COMPRESSION_ERROR,
            Self::Closed | Self::Io(_) | Self::GoAway(_) | Self::Stalled => Reason::NO_ERROR,
        }
    }
}

/// The other side broke a rule of the whole connection.
pub(super) fn protocol(reason: Reason, what: &'static str) -> ConnectionError {
    ConnectionError::Protocol { reason, what }
}
