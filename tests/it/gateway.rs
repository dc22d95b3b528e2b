//! The cases of Gateway API's conformance suite for HTTPRoute and GRPCRoute, over real sockets and in
//! both flavours.
//!
//! A file `tests/conformance/gateway_*.txt` holds three parts. First manifests in YAML; Services
//! `infra-backend-v1` to `-v3` exist beside them, with two pods each at port 8080. Then, behind
//! `=== told`, every report that is expected about the objects. Then, behind `=== cases`, requests.
//!
//! A case begins with `# case: NAME (LEVEL)`; `# partly: WHY` says what of it the lab does otherwise.
//! Its blocks are separated by empty lines: `> METHOD HOST PATH`, then lines `> name: value` for headers
//! of the request, among them these that are none: `> tls: NAME` sends it over TLS with that server
//! name, `> h2: yes` over HTTP/2 with prior knowledge, `> times: N` so many times, `> stay: yes` with the
//! cookie of the first answer, `> body: TEXT`.
//! `x-fail: HOW*N` makes pods fail the first N tries: `503` is a status, `reset` closes the connection,
//! `delay` answers after 600 ms.
//!
//! What is expected: `= STATUS [SERVICE]`; `= name: value` for a header of the answer (`-` for none);
//! `= trailer name: value`; `= seen LINE` for a line that the pod saw, `= unseen NAME` for a header that
//! it did not; `= tries N` for how often pods were asked, `= pods N` for how many; `= copies SERVICE N` for how many requests
//! came to a Service in the end; `= shares SERVICE PERCENT …` for where they went, within 8 percent
//! (500 draws of a half: 3.6 sigma).

mod files;
mod pods;
mod served;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use lab::config::{self, Overrides};
use lab::ingress::Settings;
use lab::model::*;
use lab::registry::{Cluster, Registry};
use tokio::net::TcpStream;

use crate::eventually;
use crate::ingress_support::Front;
use files::{accept, files};
use pods::Pods;

pub(crate) use files::{NOT_PASSED, cases};

/// How far a share may be from what is wished, in percent of all requests.
const TOLERANCE: usize = 8;

