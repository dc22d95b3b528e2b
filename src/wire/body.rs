//! Bodies on their way through: nothing is buffered, every piece is passed on as it arrives.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::{Body as _, Frame, SizeHint};

use super::Refused;
use super::h1::{Exchange, Incoming, Tunnel};
use super::http2::Streamed;

/// A message's content, from wherever it comes. Not `Send`.
#[derive(Default)]
pub enum Body {
    /// None.
    #[default]
    Empty,
    /// All there is.
    Full(Bytes),
    /// A client's, over HTTP/1.1.
    Request(Incoming),
    /// An endpoint's, over HTTP/1.1.
    Response(Box<Exchange>),
    /// Either's, over HTTP/2.
    Streamed(Box<Streamed>),
    /// Another one with something done to it.
    Boxed(Pin<Box<dyn http_body::Body<Data = Bytes, Error = BodyError>>>),
    /// After 101: the endpoint's connection, to be copied both ways.
    Tunnel(Box<Tunnel>),
}

/// Why a body broke off.
#[derive(Debug, thiserror::Error)]
pub enum BodyError {
    /// The client's bytes are no body.
    #[error("{0}")]
    Refused(#[from] Refused),
    /// The client went away or gave the request up.
    #[error("the client went away in the middle of the body")]
    ClientGone,
    /// The endpoint closed the connection or reset the stream.
    #[error("the endpoint broke off in the middle of the body")]
    EndpointGone,
    /// The endpoint's bytes are no body.
    #[error("the endpoint's body is malformed: {0}")]
    Malformed(&'static str),
    /// The endpoint said nothing for too long.
    #[error("the endpoint was silent for {0:?}")]
    Silence(std::time::Duration),
    /// More bytes than a filter allows.
    #[error("the body is larger than {0} bytes")]
    TooLarge(u64),
}

impl Body {
    /// Another one with something done to it.
    pub fn boxed(body: impl http_body::Body<Data = Bytes, Error = BodyError> + 'static) -> Self {
        Self::Boxed(Box::pin(body))
    }

    /// As [`http_body::Body::poll_frame`].
    pub fn poll(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match self {
            Self::Empty | Self::Tunnel(_) => Poll::Ready(None),
            Self::Full(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Request(incoming) => incoming.poll_frame(context),
            Self::Response(exchange) => exchange.poll_frame(context),
            Self::Streamed(streamed) => streamed.poll_frame(context),
            Self::Boxed(body) => body.as_mut().poll_frame(context),
        }
    }

    /// Whether nothing more comes, as far as that is known already.
    pub fn is_end(&self) -> bool {
        match self {
            Self::Empty | Self::Tunnel(_) => true,
            Self::Full(bytes) => bytes.is_empty(),
            Self::Request(incoming) => incoming.is_end(),
            Self::Response(exchange) => exchange.is_end(),
            Self::Streamed(streamed) => streamed.is_end(),
            Self::Boxed(body) => body.is_end_stream(),
        }
    }

    /// How many bytes are to come, if it is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Empty | Self::Tunnel(_) => Some(0),
            Self::Full(bytes) => Some(bytes.len() as u64),
            Self::Request(incoming) => incoming.length(),
            Self::Response(exchange) => exchange.length(),
            Self::Streamed(streamed) => streamed.length(),
            Self::Boxed(body) => body.size_hint().exact(),
        }
    }
}

impl http_body::Body for Body {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.get_mut().poll(context)
    }

    fn is_end_stream(&self) -> bool {
        self.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.length()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        if bytes.is_empty() {
            Self::Empty
        } else {
            Self::Full(bytes)
        }
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Self::Empty => "Empty",
            Self::Full(_) => "Full",
            Self::Request(_) => "Request",
            Self::Response(_) => "Response",
            Self::Streamed(_) => "Streamed",
            Self::Boxed(_) => "Boxed",
            Self::Tunnel(_) => "Tunnel",
        };
        formatter
            .debug_struct(kind)
            .field("length", &self.length())
            .finish()
    }
}
