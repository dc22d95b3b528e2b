//! What annotations do to requests: cases of `tests/filters`, over real sockets.
//!
//! A case is a config, `---`, and requests: `> METHOD HOST PATH` with header lines `> name: value`,
//! `> body: text` and `> times: N` (the last answer counts; with `> cookies: kept` the answers'
//! cookies come along), then what is expected of the answer: `= STATUS [SERVICE]`, `= name: value`
//! for a header of it (`= name: -` for none), `= seen LINE` for a line that the pod saw, `= unseen
//! LINE` for one that it did not, and `= pods: N` for how many different ones have answered. Pods
//! echo; `/status/503` answers with that status, `/half/503` so by the first pod only, and `/check`
//! with the one of the header `x-auth`. The pods of the Service `secure` speak TLS.

use std::path::Path as FilePath;
use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use lab::config::{self, Config, Controller, Overrides};
use lab::ingress::Settings;
use lab::model::*;
use lab::registry::{Cluster, Registry};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;

use crate::ingress_support::{Front, pod, tls_pod};

const SEPARATOR: &str = "\n---\n";

#[tokio::test(flavor = "multi_thread")]
async fn every_case_does_what_it_says() {
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("tests/filters");
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let case = std::fs::read_to_string(&path).unwrap();
        let (config, requests) = case.split_once(SEPARATOR).unwrap();
        let path_under_test = Ingresses::start(config).await;
        for block in requests.split("\n\n").filter(|block| block.contains('>')) {
            seen += 1;
            for problem in path_under_test.check(block).await {
                wrong.push(format!("{}: {problem}\n{block}\n", path.display()));
            }
        }
    }
    assert!(seen >= 30, "only {seen} requests found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A replica in front of a config's Services, each with two pods.
pub(crate) struct Ingresses {
    front: Front,
}

impl Ingresses {
    pub(crate) async fn start(text: &str) -> Self {
        let text = format!("cloudforet.enabled = false\n{text}");
        let parsed = config::parse(
            Some((FilePath::new("lab.toml"), &text)),
            &Overrides::default(),
        );
        let config = parsed.unwrap_or_else(|problems| panic!("{problems}"));
        let registry = Registry::new(Cluster::default());
        let flavour = flavour(&config);
        let mut slices = Vec::new();
        for service in &config.services {
            slices.push(slice(&service.name).await);
        }
        registry.change(|cluster| {
            for (service, slice) in config.services.iter().zip(slices) {
                let name = &service.name;
                cluster
                    .services
                    .insert(name.clone(), Arc::new(service.clone()));
                cluster.slices.insert(name.clone(), Arc::new(slice));
            }
            cluster
                .secrets
                .insert("users".to_owned(), Arc::new(users()));
            let objects = Objects::new(&cluster.services).secrets(&cluster.secrets);
            let compiled = compile(&config.ingresses, &objects, &flavour);
            assert_eq!(compiled.diagnostics, []);
            cluster.routes = Arc::new(compiled.table);
        });
        let settings = Settings {
            https_port: 8443,
            ..Settings::new(flavour)
        };
        Self {
            front: Front::start(&registry, settings),
        }
    }

    /// What is not as the block says.
    pub(crate) async fn check(&self, block: &str) -> Vec<String> {
        let asked = block.lines().filter_map(|line| line.strip_prefix("> "));
        let mut asked = asked.map(str::to_owned);
        let first = asked.next().unwrap();
        let [method, host, path] = first.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{first}");
        };
        let (mut body, mut times, mut tls, mut kept) = (String::new(), 1, false, false);
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header("host", host);
        for line in asked {
            let (name, value) = line.split_once(": ").unwrap();
            match name {
                "body" => body = value.replace("\\x1000", &"x".repeat(1000)),
                "times" => times = value.parse().unwrap(),
                "tls" => tls = value == "yes",
                "cookies" => kept = value == "kept",
                _ => request = request.header(name, value),
            }
        }
        let request = request.body(Full::new(Bytes::from(body))).unwrap();
        let mut request = request;
        let mut pods = std::collections::BTreeSet::new();
        let (parts, seen) = loop {
            let (parts, body) = self.send(request.clone(), tls).await.into_parts();
            let body = body.collect().await.unwrap().to_bytes();
            let seen = String::from_utf8_lossy(&body).into_owned();
            let pod = seen.lines().find_map(|line| line.strip_prefix("pod "));
            pods.extend(pod.map(str::to_owned));
            if let Some(cookie) = parts.headers.get("set-cookie").filter(|_| kept) {
                let cookie = cookie.to_str().unwrap().split(';').next().unwrap();
                let headers = request.headers_mut();
                headers.insert("cookie", cookie.parse().unwrap());
            }
            times -= 1;
            if times == 0 {
                break (parts, seen);
            }
        };
        let mut problems = Vec::new();
        for line in block.lines().filter_map(|line| line.strip_prefix("= ")) {
            let holds = if let Some(wanted) = line.strip_prefix("seen ") {
                seen.lines().any(|line| line == wanted)
            } else if let Some(count) = line.strip_prefix("pods: ") {
                pods.len().to_string() == count
            } else if let Some(unwanted) = line.strip_prefix("unseen ") {
                seen.lines().all(|line| line != unwanted)
            } else if let Some((name, value)) = line.split_once(": ") {
                let values = parts.headers.get_all(name).iter();
                let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
                values.join(" | ") == if value == "-" { "" } else { value }
            } else {
                let (status, service) = line.split_once(' ').unwrap_or((line, ""));
                parts.status.as_str() == status && (service.is_empty() || seen.starts_with(service))
            };
            if !holds {
                problems.push(format!(
                    "not \"{line}\" but {} {:?}\n{seen}",
                    parts.status, parts.headers
                ));
            }
        }
        problems
    }

    async fn send(&self, request: Request<Full<Bytes>>, tls: bool) -> Response<Incoming> {
        if tls {
            let stream = TcpStream::connect(self.front.https).await.unwrap();
            return exchange(accept_any(request.headers(), stream).await, request).await;
        }
        exchange(TcpStream::connect(self.front.http).await.unwrap(), request).await
    }
}

