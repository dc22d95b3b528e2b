//! One client connection: TLS, then HTTP/1.1 or HTTP/2, until it ends or the replica stops.

use std::cell::Cell;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use http::{HeaderValue, Request, Response};
use rustls::server::Acceptor;
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;
use tokio_rustls::{LazyConfigAcceptor, TlsAcceptor};

use super::afterwards;
use super::failure::{Asked, Failure};
use super::filters::Tables;
use super::proxy;
use super::replica::Shared;
use super::settings::Settings;
use super::view::Views;
use crate::model::{ProxyProtocol, RouteTable, TrafficPolicy};
use crate::net::{Accepted, ClientGate, HeaderError, ShownCertificate, take_proxy_header};
use crate::trace::Tracer;
use crate::wire::{Body, Interim, Io, Limits, Refused, Service, Socket, Stop, h1, http2};

/// What the requests of one connection share.
#[derive(Debug)]
pub(super) struct Client {
    shared: Rc<Shared>,
    /// The address that really dialled.
    pub(super) remote: SocketAddr,
    pub(super) seen_as: SocketAddr,
    pub(super) local: SocketAddr,
    pub(super) wall: SystemTime,
    /// From accept until the first request could be read.
    pub(super) opened: Duration,
    pub(super) candidates: Arc<[String]>,
    pub(super) policy: TrafficPolicy,
    /// Whether `seen_as` is what a header of the PROXY protocol said.
    pub(super) by_header: bool,
    pub(super) tls: Option<Tls>,
    /// What was broken about the connection on purpose.
    pub(super) fault: Option<String>,
    /// `seen_as` without its port, as header.
    pub(super) address: HeaderValue,
    /// Requests that had a film.
    pub(super) requests: Cell<u64>,
}

/// What was agreed on in the handshake.
#[derive(Debug)]
pub(super) struct Tls {
    pub(super) version: &'static str,
    pub(super) server_name: Option<String>,
    pub(super) alpn: Option<String>,
    pub(super) certificate: String,
    /// The client's own certificate, if it has shown one that was verified.
    pub(super) client: Option<ClientFacts>,
    /// What the client showed where the host asks for one.
    pub(super) shown: Option<ShownCertificate>,
}

/// What a client's certificate says.
#[derive(Debug)]
pub(super) struct ClientFacts {
    /// Its subject, as RFC 4514 writes it.
    pub(super) subject: String,
    pub(super) pem: String,
}

impl Client {
    pub(super) fn settings(&self) -> &Settings {
        &self.shared.settings
    }

    /// Whether this connection was made for another host that asks its clients otherwise, or for
    /// another listener of a Gateway.
    pub(super) fn misdirected(&self, host: &str, routes: &RouteTable) -> bool {
        self.tls.as_ref().is_some_and(|tls| {
            let name = tls.server_name.as_deref();
            self.shared.certificates.misdirected(name, host) || routes.misdirected(name, host)
        })
    }

    pub(super) fn views(&self) -> &Views {
        &self.shared.views
    }

    /// What is remembered of clients.
    pub(super) fn tables(&self) -> &Tables {
        &self.shared.tables
    }

    pub(super) fn replica(&self) -> &str {
        &self.shared.name
    }

    /// The replica's name as header.
    pub(super) fn replica_name(&self) -> HeaderValue {
        self.shared.header.clone()
    }

    pub(super) fn tracer(&self) -> &Tracer {
        &self.shared.tracer
    }
}

impl Service for Client {
    fn call(
        &self,
        request: Request<Body>,
        interim: Interim,
    ) -> impl Future<Output = Response<Body>> {
        proxy::handle(self, request, interim)
    }

    fn refuse(&self, refused: &Refused) -> Response<Body> {
        let dashboard = self.settings().dashboard.as_deref();
        Failure::from(*refused).respond(Asked::NOTHING, afterwards::unreadable(self), dashboard)
    }
}

