//! Batches on their way: collected for a second, sent as OTLP/HTTP with protobuf, tried again where the
//! receiver asks for that. An error is told once, and so is its end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_util::rt::TokioIo;
use prost::Message as _;
use tokio::net::TcpStream;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{Instant, sleep, timeout};

use super::Counter;
use super::convert;
use super::message::ExportResponse;
use crate::model::{OtlpTarget, Span};

/// Spans of one request; the batch of OpenTelemetry's own exporters.
const BATCH: usize = 512;
/// How long the first span of a batch waits for others.
const LINGER: Duration = Duration::from_secs(1);
/// For a connection, the request and the answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Before each further try of a batch; the queue keeps what comes meanwhile.
const AGAIN: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];
/// Of an answer; it says next to nothing.
const ANSWER_LIMIT: usize = 64 * 1024;

/// Why a batch was not taken.
#[derive(Debug, thiserror::Error)]
enum SendError {
    #[error("no connection: {0}")]
    Connect(std::io::Error),
    #[error("no answer: {0}")]
    Http(#[from] hyper::Error),
    #[error("no answer within {PATIENCE:?}")]
    Timeout,
    #[error("it answers {0}")]
    Status(StatusCode),
    #[error("it rejects {count} spans: {message}")]
    Rejected { count: u64, message: String },
    #[error("{0}")]
    Request(#[from] http::Error),
}

impl SendError {
    /// Whether the same batch may be taken a little later (OTLP/HTTP, "Retryable Response Codes").
    fn is_passing(&self) -> bool {
        match self {
            Self::Connect(_) | Self::Http(_) | Self::Timeout => true,
            Self::Status(status) => matches!(status.as_u16(), 429 | 502..=504),
            Self::Rejected { .. } | Self::Request(_) => false,
        }
    }
}

/// What sends.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) lab: String,
    pub(super) target: OtlpTarget,
    pub(super) counter: Arc<Counter>,
}

impl Sender {
    /// Sends what arrives until it is stopped, and then what has arrived by then.
    pub(super) async fn run(
        self,
        mut spans: mpsc::Receiver<Span>,
        mut stopped: oneshot::Receiver<()>,
    ) {
        let mut batch = Vec::new();
        let mut broken = false;
        let mut open = true;
        loop {
            let linger = sleep(LINGER);
            tokio::pin!(linger);
            let mut ended = false;
            // The first span begins the batch; it goes when it is full, or has waited.
            while !ended && batch.len() < BATCH {
                let room = BATCH - batch.len();
                let waits = !batch.is_empty() && open;
                tokio::select! {
                    biased;
                    _ = &mut stopped, if open => {
                        open = false;
                        spans.close();
                    }
                    taken = spans.recv_many(&mut batch, room) => {
                        ended = taken == 0;
                        if taken == batch.len() {
                            linger.as_mut().reset(Instant::now() + LINGER);
                        }
                    }
                    () = &mut linger, if waits => break,
                }
            }
            if !batch.is_empty() {
                self.deliver(&batch, &mut broken).await;
                batch.clear();
            }
            if ended {
                return;
            }
        }
    }

    /// Sends one batch, and tells when that begins or ceases to fail.
    async fn deliver(&self, batch: &[Span], broken: &mut bool) {
        let count = batch.len() as u64;
        let target = &self.target;
        let body = Bytes::from(convert::request(&self.lab, batch).encode_to_vec());
        match try_all(target, &body).await {
            Ok(()) => {
                self.counter.sent(count);
                if *broken {
                    tracing::info!(%target, "spans are exported again");
                    *broken = false;
                }
            }
            Err(error) => {
                let lost = match &error {
                    SendError::Rejected { count: lost, .. } => (*lost).min(count),
                    _ => count,
                };
                self.counter.sent(count - lost);
                self.counter.dropped(lost);
                if !*broken {
                    tracing::warn!(%target, %error, "spans cannot be exported, and are dropped until they can");
                    *broken = true;
                }
            }
        }
    }
}

async fn try_all(target: &OtlpTarget, body: &Bytes) -> Result<(), SendError> {
    for pause in AGAIN {
        match send(target, body).await {
            Err(error) if error.is_passing() => sleep(pause).await,
            ended => return ended,
        }
    }
    send(target, body).await
}

async fn send(target: &OtlpTarget, body: &Bytes) -> Result<(), SendError> {
    let sent = timeout(PATIENCE, post(target, body)).await;
    sent.unwrap_or(Err(SendError::Timeout))
}

async fn post(target: &OtlpTarget, body: &Bytes) -> Result<(), SendError> {
    let place = (target.host.as_str(), target.port);
    let stream = TcpStream::connect(place)
        .await
        .map_err(SendError::Connect)?;
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // Ends with the sender; its errors arrive with the answer.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(Method::POST)
        .uri(target.path.as_str())
        .header(header::HOST, target.authority())
        .header(header::CONTENT_TYPE, "application/x-protobuf")
        .header(
            header::USER_AGENT,
            concat!("lab/", env!("CARGO_PKG_VERSION")),
        )
        .body(Full::new(body.clone()))?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    if !status.is_success() {
        return Err(SendError::Status(status));
    }
    // Whoever answers with something else has taken the spans all the same.
    let text = Limited::new(answer.into_body(), ANSWER_LIMIT)
        .collect()
        .await;
    let text = text
        .map(http_body_util::Collected::to_bytes)
        .unwrap_or_default();
    let told = ExportResponse::decode(text).unwrap_or_default();
    match told.partial_success {
        Some(partial) if partial.rejected_spans > 0 => Err(SendError::Rejected {
            count: partial.rejected_spans.unsigned_abs(),
            message: partial.error_message,
        }),
        _ => Ok(()),
    }
}
