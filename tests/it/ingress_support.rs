//! A load balancer, a replica and a registry in this process, and pods of several manners.

use std::convert::Infallible;
use std::fmt::Write as _;
use std::future::Future;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use lab::ingress::{Replica, Settings};
use lab::model::*;
use lab::net::{Authority, Certificates, Handoff, Trigger};
use lab::registry::{Cluster, Registry};
use lab::trace::Tracer;
use rustls::pki_types::pem::PemObject;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};

pub(crate) const HOST: &str = "console.lab.localhost";

/// A replica behind two host ports, for tests that need no more of the path.
pub(crate) struct Front {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    _trigger: Trigger,
    _replica: Replica,
}

impl Front {
    pub(crate) fn start(registry: &Registry, settings: Settings) -> Self {
        let (trigger, shutdown) = Trigger::new();
        let (tracer, _) = Tracer::channel(16);
        let clear = lab::net::bind(localhost()).unwrap();
        let secure = lab::net::bind(localhost()).unwrap();
        let (http, https) = (clear.local_addr().unwrap(), secure.local_addr().unwrap());
        let replica = Replica::start(
            "ingress-0",
            registry.reader(),
            Certificates::new("default").unwrap(),
            tracer,
            Arc::new(settings),
            shutdown.clone(),
        )
        .unwrap();
        let (_, doors) = watch::channel(Arc::from([replica.handoff()]));
        for (listener, tls) in [(clear, false), (secure, true)] {
            let settings = lab::lb::Settings {
                tls,
                policy: lab::lb::Policy::Fixed(TrafficPolicy::Local),
                own_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
                proxy_protocol: ProxyProtocol::Off,
                limit: 100,
            };
            let (doors, shutdown) = (doors.clone(), shutdown.clone());
            tokio::spawn(lab::lb::serve(
                listener,
                settings,
                doors,
                lab::registry::Registry::default().faults(),
                shutdown,
            ));
        }
        Self {
            http,
            https,
            _trigger: trigger,
            _replica: replica,
        }
    }
}

/// The data path from host port to endpoint.
pub(crate) struct Path {
    pub(crate) registry: Registry,
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) authority: Authority,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) trigger: Trigger,
    pub(crate) certificates: Certificates,
    /// The replicas that get connections.
    pub(crate) doors: watch::Sender<Arc<[Handoff]>>,
    pub(crate) replica: Option<Replica>,
    _state: tempfile::TempDir,
}

impl Path {
    /// One replica of Traefik in front of Service `web`, whose endpoints are these.
    pub(crate) fn start(endpoints: &[SocketAddr]) -> Self {
        Self::start_with(endpoints, AppProtocol::Http, |_| {})
    }

    pub(crate) fn start_with(
        endpoints: &[SocketAddr],
        protocol: AppProtocol,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        Self::start_behind(ProxyProtocol::Off, endpoints, protocol, change)
    }

    /// Behind another proxy, which says who the client is.
    pub(crate) fn start_behind(
        proxy_protocol: ProxyProtocol,
        endpoints: &[SocketAddr],
        protocol: AppProtocol,
        change: impl FnOnce(&mut Settings),
    ) -> Self {
        let state = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_create(state.path()).unwrap();
        let certificates = Certificates::new("TRAEFIK DEFAULT CERT").unwrap();
        let exact = authority.issue("exact", &[HOST.to_owned()]).unwrap();
        let wildcard = authority
            .issue("wildcard", &["*.lab.localhost".to_owned()])
            .unwrap();
        assert!(certificates.replace([&exact, &wildcard]).is_empty());

        let registry = Registry::new(Cluster::default());
        let mut settings = Settings::new(Flavour::default());
        change(&mut settings);
        let flavour = settings.flavour.clone();
        registry.change(|cluster| {
            let service = web(protocol);
            cluster.services.insert("web".to_owned(), Arc::new(service));
            cluster.slices.insert("web".to_owned(), slice(endpoints));
            let routes = compile(&[ingress()], &Objects::new(&cluster.services), &flavour);
            assert_eq!(routes.diagnostics, []);
            cluster.routes = Arc::new(routes.table);
        });
        let (trigger, shutdown) = Trigger::new();
        let (tracer, events) = Tracer::channel(1024);
        let clear = lab::net::bind(localhost()).unwrap();
        let secure = lab::net::bind(localhost()).unwrap();
        let (http, https) = (clear.local_addr().unwrap(), secure.local_addr().unwrap());
        settings.https_port = https.port();
        let replica = Replica::start(
            "traefik-0",
            registry.reader(),
            certificates.clone(),
            tracer,
            Arc::new(settings),
            shutdown.clone(),
        )
        .unwrap();
        let (sender, doors) = watch::channel(Arc::from([replica.handoff()]));
        for (listener, tls) in [(clear, false), (secure, true)] {
            let settings = lab::lb::Settings {
                tls,
                policy: lab::lb::Policy::Fixed(TrafficPolicy::Local),
                own_address: IpAddr::V4(Ipv4Addr::new(10, 42, 0, 7)),
                proxy_protocol,
                limit: 1000,
            };
            tokio::spawn(lab::lb::serve(
                listener,
                settings,
                doors.clone(),
                lab::registry::Registry::default().faults(),
                shutdown.clone(),
            ));
        }
        Self {
            registry,
            http,
            https,
            authority,
            certificates,
            events,
            trigger,
            doors: sender,
            replica: Some(replica),
            _state: state,
        }
    }

