//! One connection, and one request on it.

use std::error::Error as _;
use std::io;

use bytes::Bytes;
use http::{Response, Version};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;

use super::plan::Plan;

/// Longest pod name and code that is counted: Kubernetes allows 253 letters for a name.
const LONGEST_WORD: usize = 253;

/// An open connection. Dropping it ends the task that drives it.
#[derive(Debug)]
pub(super) struct Link {
    pub(super) sender: Sender,
    _driver: JoinSet<()>,
}

/// How requests are sent on it.
#[derive(Debug)]
pub(super) enum Sender {
    /// HTTP/1.1: one at a time.
    One(http1::SendRequest<Full<Bytes>>),
    /// HTTP/2: clones send beside each other.
    Two(http2::SendRequest<Full<Bytes>>),
}

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) bytes: u64,
    /// The pod that did the work.
    pub(super) pod: Option<String>,
    /// `x-lab-error`: the ingress answered itself.
    pub(super) code: Option<String>,
    /// `grpc-status`, unless it is 0.
    pub(super) grpc: Option<String>,
}

/// Why nothing came back, in a word that can be counted.
#[derive(Debug)]
pub(super) struct Cause(pub(super) String);

impl Link {
    /// Connects, and agrees on a protocol.
    pub(super) async fn open(plan: &Plan) -> Result<Self, Cause> {
        let opening = async {
            let tcp = TcpStream::connect(plan.address)
                .await
                .map_err(|error| of_io("connect", &error))?;
            // Requests are small, and must not wait to fill a segment.
            let _ = tcp.set_nodelay(true);
            let Some((config, name)) = &plan.tls else {
                return Self::shake(tcp, false).await;
            };
            let tls = TlsConnector::from(config.clone())
                .connect(name.clone(), tcp)
                .await
                .map_err(|error| of_io("TLS", &error))?;
            let two = tls.get_ref().1.alpn_protocol() == Some(b"h2");
            Self::shake(tls, two).await
        };
        let opened = tokio::time::timeout(plan.timeout, opening).await;
        opened.unwrap_or_else(|_| Err(Cause("connect timeout".to_owned())))
    }

    async fn shake<S>(stream: S, two: bool) -> Result<Self, Cause>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        let mut driver = JoinSet::new();
        let sender = if two {
            let shaken = http2::handshake(TokioExecutor::new(), io).await;
            let (sender, connection) = shaken.map_err(|error| of_hyper(&error))?;
            // The requests tell what became of it.
            driver.spawn(async move { drop(connection.await) });
            Sender::Two(sender)
        } else {
            let shaken = http1::handshake(io).await;
            let (sender, connection) = shaken.map_err(|error| of_hyper(&error))?;
            driver.spawn(async move { drop(connection.await) });
            Sender::One(sender)
        };
        Ok(Self {
            sender,
            _driver: driver,
        })
    }

    /// `HTTP/1.1` or `HTTP/2.0`.
    pub(super) fn protocol(&self) -> String {
        let version = match self.sender {
            Sender::One(_) => Version::HTTP_11,
            Sender::Two(_) => Version::HTTP_2,
        };
        format!("{version:?}")
    }

    /// Whether nothing can be sent on it any more.
    pub(super) fn is_closed(&self) -> bool {
        match &self.sender {
            Sender::One(sender) => sender.is_closed(),
            Sender::Two(sender) => sender.is_closed(),
        }
    }
}

/// Sends one request over HTTP/1.1 and reads its answer to the end.
pub(super) async fn exchange_one(
    sender: &mut http1::SendRequest<Full<Bytes>>,
    plan: &Plan,
) -> Result<Answer, Cause> {
    let exchange = async {
        // A connection is free again a moment after its last answer has ended.
        sender.ready().await.map_err(|error| of_hyper(&error))?;
        let response = sender.send_request(plan.request(false)).await;
        read(response.map_err(|error| of_hyper(&error))?).await
    };
    within(plan, exchange).await
}

/// The same over HTTP/2.
pub(super) async fn exchange_two(
    mut sender: http2::SendRequest<Full<Bytes>>,
    plan: &Plan,
) -> Result<Answer, Cause> {
    let exchange = async {
        let response = sender.send_request(plan.request(true)).await;
        read(response.map_err(|error| of_hyper(&error))?).await
    };
    within(plan, exchange).await
}

async fn within(
    plan: &Plan,
    exchange: impl Future<Output = Result<Answer, Cause>>,
) -> Result<Answer, Cause> {
    let exchanged = tokio::time::timeout(plan.timeout, exchange).await;
    exchanged.unwrap_or_else(|_| Err(Cause("timeout".to_owned())))
}

async fn read(response: Response<Incoming>) -> Result<Answer, Cause> {
    let (parts, mut body) = response.into_parts();
    let word = |name: &str| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        // Who is named last did the work.
        let last = value.rsplit(", ").next().unwrap_or_default();
        Some(last.chars().take(LONGEST_WORD).collect::<String>())
    };
    let mut answer = Answer {
        status: parts.status.as_u16(),
        bytes: 0,
        pod: word("x-lab-served-by")
            .or_else(|| word("x-lab-pod"))
            .or_else(|| word("x-lab-endpoint")),
        code: word("x-lab-error"),
        grpc: word("grpc-status"),
    };
    while let Some(frame) = body.frame().await {
        match frame.map_err(|error| of_hyper(&error))?.into_data() {
            Ok(data) => answer.bytes += data.len() as u64,
            Err(frame) => {
                let status = frame.trailers_ref().and_then(|all| all.get("grpc-status"));
                let status = status.and_then(|status| status.to_str().ok());
                answer.grpc = answer.grpc.or_else(|| status.map(str::to_owned));
            }
        }
    }
    answer.grpc.take_if(|status| status == "0");
    Ok(answer)
}

/// A connection that was reset is one, whoever tells of it.
fn of_io(step: &str, error: &io::Error) -> Cause {
    Cause(match error.kind() {
        io::ErrorKind::ConnectionRefused => format!("{step} refused"),
        io::ErrorKind::ConnectionReset | io::ErrorKind::BrokenPipe => format!("{step} reset"),
        io::ErrorKind::UnexpectedEof => format!("{step} closed"),
        _ => {
            // rustls' own words say what is wrong with a certificate; what follows is the time.
            let text = error.to_string();
            let text: Vec<&str> = text.split(": ").take(2).collect();
            let text: String = text.join(": ").chars().take(120).collect();
            format!("{step}: {text}")
        }
    })
}

fn of_hyper(error: &hyper::Error) -> Cause {
    let mut cause = error.source();
    while let Some(inner) = cause {
        let io = inner.downcast_ref::<io::Error>();
        if io.is_some_and(|io| io.kind() == io::ErrorKind::ConnectionReset) {
            return Cause("reset".to_owned());
        }
        cause = inner.source();
    }
    let text = if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        "closed before the answer"
    } else if error.is_parse() {
        "no HTTP"
    } else {
        "reset"
    };
    Cause(text.to_owned())
}
