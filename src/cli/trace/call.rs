//! One connection to the load balancer, and requests on it.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Request, StatusCode, Uri, Version, header};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::words::{bytes as size, clean, duration};
use super::{LabAddress, TraceError};

/// Everything is on this machine; a load balancer that needs longer does not accept at all.
const CONNECT: u64 = 10;

/// The deadline that Cloudforet's own clients give a call.
const ANSWER: u64 = 180;

/// Where a URL leads.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Dialled {
    pub(super) address: SocketAddr,
    host: String,
    tls: bool,
}

/// An open connection. Dropping it ends the task that drives it.
#[derive(Debug)]
pub(in crate::cli) struct Connected {
    sender: Sender,
    driver: JoinSet<()>,
}

#[derive(Debug)]
enum Sender {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

/// What came back.
#[derive(Debug)]
pub(in crate::cli) struct Answer {
    pub(in crate::cli) status: StatusCode,
    pub(in crate::cli) headers: HeaderMap,
    bytes: u64,
    took: Duration,
}

// === impl Dialled ===

impl Dialled {
    pub(in crate::cli) fn new(uri: &Uri, lab: &LabAddress) -> Result<Self, TraceError> {
        let host = uri
            .host()
            .ok_or_else(|| TraceError::Usage(format!("`{uri}` names no host")))?;
        Ok(Self {
            address: lab.dial(uri),
            host: host.trim_matches(['[', ']']).to_owned(),
            tls: uri.scheme_str() == Some("https"),
        })
    }
}

// === impl Connected ===

impl Connected {
    pub(in crate::cli) async fn open(
        dialled: &Dialled,
        client: &Arc<ClientConfig>,
    ) -> Result<Self, TraceError> {
        let limit = Duration::from_secs(CONNECT);
        timeout(limit, Self::connect(dialled, client))
            .await
            .map_err(|_| TraceError::Timeout {
                what: "connecting",
                seconds: CONNECT,
            })?
    }

    async fn connect(dialled: &Dialled, client: &Arc<ClientConfig>) -> Result<Self, TraceError> {
        let address = dialled.address;
        let unreachable = |source| TraceError::Connect { address, source };
        let tcp = TcpStream::connect(address).await.map_err(unreachable)?;
        tcp.set_nodelay(true).map_err(unreachable)?;
        if !dialled.tls {
            return Self::handshake(tcp, false).await;
        }
        let failed = |source| TraceError::Handshake {
            host: dialled.host.clone(),
            address,
            source,
        };
        let name = ServerName::try_from(dialled.host.clone())
            .map_err(|error| failed(io::Error::new(io::ErrorKind::InvalidInput, error)))?;
        let tls = TlsConnector::from(Arc::clone(client))
            .connect(name, tcp)
            .await
            .map_err(failed)?;
        let two = tls.get_ref().1.alpn_protocol() == Some(b"h2");
        Self::handshake(tls, two).await
    }

    async fn handshake<S>(stream: S, two: bool) -> Result<Self, TraceError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        let mut driver = JoinSet::new();
        let sender = if two {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io).await?;
            // The request itself reports what went wrong with its connection.
            driver.spawn(async move { drop(connection.await) });
            Sender::Two(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await?;
            driver.spawn(async move { drop(connection.await) });
            Sender::One(sender)
        };
        Ok(Self { sender, driver })
    }

    pub(super) fn version(&self) -> Version {
        match self.sender {
            Sender::One(_) => Version::HTTP_11,
            Sender::Two(_) => Version::HTTP_2,
        }
    }

    /// Sends a request whose URI is absolute, and reads the answer to its end. Its body is kept
    /// only if somebody wants it.
    pub(in crate::cli) async fn send(
        &mut self,
        request: Request<Full<Bytes>>,
        keep: Option<&mut Vec<u8>>,
    ) -> Result<Answer, TraceError> {
        debug_assert!(!self.driver.is_empty(), "a connection has a driver");
        timeout(Duration::from_secs(ANSWER), self.exchange(request, keep))
            .await
            .map_err(|_| TraceError::Timeout {
                what: "the answer",
                seconds: ANSWER,
            })?
    }

    async fn exchange(
        &mut self,
        mut request: Request<Full<Bytes>>,
        mut keep: Option<&mut Vec<u8>>,
    ) -> Result<Answer, TraceError> {
        let begun = Instant::now();
        let response = match &mut self.sender {
            Sender::One(sender) => {
                origin_form(&mut request);
                sender.send_request(request).await?
            }
            Sender::Two(sender) => {
                authority_from_host(&mut request);
                sender.send_request(request).await?
            }
        };
        let (parts, mut body) = response.into_parts();
        let mut bytes = 0;
        while let Some(frame) = body.frame().await {
            if let Ok(data) = frame?.into_data() {
                bytes += data.len() as u64;
                if let Some(kept) = &mut keep {
                    kept.extend_from_slice(&data);
                }
            }
        }
        Ok(Answer {
            status: parts.status,
            headers: parts.headers,
            bytes,
            took: begun.elapsed(),
        })
    }
}

/// HTTP/1.1 wants the path alone, and the host in a header.
fn origin_form(request: &mut Request<Full<Bytes>>) {
    let uri = request.uri().clone();
    if !request.headers().contains_key(header::HOST)
        && let Some(authority) = uri.authority()
        && let Ok(host) = HeaderValue::from_str(authority.as_str())
    {
        request.headers_mut().insert(header::HOST, host);
    }
    let path = uri.path_and_query().map_or("/", |path| path.as_str());
    if let Ok(path) = path.parse() {
        *request.uri_mut() = path;
    }
}

/// HTTP/2 has no host header: what the user gave becomes `:authority`.
fn authority_from_host(request: &mut Request<Full<Bytes>>) {
    let Some(host) = request.headers_mut().remove(header::HOST) else {
        return;
    };
    let mut parts = request.uri().clone().into_parts();
    if let Ok(authority) = host.as_bytes().try_into() {
        parts.authority = Some(authority);
        if let Ok(uri) = Uri::from_parts(parts) {
            *request.uri_mut() = uri;
        }
    }
}

// === impl Answer ===

impl Answer {
    /// One line for people. Redirects are shown, not followed.
    pub(super) fn describe(&self, err: &mut (dyn Write + Send)) -> io::Result<()> {
        let micros = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX);
        write!(
            err,
            "< {}, {} in {}",
            self.status,
            size(self.bytes),
            duration(micros)
        )?;
        if let Some(location) = self.headers.get(header::LOCATION) {
            let location = String::from_utf8_lossy(location.as_bytes());
            write!(err, ", location: {} (not followed)", clean(&location))?;
        }
        writeln!(err)
    }
}