    /// Replaces the endpoints.
    pub(crate) fn endpoints(&self, endpoints: &[SocketAddr]) {
        self.registry.change(|cluster| {
            cluster.slices.insert("web".to_owned(), slice(endpoints));
        });
    }

    /// A TLS connection that trusts the lab's authority.
    pub(crate) async fn tls(
        &self,
        name: &str,
        alpn: &[&str],
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let stream = TcpStream::connect(self.https).await?;
        self.tls_over(stream, name, alpn).await
    }

    /// The same over a connection that is there already.
    pub(crate) async fn tls_over(
        &self,
        stream: TcpStream,
        name: &str,
        alpn: &[&str],
    ) -> std::io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let pem = self.authority.certificate_pem().as_bytes();
        let mut roots = rustls::RootCertStore::empty();
        roots
            .add(rustls::pki_types::CertificateDer::from_pem_slice(pem).unwrap())
            .unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let mut config = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        tokio_rustls::TlsConnector::from(Arc::new(config))
            .connect(name.to_owned().try_into().unwrap(), stream)
            .await
    }

    /// A client of HTTP/1.1 over TLS.
    pub(crate) async fn h1(&self) -> http1::SendRequest<Full<Bytes>> {
        let stream = self.tls(HOST, &["http/1.1"]).await.unwrap();
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        sender
    }

    /// A client of HTTP/2 over TLS.
    pub(crate) async fn h2(&self) -> http2::SendRequest<Full<Bytes>> {
        let stream = self.tls(HOST, &["h2"]).await.unwrap();
        let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream))
            .await
            .unwrap();
        tokio::spawn(connection);
        sender
    }

    /// One GET over HTTP/1.1 and TLS; status and body.
    pub(crate) async fn get(&self, path: &str) -> (u16, String) {
        let response = self.h1().await.send_request(get(path)).await.unwrap();
        let status = response.status().as_u16();
        (status, text(response).await)
    }

    /// The next two spans.
    pub(crate) async fn film(&mut self) -> [Span; 2] {
        let mut next = async || match self.events.recv().await {
            Some(Event::Span(span)) => *span,
            other => panic!("{other:?}"),
        };
        [next().await, next().await]
    }
}

pub(crate) fn localhost() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], 0))
}

pub(crate) fn get(path: &str) -> Request<Full<Bytes>> {
    Request::builder()
        .uri(path)
        .header("host", HOST)
        .body(Full::default())
        .unwrap()
}