#[tokio::test(flavor = "multi_thread")]
async fn every_case_of_gateway_api_ends_as_the_page_says_in_traefik() {
    every_case_ends_as_it_says("traefik").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_of_gateway_api_ends_as_the_page_says_in_nginx() {
    every_case_ends_as_it_says("nginx").await;
}

async fn every_case_ends_as_it_says(flavour: &str) {
    let files = files();
    assert!(files.len() > 3, "files were found");
    let mut wrong = Vec::new();
    for file in &files {
        let place = file.path.display();
        let path = Gateways::start(&file.yaml, flavour).await;
        let (told, wanted) = (path.told.join("\n"), file.told.join("\n"));
        if std::env::var_os("LAB_ACCEPT_CASES").is_some() {
            accept(file, &told);
        } else if told != wanted {
            wrong.push(format!("{place}: told\n{told}\n"));
        }
        for case in &file.cases {
            for block in &case.blocks {
                for problem in path.check(block).await {
                    wrong.push(format!("{place}: {}: {problem}\n{block}\n", case.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A replica in front of what manifests say.
struct Gateways {
    front: Front,
    pods: Pods,
    /// Reports about the objects, in the order of their texts.
    told: Vec<String>,
    blocks: AtomicUsize,
}

impl Gateways {
    async fn start(yaml: &str, controller: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let toml = format!(
            "cloudforet.enabled = false\nmanifests = [\"*.yaml\"]\n\
             [ingress]\ncontroller = \"{controller}\"\nredirect_https = false\n{}",
            [1, 2, 3]
                .map(|number| format!(
                    "[services.infra-backend-v{number}]\nport = 8080\nendpoints = [\"127.0.0.1:9\"]\n"
                ))
                .concat()
        );
        let file = folder.path().join("lab.toml");
        std::fs::write(&file, toml).unwrap();
        std::fs::write(folder.path().join("all.yaml"), yaml).unwrap();
        let config = config::load(Some(&file), &Overrides::default());
        let config = config.unwrap_or_else(|problems| panic!("{problems}"));

        let pods = Pods::default();
        let registry = Registry::new(Cluster::default());
        let flavour = match controller {
            "nginx" => Flavour::Nginx(NginxOptions {
                redirect_https: false,
            }),
            _ => Flavour::Traefik(TraefikOptions {
                redirect_https: false,
                ..TraefikOptions::default()
            }),
        };
        let mut slices = Vec::new();
        for service in &config.services {
            slices.push(pods.slice(service).await);
        }
        let reports = registry.change(|cluster| {
            for (service, slice) in config.services.iter().zip(slices) {
                let name = &service.name;
                cluster
                    .services
                    .insert(name.clone(), Arc::new(service.clone()));
                cluster.slices.insert(name.clone(), Arc::new(slice));
            }
            for secret in &config.secrets {
                cluster
                    .secrets
                    .insert(secret.name.clone(), Arc::new(secret.clone()));
            }
            let ports = GatewayPorts {
                http: 8080,
                https: 8443,
            };
            let objects = Objects::new(&cluster.services)
                .secrets(&cluster.secrets)
                .gateways(&config.gateway_api, ports);
            let compiled = compile(&config.ingresses, &objects, &flavour);
            cluster.routes = Arc::new(compiled.table);
            compiled.diagnostics
        });
        let mut told: Vec<String> = config
            .reports
            .iter()
            .chain(&reports)
            .map(ToString::to_string)
            .collect();
        told.sort();
        Self {
            front: Front::start(&registry, Settings::new(flavour)),
            pods,
            told,
            blocks: AtomicUsize::new(0),
        }
    }

    /// What is not as the block says.
    async fn check(&self, block: &str) -> Vec<String> {
        let asked = block.lines().filter_map(|line| line.strip_prefix("> "));
        let mut asked = asked.map(str::to_owned);
        let first = asked.next().unwrap();
        let [method, host, path] = first.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{first}");
        };
        let id = self.blocks.fetch_add(1, Ordering::Relaxed).to_string();
        let (mut body, mut times, mut tls) = (String::new(), 1, None);
        let (mut h2, mut stay) = (false, false);
        let mut headers = vec![(pods::BLOCK.to_owned(), id.clone())];
        for line in asked {
            let (name, value) = line.split_once(": ").unwrap();
            match name {
                "body" => value.clone_into(&mut body),
                "times" => times = value.parse().unwrap(),
                "tls" => tls = Some(value.to_owned()),
                "h2" => h2 = value == "yes",
                "stay" => stay = value == "yes",
                _ => headers.push((name.to_owned(), value.to_owned())),
            }
        }
        let uri = if h2 {
            format!("http://{host}{path}")
        } else {
            path.to_owned()
        };
        let mut request = Request::builder().method(method).uri(uri);
        if !h2 {
            request = request.header("host", host);
        }
        for (name, value) in &headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Full::new(Bytes::from(body))).unwrap();
        let mut connection = self.connect(tls.as_deref(), h2).await;
        let mut answer = connection.send(request.clone()).await;
        if stay {
            let cookie = answer.headers["set-cookie"].to_str().unwrap();
            let (pair, _) = cookie.split_once(';').unwrap();
            request
                .headers_mut()
                .insert("cookie", pair.parse().unwrap());
        }
        for _ in 1..times {
            answer = connection.send(request.clone()).await;
        }
        let mut problems = Vec::new();
        for line in block.lines().filter_map(|line| line.strip_prefix("= ")) {
            if !self.holds(line, &answer, &id, times).await {
                problems.push(format!(
                    "not \"{line}\" but {} {:?} {:?}\n{}",
                    answer.status,
                    answer.headers,
                    self.pods.asked(&id),
                    answer.text
                ));
            }
        }
        problems
    }

    async fn holds(&self, line: &str, answer: &Answer, id: &str, times: usize) -> bool {
        if let Some(wanted) = line.strip_prefix("seen ") {
            return answer.text.lines().any(|line| line == wanted);
        }
        if let Some(name) = line.strip_prefix("unseen ") {
            let start = format!("{name}: ");
            return !answer.text.lines().any(|line| line.starts_with(&start));
        }
        if let Some(trailer) = line.strip_prefix("trailer ") {
            let (name, value) = trailer.split_once(": ").unwrap();
            return answer
                .trailers
                .get(name)
                .is_some_and(|found| found == value);
        }
        if let Some(tries) = line.strip_prefix("tries ") {
            let all: usize = self.pods.asked(id).values().sum();
            return all == tries.parse::<usize>().unwrap();
        }
        if let Some(pods) = line.strip_prefix("pods ") {
            return self.pods.names(id).len() == pods.parse::<usize>().unwrap();
        }
        if let Some(copies) = line.strip_prefix("copies ") {
            let (service, wanted) = copies.split_once(' ').unwrap();
            let wanted: usize = wanted.parse().unwrap();
            eventually!("the copies are there", {
                let asked = self.pods.asked(id);
                (asked.get(service).copied().unwrap_or_default() == wanted).then_some(())
            });
            return true;
        }
        if let Some(shares) = line.strip_prefix("shares ") {
            let words: Vec<_> = shares.split(' ').collect();
            let asked = self.pods.asked(id);
            return words.chunks(2).all(|pair| {
                let percent: usize = pair[1].parse().unwrap();
                let found = asked.get(pair[0]).copied().unwrap_or_default() * 100 / times;
                found.abs_diff(percent) <= if percent == 0 { 0 } else { TOLERANCE }
            });
        }
        if let Some((name, value)) = line.split_once(": ") {
            let values = answer.headers.get_all(name).iter();
            let values: Vec<_> = values.map(|value| value.to_str().unwrap()).collect();
            return values.join(" | ") == if value == "-" { "" } else { value };
        }
        let (status, service) = line.split_once(' ').unwrap_or((line, ""));
        let from = answer.text.lines().next().unwrap_or_default();
        answer.status == status && (service.is_empty() || from == service)
    }

    async fn connect(&self, tls: Option<&str>, h2: bool) -> Connection {
        if let Some(name) = tls {
            let config = crate::support::https::trusting_anybody();
            let stream = TcpStream::connect(self.front.https).await.unwrap();
            let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
                .connect(name.to_owned().try_into().unwrap(), stream)
                .await
                .unwrap();
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            return Connection::H1(sender);
        }
        let stream = TokioIo::new(TcpStream::connect(self.front.http).await.unwrap());
        if h2 {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), stream)
                .await
                .unwrap();
            tokio::spawn(connection);
            return Connection::H2(sender);
        }
        let (sender, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection);
        Connection::H1(sender)
    }
}

/// A connection for the requests of one block.
enum Connection {
    H1(http1::SendRequest<Full<Bytes>>),
    H2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    async fn send(&mut self, request: Request<Full<Bytes>>) -> Answer {
        let response = match self {
            Self::H1(sender) => {
                sender.ready().await.unwrap();
                sender.send_request(request).await
            }
            Self::H2(sender) => sender.send_request(request).await,
        };
        Answer::read(response.unwrap()).await
    }
}

/// An answer, read to its end.
struct Answer {
    status: String,
    headers: http::HeaderMap,
    text: String,
    trailers: http::HeaderMap,
}

impl Answer {
    async fn read(response: Response<Incoming>) -> Self {
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap();
        Self {
            status: parts.status.as_str().to_owned(),
            headers: parts.headers,
            trailers: body.trailers().cloned().unwrap_or_default(),
            text: String::from_utf8_lossy(&body.to_bytes()).into_owned(),
        }
    }
}

/// How many requests each Service was asked.
type Asked = BTreeMap<String, usize>;
