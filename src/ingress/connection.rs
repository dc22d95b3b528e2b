//! One client connection: TLS, then HTTP/1.1 or HTTP/2, until it ends or the replica stops.

use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use http::HeaderValue;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::proxy;
use super::replica::Shared;
use super::settings::Settings;
use super::view::ViewReader;
use crate::model::TrafficPolicy;
use crate::net::{Accepted, Shutdown};
use crate::trace::Tracer;

/// Header lines of a request; more is an attack or a mistake.
const MAX_HEADERS: usize = 100;
/// Bytes of a request head.
const MAX_HEAD: u32 = 64 * 1024;
/// Streams that a client reset and that are still being worked on; rapid reset ends here.
const MAX_PENDING_RESETS: usize = 20;
/// Streams that were reset because of the client's own mistakes.
const MAX_ERROR_RESETS: usize = 256;
/// Bytes a client may send before it is told to go on: enough for a fast loopback upload.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// A client that is gone without a word is noticed after these two.
const PING_INTERVAL: Duration = Duration::from_secs(60);
const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// What the requests of one connection share.
#[derive(Debug)]
pub(super) struct Client {
    shared: Arc<Shared>,
    pub(super) views: ViewReader,
    /// The address that really dialled.
    pub(super) remote: SocketAddr,
    pub(super) seen_as: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) wall: SystemTime,
    /// From accept until the first request could be read.
    pub(super) opened: Duration,
    pub(super) candidates: Arc<[String]>,
    pub(super) policy: TrafficPolicy,
    pub(super) tls: Option<Tls>,
    /// `seen_as` without its port, as header.
    pub(super) address: HeaderValue,
    pub(super) replica_name: HeaderValue,
    /// Requests that had a film.
    pub(super) requests: AtomicU64,
    /// `WebSocket`s that grew out of this connection. Std mutex: held for a spawn.
    tunnels: Mutex<JoinSet<()>>,
}

/// What was agreed on in the handshake.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) version: &'static str,
    pub(super) server_name: Option<String>,
    pub(super) alpn: Option<String>,
    pub(super) certificate: String,
}

impl Client {
    pub(super) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    pub(super) fn replica(&self) -> &str {
        &self.shared.name
    }

    pub(super) fn tracer(&self) -> &Tracer {
        &self.shared.tracer
    }

    /// Runs something that may outlive the HTTP connection and not the replica.
    pub(super) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tunnels = self.tunnels.lock().unwrap_or_else(PoisonError::into_inner);
        tunnels.spawn(task);
    }
}

/// Serves a connection to its end. On the signal, open requests are finished and no new ones taken.
pub(super) async fn serve(accepted: Accepted, shared: Arc<Shared>, shutdown: Shutdown) {
    let Accepted {
        stream,
        client,
        seen_as,
        local,
        tls,
        at,
        wall,
        candidates,
        policy,
        permit: _permit,
    } = accepted;
    let new_client = |tls: Option<Tls>| Client {
        views: ViewReader::new(Arc::clone(&shared.views), shared.reader.clone()),
        remote: client,
        seen_as,
        local,
        wall,
        opened: at.elapsed(),
        candidates,
        policy,
        tls,
        address: header_text(&seen_as.ip().to_string()),
        replica_name: header_text(&shared.name),
        requests: AtomicU64::new(0),
        tunnels: Mutex::default(),
        shared: Arc::clone(&shared),
    };
    // Small answers must not wait for more to send.
    if let Err(error) = stream.set_nodelay(true) {
        tracing::debug!(%client, %error, "connection was gone");
        return;
    }
    if !tls {
        let limit = shared.settings.client_header;
        let h2 = tokio::time::timeout(limit, speaks_h2(&stream)).await;
        match h2 {
            Ok(Ok(h2)) => run(stream, h2, new_client(None), shutdown).await,
            Ok(Err(error)) => tracing::debug!(%client, %error, "connection was gone"),
            Err(_) => tracing::debug!(%client, "no request in time"),
        }
        return;
    }
    let handshake = TlsAcceptor::from(Arc::clone(&shared.tls)).accept(stream);
    match tokio::time::timeout(shared.settings.handshake, handshake).await {
        Err(_) => tracing::debug!(%client, "no TLS handshake in time"),
        Ok(Err(error)) => tracing::debug!(%client, %error, "TLS handshake failed"),
        Ok(Ok(stream)) => {
            let (h2, facts) = {
                let session = stream.get_ref().1;
                let h2 = session.alpn_protocol() == Some(b"h2");
                (h2, describe(session, &shared))
            };
            run(stream, h2, new_client(Some(facts)), shutdown).await;
        }
    }
}

fn header_text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"))
}

fn describe(session: &rustls::ServerConnection, shared: &Shared) -> Tls {
    let served = shared.certificates.select(session.server_name());
    let version = match session.protocol_version() {
        Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2",
        Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3",
        _ => "unknown",
    };
    Tls {
        version,
        server_name: session.server_name().map(str::to_owned),
        alpn: session
            .alpn_protocol()
            .map(|protocol| String::from_utf8_lossy(protocol).into_owned()),
        certificate: if served.names.is_empty() {
            format!("{} (default)", served.secret)
        } else {
            format!("{} for {}", served.secret, served.names.join(", "))
        },
    }
}

/// Whether a client in clear text begins HTTP/2 at once (prior knowledge). Its first words are
/// `PRI * HTTP/2.0`, which no HTTP/1.1 request begins with.
async fn speaks_h2(stream: &TcpStream) -> std::io::Result<bool> {
    const PREFACE: &[u8; 3] = b"PRI";
    /// Between looks at a connection that sent one or two bytes.
    const LOOK_AGAIN: Duration = Duration::from_millis(2);
    let mut start = [0; PREFACE.len()];
    loop {
        let seen = stream.peek(&mut start).await?;
        if seen == 0 || !PREFACE.starts_with(&start[..seen]) {
            return Ok(false);
        }
        if seen == PREFACE.len() {
            return Ok(true);
        }
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// Speaks HTTP until the connection ends, then waits for what grew out of it.
async fn run(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    h2: bool,
    client: Client,
    mut shutdown: Shutdown,
) {
    let client = Arc::new(client);
    let service = {
        let client = Arc::clone(&client);
        service_fn(move |request| {
            let client = Arc::clone(&client);
            async move { Ok::<_, Infallible>(proxy::handle(&client, request).await) }
        })
    };
    let io = TokioIo::new(stream);
    let settings = client.settings();
    let result = if h2 {
        let mut builder = http2::Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(settings.streams)
            .max_header_list_size(MAX_HEAD)
            .max_pending_accept_reset_streams(MAX_PENDING_RESETS)
            .max_local_error_reset_streams(MAX_ERROR_RESETS)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .keep_alive_interval(PING_INTERVAL)
            .keep_alive_timeout(PING_TIMEOUT);
        let mut connection = pin!(builder.serve_connection(io, service));
        tokio::select! {
            result = connection.as_mut() => result,
            () = shutdown.recv() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    } else {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(settings.client_header)
            .max_headers(MAX_HEADERS)
            .max_buf_size(MAX_HEAD as usize);
        let mut connection = pin!(builder.serve_connection(io, service).with_upgrades());
        tokio::select! {
            result = connection.as_mut() => result,
            () = shutdown.recv() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
        }
    };
    if let Err(error) = result {
        tracing::debug!(client = %client.remote, %error, "connection ended");
    }
    let mut tunnels = std::mem::take(
        &mut *client
            .tunnels
            .lock()
            .unwrap_or_else(PoisonError::into_inner),
    );
    while tunnels.join_next().await.is_some() {}
}