pub(crate) async fn text(response: Response<Incoming>) -> String {
    let bytes = response.into_body().collect().await.unwrap().to_bytes();
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn ingress() -> Ingress {
    let path = HttpPath {
        path: "/".to_owned(),
        path_type: PathType::Prefix,
        backend: IngressBackend {
            service: "web".to_owned(),
            port: BackendPort::Number(80),
        },
    };
    Ingress {
        name: "web".to_owned(),
        rules: vec![IngressRule {
            host: Some(HOST.to_owned()),
            paths: vec![path],
        }],
        tls: vec![IngressTls {
            hosts: vec![HOST.to_owned()],
            secret: None,
        }],
        ..Ingress::default()
    }
}

fn web(app_protocol: AppProtocol) -> Service {
    Service {
        name: "web".to_owned(),
        namespace: "cloudforet".to_owned(),
        kind: ServiceType::ClusterIP,
        cluster_ip: ClusterIp::None,
        ports: vec![ServicePort {
            name: String::new(),
            protocol: Protocol::Tcp,
            port: 80,
            target_port: 8080,
            node_port: None,
            app_protocol,
            listen: None,
        }],
        session_affinity: SessionAffinity::None,
        external_traffic_policy: TrafficPolicy::Local,
        ..Service::default()
    }
}

fn slice(endpoints: &[SocketAddr]) -> Arc<EndpointSlice> {
    let endpoints = endpoints
        .iter()
        .enumerate()
        .map(|(index, address)| Endpoint {
            pod: Some(format!("web-{index}")),
            addresses: vec![EndpointAddress {
                pod: *address,
                host: *address,
            }],
            conditions: Conditions {
                ready: true,
                serving: true,
                terminating: false,
            },
        })
        .collect();
    Arc::new(EndpointSlice {
        service: "web".to_owned(),
        endpoints,
    })
}

/// Tells what it was asked: method, target and headers as lines, then the body.
pub(crate) async fn echo_pod() -> SocketAddr {
    pod(|request: Request<Incoming>| async move {
        let mut lines = format!(
            "{} {} {:?}\n",
            request.method(),
            request.uri(),
            request.version()
        );
        for name in request.headers().keys() {
            let values = request.headers().get_all(name).iter();
            let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
            writeln!(lines, "{name}: {}", values.join(" | ")).unwrap();
        }
        let body = request.into_body().collect().await.unwrap().to_bytes();
        lines.push_str(&String::from_utf8_lossy(&body));
        Response::new(
            Full::new(Bytes::from(lines))
                .map_err(|never| match never {})
                .boxed(),
        )
    })
    .await
}

pub(crate) type PodBody = http_body_util::combinators::BoxBody<Bytes, Infallible>;

/// A pod that answers with this.
pub(crate) async fn pod<A, F>(answer: A) -> SocketAddr
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<PodBody>> + Send + 'static,
{
    let listener = TcpListener::bind(localhost()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve_pod(stream, answer.clone()));
        }
    });
    address
}

/// The same over TLS, with a certificate that nobody knows.
pub(crate) async fn tls_pod<A, F>(answer: A) -> SocketAddr
where
    A: Fn(Request<Incoming>) -> F + Clone + Send + 'static,
    F: Future<Output = Response<PodBody>> + Send + 'static,
{
    let made = rcgen::generate_simple_self_signed(vec!["pod".to_owned()]).unwrap();
    let key = rustls::pki_types::PrivatePkcs8KeyDer::from(made.signing_key.serialize_der());
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind(localhost()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (acceptor, answer) = (acceptor.clone(), answer.clone());
            tokio::spawn(async move {
                // A client that does not know the certificate goes away.
                if let Ok(stream) = acceptor.accept(stream).await {
                    serve_pod(stream, answer).await;
                }
            });
        }
    });
    address
}

async fn serve_pod<A, F>(
    stream: impl tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
    answer: A,
) where
    A: Fn(Request<Incoming>) -> F + Send + 'static,
    F: Future<Output = Response<PodBody>> + Send + 'static,
{
    let service = hyper::service::service_fn(move |request| {
        let answer = answer(request);
        async move { Ok::<_, Infallible>(answer.await) }
    });
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

/// A pod that does this with every connection.
pub(crate) async fn rude_pod<A, F>(manner: A) -> SocketAddr
where
    A: Fn(TcpStream) -> F + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind(localhost()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(manner(stream));
        }
    });
    address
}

/// An address at which nobody listens.
pub(crate) fn nobody() -> SocketAddr {
    let listener = std::net::TcpListener::bind(localhost()).unwrap();
    listener.local_addr().unwrap()
}