/// Serves a connection to its end. On the signal, open requests are finished and no new ones taken.
pub(super) async fn serve(accepted: Accepted, shared: Rc<Shared>) {
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
        proxy_protocol,
        fault,
        permit: _permit,
    } = accepted;
    // It comes from the load balancer's runtime; and small answers must not wait for more to send.
    let stream = stream
        .into_std()
        .and_then(TcpStream::from_std)
        .and_then(|stream| stream.set_nodelay(true).map(|()| stream));
    let mut stream = match stream {
        Ok(stream) => stream,
        Err(error) => {
            tracing::debug!(%client, %error, "connection was gone");
            return;
        }
    };
    let told = match proxy_protocol {
        ProxyProtocol::Off => None,
        version => match told_client(&mut stream, version, &shared).await {
            Ok(told) => told,
            Err(error) => {
                tracing::debug!(%client, %error, "connection refused");
                return;
            }
        },
    };
    let seen_as = told.unwrap_or(seen_as);
    let new_client = |tls: Option<Tls>| Client {
        remote: client,
        seen_as,
        local,
        wall,
        opened: at.elapsed(),
        candidates,
        policy,
        by_header: told.is_some(),
        tls,
        fault,
        address: header_text(&seen_as.ip().to_string()),
        requests: Cell::new(0),
        shared: Rc::clone(&shared),
    };
    if !tls {
        let limit = shared.settings.client_header;
        let h2 = tokio::time::timeout(limit, speaks_h2(&stream)).await;
        match h2 {
            Ok(Ok(h2)) => run(Socket::Plain(stream), h2, new_client(None)).await,
            Ok(Err(error)) => tracing::debug!(%client, %error, "connection was gone"),
            Err(_) => tracing::debug!(%client, "no request in time"),
        }
        return;
    }
    let handshake = shake(stream, &shared);
    match tokio::time::timeout(shared.settings.handshake, handshake).await {
        Err(_) => tracing::debug!(%client, "no TLS handshake in time"),
        Ok(Err(error)) => tracing::debug!(%client, %error, "TLS handshake failed"),
        Ok(Ok((stream, gate))) => {
            let (h2, facts) = {
                let session = stream.get_ref().1;
                let h2 = session.alpn_protocol() == Some(b"h2");
                (h2, describe(session, gate.as_deref(), &shared))
            };
            let socket = Socket::Tls(Box::new(stream));
            run(socket, h2, new_client(Some(facts))).await;
        }
    }
}

/// The client that the header in front of everything names, if it names one.
async fn told_client(
    stream: &mut TcpStream,
    version: ProxyProtocol,
    shared: &Shared,
) -> Result<Option<SocketAddr>, HeaderError> {
    let header = take_proxy_header(stream, version);
    tokio::time::timeout(shared.settings.proxy_header, header)
        .await
        .unwrap_or_else(|_| Err(io::Error::from(io::ErrorKind::TimedOut).into()))
}

pub(super) fn header_text(text: &str) -> HeaderValue {
    HeaderValue::from_str(text).unwrap_or(HeaderValue::from_static("unknown"))
}

/// The TLS handshake; with the way in which the host asks for client certificates, if it does.
async fn shake(
    stream: TcpStream,
    shared: &Shared,
) -> io::Result<(TlsStream<TcpStream>, Option<Arc<ClientGate>>)> {
    let usual = Arc::clone(&shared.tls);
    if !shared.certificates.asks_clients() {
        let stream = TlsAcceptor::from(usual).accept(stream).await?;
        return Ok((stream, None));
    }
    let start = LazyConfigAcceptor::new(Acceptor::default(), stream).await?;
    let gate = shared.certificates.gate(start.client_hello().server_name());
    let config = gate.as_ref().map_or(usual, |gate| gate.config());
    Ok((start.into_stream(config).await?, gate))
}

fn describe(session: &rustls::ServerConnection, gate: Option<&ClientGate>, shared: &Shared) -> Tls {
    let served = shared.certificates.select(session.server_name());
    let shown = gate.and_then(|gate| gate.shown(session.peer_certificates()));
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
        client: shown
            .as_ref()
            .filter(|shown| shown.verified)
            .map(|shown| ClientFacts {
                subject: shown.subject.clone(),
                pem: shown.pem.clone(),
            }),
        shown,
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

/// Speaks HTTP until the connection ends.
async fn run(socket: Socket, h2: bool, client: Client) {
    let remote = client.remote;
    let settings = client.settings();
    let limits = Limits {
        head: settings.client_header,
        idle: settings.client_idle,
        body: settings.client_body,
        write: settings.client_write,
        streams: settings.streams,
    };
    let stop = Stop::listen(&client.shared.stop);
    if h2 {
        if let Err(error) = http2::serve(socket, &Rc::new(client), &limits, &stop).await {
            tracing::debug!(client = %remote, %error, "connection ended");
        }
    } else if let Err(error) = h1::serve(Io::new(socket), &client, &limits, &stop).await {
        tracing::debug!(client = %remote, %error, "connection ended");
    }
}
