//! Bodies on their way through: nothing is buffered, every piece is passed on as it arrives.
//!
//! A response body knows when it ends, and that is when its connection goes back to the pool and
//! the film is told.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use tokio::time::Sleep;

use super::film::Film;
use super::pool::Pool;
use crate::model::SocketPair;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A client's body on its way to an endpoint.
#[derive(Debug)]
pub(super) struct RequestBody {
    /// `None` when the request has no body, and when it is sent again.
    incoming: Option<Incoming>,
    /// Bytes passed on, if a film wants to know.
    counted: Option<Arc<AtomicU64>>,
}

impl RequestBody {
    pub(super) fn new(incoming: Incoming, counted: Option<Arc<AtomicU64>>) -> Self {
        Self {
            incoming: (!incoming.is_end_stream()).then_some(incoming),
            counted,
        }
    }

    pub(super) fn empty() -> Self {
        Self {
            incoming: None,
            counted: None,
        }
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(incoming) = &mut self.incoming else {
            return Poll::Ready(None);
        };
        let polled = Pin::new(incoming).poll_frame(context);
        if let (Some(counted), Poll::Ready(Some(Ok(frame)))) = (&self.counted, &polled)
            && let Some(data) = frame.data_ref()
        {
            counted.fetch_add(data.len() as u64, Ordering::Relaxed);
        }
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming
            .as_ref()
            .map_or(SizeHint::with_exact(0), Body::size_hint)
    }
}

/// What a client is answered.
#[derive(Debug, Default)]
pub(super) struct ResponseBody {
    content: Content,
    /// The connection that goes back to its pool when the body was read to its end.
    returns: Option<Return>,
    film: Option<Box<Film>>,
    sent: u64,
    /// How long the endpoint may be silent, and the running wait.
    read: Option<Duration>,
    silence: Option<Pin<Box<Sleep>>>,
}

#[derive(Debug, Default)]
enum Content {
    #[default]
    Ended,
    Text(Bytes),
    Incoming(Incoming),
}

/// A connection and where it belongs.
#[derive(Debug)]
pub(super) struct Return {
    pub(super) sender: http1::SendRequest<RequestBody>,
    pub(super) pair: SocketPair,
    pub(super) pool: Arc<Pool>,
}

/// The endpoint said nothing for too long in the middle of a body.
#[derive(Debug, thiserror::Error)]
#[error("the endpoint was silent for {0:?}")]
struct Silence(Duration);

impl ResponseBody {
    /// An answer of the proxy itself.
    pub(super) fn text(text: impl Into<Bytes>) -> Self {
        let text = text.into();
        let mut body = Self::default();
        if !text.is_empty() {
            body.content = Content::Text(text);
        }
        body
    }

    /// An endpoint's answer.
    pub(super) fn forwarded(incoming: Incoming, read: Option<Duration>) -> Self {
        let mut body = Self::default();
        body.content = Content::Incoming(incoming);
        body.read = read;
        body
    }

    pub(super) fn returning(mut self, returns: Option<Return>) -> Self {
        self.returns = returns;
        self
    }

    pub(super) fn filmed(mut self, film: Option<Box<Film>>) -> Self {
        self.film = film;
        self
    }

    /// Once, when the last piece was passed on or nobody wants more.
    fn finish(&mut self, complete: bool) {
        if let Some(returns) = self.returns.take()
            && complete
        {
            returns.pool.keep(returns.sender, returns.pair);
        }
        if let Some(film) = self.film.take() {
            film.finish(self.sent, complete);
        }
    }
}

impl Body for ResponseBody {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let this = &mut *self;
        let frame = match &mut this.content {
            Content::Ended => None,
            Content::Text(text) => {
                let text = std::mem::take(text);
                this.content = Content::Ended;
                Some(Ok(Frame::data(text)))
            }
            Content::Incoming(incoming) => match Pin::new(incoming).poll_frame(context) {
                Poll::Ready(frame) => {
                    this.silence = None;
                    frame
                }
                Poll::Pending => {
                    let Some(limit) = this.read else {
                        return Poll::Pending;
                    };
                    let silence = this
                        .silence
                        .get_or_insert_with(|| Box::pin(tokio::time::sleep(limit)));
                    if silence.as_mut().poll(context).is_pending() {
                        return Poll::Pending;
                    }
                    this.finish(false);
                    return Poll::Ready(Some(Err(Silence(limit).into())));
                }
            },
        };
        match &frame {
            None => {
                this.content = Content::Ended;
                this.finish(true);
            }
            Some(Err(_)) => this.finish(false),
            Some(Ok(frame)) => {
                this.sent += frame.data_ref().map_or(0, |data| data.len() as u64);
            }
        }
        Poll::Ready(frame.map(|frame| frame.map_err(Into::into)))
    }

    fn is_end_stream(&self) -> bool {
        match &self.content {
            Content::Ended => true,
            Content::Text(text) => text.is_empty(),
            Content::Incoming(incoming) => incoming.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.content {
            Content::Ended => SizeHint::with_exact(0),
            Content::Text(text) => SizeHint::with_exact(text.len() as u64),
            Content::Incoming(incoming) => incoming.size_hint(),
        }
    }
}

impl Drop for ResponseBody {
    /// hyper does not ask again after a body whose length it knew.
    fn drop(&mut self) {
        let complete = self.is_end_stream();
        self.finish(complete);
    }
}
