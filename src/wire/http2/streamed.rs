//! A body that comes over a stream, and one that goes out over one.

use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use http_body::Frame;

use super::error::StreamError;
use super::frame::Reason;
use super::stream::Stream;
use crate::wire::patience::Patience;
use crate::wire::{Alarm, Body, BodyError, Refused};

/// What the other side of a stream sends.
pub struct Streamed {
    stream: Rc<Stream>,
    /// Nothing more comes, trailers included.
    ended: bool,
    sender: Sender,
    /// The request that is still being sent while its answer comes; ends with the answer.
    _sending: Option<Sending>,
}

/// Who sends the body, and how long it may take.
enum Sender {
    /// A client; without limit where it may be silent for as long as it likes.
    Client(Option<Patience>),
    /// An endpoint: how long it may be silent, and the running wait.
    Endpoint {
        read: Option<Duration>,
        silence: Alarm,
    },
}

/// A task that is of no use without what holds this.
#[derive(Debug)]
pub(super) struct Sending(pub(super) tokio::task::JoinHandle<()>);

impl Sending {
    /// Whether there is more to send.
    pub(super) fn is_running(&self) -> bool {
        !self.0.is_finished()
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Streamed {
    /// A request's body, and how long its bytes may be missing.
    pub(super) fn of_client(stream: Rc<Stream>, limit: Option<Duration>) -> Self {
        let patience = limit.map(|limit| {
            let mut patience = Patience::default();
            patience.begin(limit);
            patience
        });
        Self {
            stream,
            ended: false,
            sender: Sender::Client(patience),
            _sending: None,
        }
    }

    /// A response's body.
    pub(super) fn of_endpoint(
        stream: Rc<Stream>,
        read: Option<Duration>,
        sending: Option<Sending>,
    ) -> Self {
        Self {
            stream,
            ended: false,
            sender: Sender::Endpoint {
                read,
                silence: Alarm::default(),
            },
            _sending: sending,
        }
    }

    pub(crate) fn poll_frame(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match self.stream.poll_data(context) {
            Poll::Ready(Some(Ok(data))) => {
                match &mut self.sender {
                    Sender::Client(Some(patience)) => patience.came(data.len()),
                    Sender::Client(None) => {}
                    Sender::Endpoint { silence, .. } => silence.clear(),
                }
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            Poll::Ready(Some(Err(_))) => Poll::Ready(Some(Err(match self.sender {
                Sender::Client(_) => BodyError::ClientGone,
                Sender::Endpoint { .. } => BodyError::EndpointGone,
            }))),
            Poll::Ready(None) => {
                self.ended = true;
                let trailers = self.stream.trailers();
                Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers))))
            }
            Poll::Pending => self.poll_silence(context),
        }
    }

    fn poll_silence(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        match &mut self.sender {
            Sender::Client(Some(patience)) => {
                ready!(patience.poll_over(context));
                Poll::Ready(Some(Err(Refused::TooSlow.into())))
            }
            Sender::Endpoint {
                read: Some(limit),
                silence,
            } => {
                if !silence.is_set() {
                    silence.set(*limit);
                }
                ready!(silence.poll(context));
                Poll::Ready(Some(Err(BodyError::Silence(*limit))))
            }
            _ => Poll::Pending,
        }
    }

    pub(crate) fn is_end(&self) -> bool {
        self.ended || self.stream.is_ended()
    }

    pub(crate) fn length(&self) -> Option<u64> {
        if self.ended {
            Some(0)
        } else {
            self.stream.length()
        }
    }
}

impl fmt::Debug for Streamed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Streamed")
            .field("ended", &self.ended)
            .finish_non_exhaustive()
    }
}

/// Sends a body to its end; a body that breaks off resets the stream.
pub(super) async fn pump(mut body: Body, stream: &Stream) -> Result<(), StreamError> {
    loop {
        let frame = poll_fn(|context| match body.poll(context) {
            Poll::Ready(frame) => Poll::Ready(Ok(frame)),
            // Somebody who does not want the rest says so by a reset.
            Poll::Pending => stream.poll_failed(context).map(Err),
        })
        .await?;
        match frame {
            None => return stream.send(Bytes::new(), true).await,
            Some(Err(error)) => {
                tracing::debug!(%error, "a body broke off");
                stream.reset(Reason::CANCEL);
                return Ok(());
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    let last = body.is_end();
                    stream.send(data, last).await?;
                    if last {
                        return Ok(());
                    }
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        stream.send_trailers(&trailers);
                        return Ok(());
                    }
                }
            },
        }
    }
}
