//! Asks a pod whether it is ready, as the kubelet does: a new connection each time.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Empty, Full};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::model::{PodPort, Probe, ProbeAction};

/// A program of the lab listens a few milliseconds after its start.
const FIRST_PACE: Duration = Duration::from_millis(5);
/// A slow program is not kept from starting by being asked.
const SLOWEST_PACE: Duration = Duration::from_millis(100);
/// A pod that was ready once and is no more may come back any moment.
const RETURN_PACE: Duration = Duration::from_secs(1);
/// More than any answer to PING has.
const LONGEST_ANSWER: u64 = 512;
/// An empty gRPC message: not compressed, length 0. `HealthCheckRequest` for the whole server.
const GRPC_EMPTY: [u8; 5] = [0; 5];
/// `HealthCheckResponse { status: SERVING }`: field 1, varint 1.
const GRPC_SERVING: [u8; 2] = [0x08, 0x01];

/// Why a pod is not ready.
#[derive(Debug)]
pub(super) struct ProbeFailure {
    text: String,
    /// The connection was refused.
    pub(super) nobody_listens: bool,
}

impl ProbeFailure {
    fn new(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            nobody_listens: false,
        }
    }
}

impl fmt::Display for ProbeFailure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// How long to wait for the next probe.
#[derive(Debug, Default)]
pub(super) struct Pace {
    was_ready: bool,
    last: Option<Duration>,
}

impl Pace {
    /// `period` while the pod is ready, often until it is.
    pub(super) fn next(&mut self, ready: bool, period: Duration) -> Duration {
        self.was_ready |= ready;
        if ready {
            return period;
        }
        if self.was_ready {
            return period.min(RETURN_PACE);
        }
        let pace = match self.last {
            None => FIRST_PACE,
            Some(last) => (last * 3 / 2).min(SLOWEST_PACE),
        };
        self.last = Some(pace);
        pace
    }
}

/// One probe.
pub(super) async fn check(probe: &Probe, ports: &[PodPort]) -> Result<(), ProbeFailure> {
    let asked = async {
        match &probe.action {
            ProbeAction::None => Ok(()),
            ProbeAction::Tcp { port } => connect(address(ports, *port)?).await.map(drop),
            ProbeAction::Redis { port } => redis(address(ports, *port)?).await,
            ProbeAction::Http { port, path } => http(address(ports, *port)?, path).await,
            ProbeAction::Grpc { port } => grpc(address(ports, *port)?).await,
        }
    };
    match tokio::time::timeout(probe.timeout, asked).await {
        Ok(result) => result,
        Err(_) => Err(ProbeFailure::new(format!(
            "no answer within {:?}",
            probe.timeout
        ))),
    }
}

fn address(ports: &[PodPort], port: u16) -> Result<SocketAddr, ProbeFailure> {
    let place = ports.iter().find(|place| place.port == port);
    let place = place.map(|place| place.host);
    place.ok_or_else(|| {
        ProbeFailure::new(format!(
            "the probe asks port {port}, which the pod does not have"
        ))
    })
}

async fn connect(address: SocketAddr) -> Result<TcpStream, ProbeFailure> {
    TcpStream::connect(address)
        .await
        .map_err(|error| ProbeFailure {
            nobody_listens: error.kind() == std::io::ErrorKind::ConnectionRefused,
            text: if error.kind() == std::io::ErrorKind::ConnectionRefused {
                format!("nothing listens at {address}")
            } else {
                format!("cannot connect to {address}: {error}")
            },
        })
}

