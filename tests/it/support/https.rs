//! A small HTTPS client that trusts one CA and dials loopback whatever the name.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Request, StatusCode, Uri};
use http_body_util::{BodyExt, Full};
use hyper_util::rt::TokioIo;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

/// Anything that goes wrong before there is an answer.
pub(crate) type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The client.
#[derive(Clone)]
pub(crate) struct Https {
    connector: TlsConnector,
}

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }
}

impl Https {
    /// Trusts the CA in this PEM file and nothing else.
    pub(crate) fn trusting(ca: &Path) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(ca).unwrap() {
            roots.add(certificate.unwrap()).unwrap();
        }
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Self {
            connector: TlsConnector::from(Arc::new(config)),
        }
    }

    /// A connection that stays open for many requests.
    pub(crate) async fn connect(&self, url: &str) -> Result<Connection, Failure> {
        let uri: Uri = url.parse()?;
        let host = uri.host().ok_or("no host")?.to_owned();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, uri.port_u16().unwrap_or(443)));
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        let stream = self
            .connector
            .connect(ServerName::try_from(host)?, stream)
            .await?;
        let (sender, connection) =
            hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        Ok(Connection { sender })
    }

    /// A gRPC channel: one HTTP/2 connection for all calls.
    pub(crate) async fn channel(&self, url: &str) -> Result<tonic::transport::Channel, Failure> {
        let uri: Uri = url.parse()?;
        let host = uri.host().ok_or("no host")?.to_owned();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, uri.port_u16().unwrap_or(443)));
        let mut config = rustls::ClientConfig::clone(self.connector.config());
        config.alpn_protocols = vec![b"h2".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        // tonic asks for TLS of its own when it sees https.
        let endpoint = tonic::transport::Endpoint::from_shared(url.replacen("https", "http", 1))?;
        let channel = endpoint
            .connect_with_connector(tower::service_fn(move |_: Uri| {
                let (connector, host) = (connector.clone(), host.clone());
                async move {
                    let stream = TcpStream::connect(address).await?;
                    let name = ServerName::try_from(host).map_err(std::io::Error::other)?;
                    let stream = connector.connect(name, stream).await?;
                    Ok::<_, std::io::Error>(TokioIo::new(stream))
                }
            }))
            .await?;
        Ok(channel)
    }

    /// One POST of JSON over a connection of its own.
    pub(crate) async fn post(
        &self,
        url: &str,
        token: Option<&str>,
        body: &serde_json::Value,
    ) -> Result<Answer, Failure> {
        self.connect(url).await?.post(url, token, body).await
    }

    /// One GET over a connection of its own.
    pub(crate) async fn get(&self, url: &str) -> Result<Answer, Failure> {
        self.connect(url)
            .await?
            .send("GET", url, None, Bytes::new())
            .await
    }
}

/// One kept-alive connection.
pub(crate) struct Connection {
    sender: hyper::client::conn::http1::SendRequest<Full<Bytes>>,
}

impl Connection {
    /// POSTs JSON.
    pub(crate) async fn post(
        &mut self,
        url: &str,
        token: Option<&str>,
        body: &serde_json::Value,
    ) -> Result<Answer, Failure> {
        self.send("POST", url, token, Bytes::from(body.to_string()))
            .await
    }

    async fn send(
        &mut self,
        method: &str,
        url: &str,
        token: Option<&str>,
        body: Bytes,
    ) -> Result<Answer, Failure> {
        let uri: Uri = url.parse()?;
        let authority = uri.authority().ok_or("no authority")?.as_str();
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let mut request = Request::builder()
            .method(method)
            .uri(target)
            .header("host", authority)
            .header("content-type", "application/json");
        if let Some(token) = token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        self.sender.ready().await?;
        let (head, body) = self
            .sender
            .send_request(request.body(Full::new(body))?)
            .await?
            .into_parts();
        let body = body.collect().await?.to_bytes();
        Ok(Answer {
            status: head.status,
            headers: head.headers,
            body,
        })
    }
}

/// For tests about something else than certificates.
pub(crate) fn trusting_anybody() -> rustls::ClientConfig {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anybody))
        .with_no_client_auth()
}

/// A verifier that takes every certificate.
#[derive(Debug)]
pub(crate) struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        rustls::crypto::aws_lc_rs::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
}