async fn exchange(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
) -> Response<Incoming> {
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    sender.send_request(request).await.unwrap()
}

/// TLS by the name of the host; which certificate is served is tested elsewhere.
async fn accept_any(
    headers: &http::HeaderMap,
    stream: TcpStream,
) -> tokio_rustls::client::TlsStream<TcpStream> {
    let name = headers["host"].to_str().unwrap().to_owned();
    let config = crate::support::https::trusting_anybody();
    tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(name.try_into().unwrap(), stream)
        .await
        .unwrap()
}

fn flavour(config: &Config) -> Flavour {
    match config.ingress.controller {
        Controller::Traefik => Flavour::Traefik(TraefikOptions::default()),
        Controller::Nginx => Flavour::Nginx(NginxOptions::default()),
    }
}

/// User `ada` with the password `password`.
fn users() -> Secret {
    let line = b"ada:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n".to_vec();
    Secret {
        name: "users".to_owned(),
        kind: "Opaque".to_owned(),
        data: [("auth".to_owned(), line)].into(),
    }
}

/// Two pods that tell their Service, themselves, and what they were asked.
async fn slice(service: &str) -> EndpointSlice {
    let mut endpoints = Vec::new();
    for number in 0..2 {
        let name = format!("{service}-{number}");
        let told = format!("{service}\npod {name}\n");
        let answer = move |request| answer(told.clone(), number, request);
        let address = if service == "secure" {
            tls_pod(answer).await
        } else {
            pod(answer).await
        };
        endpoints.push(Endpoint {
            pod: Some(name),
            addresses: vec![EndpointAddress {
                pod: address,
                host: address,
            }],
            conditions: Conditions {
                ready: true,
                serving: true,
                terminating: false,
            },
        });
    }
    EndpointSlice {
        service: service.to_owned(),
        endpoints,
    }
}

async fn answer(
    mut told: String,
    number: usize,
    request: Request<Incoming>,
) -> Response<crate::ingress_support::PodBody> {
    use std::fmt::Write as _;
    let (parts, body) = request.into_parts();
    let path = parts.uri.path().to_owned();
    let auth = parts.headers.get("x-auth").cloned();
    let status = match path.strip_prefix("/status/") {
        Some(status) => status.to_owned(),
        None if path.starts_with("/half/") && number == 0 => path["/half/".len()..].to_owned(),
        None if path == "/check" => {
            auth.map_or("200".to_owned(), |auth| auth.to_str().unwrap().to_owned())
        }
        None => "200".to_owned(),
    };
    writeln!(told, "{} {}", parts.method, parts.uri).unwrap();
    for (name, value) in &parts.headers {
        writeln!(told, "{name}: {}", value.to_str().unwrap()).unwrap();
    }
    // A body that was refused on its way ends with an error here.
    if let Ok(body) = body.collect().await {
        writeln!(told, "{} bytes", body.to_bytes().len()).unwrap();
    }
    let body = Full::new(Bytes::from(told)).map_err(|never| match never {});
    Response::builder()
        .status(status.parse::<u16>().unwrap())
        .header("x-user", "ada")
        .header("x-own", "pod")
        .body(body.boxed())
        .unwrap()
}