/// An inline command, as the protocol allows it; a store that still reads its data answers LOADING.
async fn redis(address: SocketAddr) -> Result<(), ProbeFailure> {
    let broken =
        |error: &dyn fmt::Display| ProbeFailure::new(format!("PING at {address}: {error}"));
    let mut stream = connect(address).await?;
    stream
        .write_all(b"PING\r\n")
        .await
        .map_err(|error| broken(&error))?;
    let mut answer = Vec::new();
    let mut answers = BufReader::new(stream).take(LONGEST_ANSWER);
    answers
        .read_until(b'\n', &mut answer)
        .await
        .map_err(|error| broken(&error))?;
    match answer.trim_ascii_end() {
        b"+PONG" => Ok(()),
        b"" => Err(broken(&"no answer")),
        other => Err(broken(&format_args!(
            "answered {:?}",
            String::from_utf8_lossy(other)
        ))),
    }
}

async fn http(address: SocketAddr, path: &str) -> Result<(), ProbeFailure> {
    let broken =
        |error: &dyn fmt::Display| ProbeFailure::new(format!("GET {path} at {address}: {error}"));
    let stream = TokioIo::new(connect(address).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream)
        .await
        .map_err(|error| broken(&error))?;
    let request = http::Request::get(path)
        .header("host", address.to_string())
        .header("user-agent", "lab-probe")
        .body(Empty::<Bytes>::new())
        .map_err(|error| broken(&error))?;
    let asked = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broken(&error))?;
        let status = response.status().as_u16();
        if (200..400).contains(&status) {
            Ok(())
        } else {
            Err(ProbeFailure::new(format!(
                "GET {path} at {address} answered {status}"
            )))
        }
    };
    drive(connection, asked).await
}

async fn grpc(address: SocketAddr) -> Result<(), ProbeFailure> {
    let broken =
        |error: &dyn fmt::Display| ProbeFailure::new(format!("grpc health at {address}: {error}"));
    let stream = TokioIo::new(connect(address).await?);
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), stream)
            .await
            .map_err(|error| broken(&error))?;
    let request = http::Request::post(format!("http://{address}/grpc.health.v1.Health/Check"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::new(Bytes::from_static(&GRPC_EMPTY)))
        .map_err(|error| broken(&error))?;
    let asked = async {
        let response = sender
            .send_request(request)
            .await
            .map_err(|error| broken(&error))?;
        let headers = response.headers().clone();
        let body = response
            .into_body()
            .collect()
            .await
            .map_err(|error| broken(&error))?;
        let trailers = body.trailers().cloned().unwrap_or_default();
        let message = body.to_bytes();
        let status = trailers
            .get("grpc-status")
            .or_else(|| headers.get("grpc-status"));
        match status.map(http::HeaderValue::as_bytes) {
            Some(b"0") if message.get(5..) == Some(&GRPC_SERVING) => Ok(()),
            Some(b"0") => Err(ProbeFailure::new(format!(
                "grpc health at {address} is not SERVING"
            ))),
            Some(b"12") => Err(ProbeFailure::new(format!(
                "{address} has no grpc.health.v1.Health service"
            ))),
            status => Err(ProbeFailure::new(format!(
                "grpc health at {address} answered with status {}",
                status.map_or("none".into(), String::from_utf8_lossy)
            ))),
        }
    };
    drive(connection, asked).await
}

/// Runs a client connection for as long as the question takes.
async fn drive<E: fmt::Display>(
    connection: impl Future<Output = Result<(), E>>,
    asked: impl Future<Output = Result<(), ProbeFailure>>,
) -> Result<(), ProbeFailure> {
    tokio::pin!(asked);
    tokio::select! {
        biased;
        answer = &mut asked => answer,
        // The connection ended first; what it brought is already with the question.
        _ = connection => asked.await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_is_asked_often_until_it_is_ready() {
        let mut pace = Pace::default();
        let period = Duration::from_secs(10);
        assert_eq!(pace.next(false, period), FIRST_PACE);
        let last = (0..20).map(|_| pace.next(false, period)).last();
        assert_eq!(last, Some(SLOWEST_PACE));
        assert_eq!(pace.next(true, period), period);
        assert_eq!(pace.next(false, period), RETURN_PACE);
    }
}
