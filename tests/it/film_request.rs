//! `lab trace` against a small TLS server that plays the lab.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use lab::cli::trace::{FilmSource, LabAddress, Output, Style, TraceArgs, TraceError, run};
use lab::model::{Film, TraceId, Traceparent};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// One request as the server saw it.
#[derive(Clone, Debug)]
struct Seen {
    path: String,
    host: String,
    version: hyper::Version,
    traceparent: Option<String>,
    authorization: Option<String>,
    body: String,
}

struct Server {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
    folder: tempfile::TempDir,
    _tasks: JoinSet<()>,
}

impl Server {
    async fn start(alpn: &[&[u8]]) -> Self {
        let names = ["*.lab.localhost", "*.example.com"].map(str::to_owned);
        let key = rcgen::generate_simple_self_signed(names.to_vec()).unwrap();
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("ca.crt"), key.cert.pem()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let private = rustls::pki_types::PrivateKeyDer::try_from(key.signing_key.serialize_der());
        let mut config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![key.cert.der().clone()], private.unwrap())
            .unwrap();
        config.alpn_protocols = alpn.iter().map(|name| name.to_vec()).collect();
        let acceptor = TlsAcceptor::from(Arc::new(config));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let seen: Arc<Mutex<Vec<Seen>>> = Arc::default();
        let mut tasks = JoinSet::new();
        let log = Arc::clone(&seen);
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, log) = (acceptor.clone(), Arc::clone(&log));
                connections.spawn(async move {
                    let Ok(stream) = acceptor.accept(stream).await else {
                        return;
                    };
                    let service = hyper::service::service_fn(move |request| {
                        answer(request, Arc::clone(&log))
                    });
                    let _ = auto::Builder::new(TokioExecutor::new())
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Self {
            address,
            seen,
            folder,
            _tasks: tasks,
        }
    }

    fn lab(&self) -> LabAddress {
        let port = self.address.port();
        LabAddress::from_status(&json!({
            "urls": {"console_api_v2": format!("https://console-api-v2.lab.localhost:{port}")},
            "ca_certificate": self.folder.path().join("ca.crt"),
            "login": {"domain": "spaceone", "user": "admin", "password": "secret"},
        }))
        .unwrap()
    }

    fn seen(&self) -> Vec<Seen> {
        self.seen.lock().unwrap().clone()
    }
}

async fn answer(
    request: Request<Incoming>,
    log: Arc<Mutex<Vec<Seen>>>,
) -> Result<Response<Full<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let body = body.collect().await?.to_bytes();
    let header = |name: &str| {
        let value = parts.headers.get(name)?;
        Some(value.to_str().unwrap().to_owned())
    };
    let host = header("host").or_else(|| Some(parts.uri.authority()?.to_string()));
    log.lock().unwrap().push(Seen {
        path: parts.uri.path().to_owned(),
        host: host.unwrap_or_default(),
        version: parts.version,
        traceparent: header("traceparent"),
        authorization: header("authorization"),
        body: String::from_utf8(body.to_vec()).unwrap(),
    });
    let (status, answer) = match parts.uri.path() {
        "/identity/domain/get-auth-info" => (200, json!({"domain_id": "domain-1"})),
        "/identity/token/issue" => (200, json!({"access_token": "first", "refresh_token": "r"})),
        "/identity/user-profile/get-workspaces" => {
            (200, json!({"results": [{"workspace_id": "workspace-1"}]}))
        }
        "/identity/token/grant" => (200, json!({"access_token": "second"})),
        "/moved" => (302, Value::Null),
        _ => (404, json!({"detail": "nothing here"})),
    };
    let mut response = Response::new(Full::from(answer.to_string()));
    *response.status_mut() = hyper::StatusCode::from_u16(status).unwrap();
    if status == 302 {
        let elsewhere = hyper::header::HeaderValue::from_static("/elsewhere");
        response.headers_mut().insert("location", elsewhere);
    }
    Ok(response)
}

/// Knows every film, or none.
struct Films(bool);

impl FilmSource for Films {
    async fn film(&self, trace: TraceId) -> Result<Option<Film>, String> {
        Ok(self.0.then(|| Film {
            trace,
            started: 1,
            duration: 6_100,
            status: "404".into(),
            name: "GET /".into(),
            settled: true,
            left_out: 0,
            hops: Vec::new(),
            endpoints_now: std::collections::BTreeMap::new(),
        }))
    }
}

struct Printed {
    result: Result<(), TraceError>,
    out: String,
    err: String,
}

async fn trace(lab: &LabAddress, args: TraceArgs, films: Films, json: bool) -> Printed {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let output = Output {
        out: &mut out,
        err: &mut err,
        style: Style::plain(),
        json,
    };
    let result = run(&args, lab, &films, output).await;
    out.flush().unwrap();
    Printed {
        result,
        out: String::from_utf8(out).unwrap(),
        err: String::from_utf8(err).unwrap(),
    }
}

fn get(url: &str) -> TraceArgs {
    TraceArgs {
        url: url.into(),
        ..TraceArgs::default()
    }
}

#[tokio::test]
async fn a_console_api_is_asked_by_http_2_after_a_login_that_is_not_traced() {
    let server = Server::start(&[b"h2", b"http/1.1"]).await;
    let url = "https://console-api-v2.example.com/inventory/cloud-service/list";
    let printed = trace(&server.lab(), get(url), Films(true), false).await;
    printed.result.unwrap();
    let title = printed.out.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(title.starts_with(&format!("POST {url} -> 404 in 6.1 ms")));
    assert!(printed.err.contains("logged in as admin of spaceone"));
    assert!(!printed.err.contains("second"), "{}", printed.err);

    let seen = server.seen();
    let paths: Vec<&str> = seen.iter().map(|seen| seen.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/identity/domain/get-auth-info",
            "/identity/token/issue",
            "/identity/user-profile/get-workspaces",
            "/identity/token/grant",
            "/inventory/cloud-service/list",
        ]
    );
    let sampled: Vec<bool> = seen
        .iter()
        .map(|seen| {
            let traceparent = seen.traceparent.as_ref().unwrap();
            traceparent.parse::<Traceparent>().unwrap().sampled
        })
        .collect();
    assert_eq!(sampled, [false, false, false, false, true]);
    let last = seen.last().unwrap();
    assert_eq!(last.version, hyper::Version::HTTP_2);
    assert_eq!(last.host, "console-api-v2.example.com");
    assert_eq!(last.authorization.as_deref(), Some("Bearer second"));
    assert_eq!(last.body, "{}");
}

#[tokio::test]
async fn http_1_redirects_and_bodies_are_shown_as_they_come() {
    let server = Server::start(&[b"http/1.1"]).await;
    let port = server.address.port();
    let url = format!("https://console.lab.localhost:{port}/moved");
    let args = TraceArgs {
        body: true,
        headers: vec!["Host: other.lab.localhost".into()],
        ..get(&url)
    };
    let printed = trace(&server.lab(), args, Films(true), true).await;
    printed.result.unwrap();
    assert!(printed.err.contains("location: /elsewhere (not followed)"));
    assert!(printed.err.contains("null"));
    let film: Film = serde_json::from_str(&printed.out).unwrap();
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].version, hyper::Version::HTTP_11);
    assert_eq!(seen[0].host, "other.lab.localhost");
    let traceparent = seen[0].traceparent.as_ref().unwrap();
    assert_eq!(
        traceparent.parse::<Traceparent>().unwrap().trace,
        film.trace
    );
}

#[tokio::test]
async fn a_foreign_certificate_is_refused_unless_told_otherwise() {
    let server = Server::start(&[b"h2"]).await;
    let other = Server::start(&[b"h2"]).await;
    let mut lab = server.lab();
    lab.ca_certificate = other.lab().ca_certificate;
    let url = "https://console.example.com/";
    let refused = trace(&lab, get(url), Films(true), false).await;
    assert!(matches!(refused.result, Err(TraceError::Handshake { .. })));
    let insecure = TraceArgs {
        insecure: true,
        ..get(url)
    };
    trace(&lab, insecure, Films(true), false)
        .await
        .result
        .unwrap();
}

#[tokio::test]
async fn what_keeps_the_film_away_is_said_with_a_hint() {
    let server = Server::start(&[b"h2"]).await;
    let url = "https://console.example.com/";
    let unseen = trace(&server.lab(), get(url), Films(false), false).await;
    assert!(matches!(unseen.result, Err(TraceError::NoFilm(_))));

    let nobody = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut lab = server.lab();
    lab.https = nobody.local_addr().unwrap().port();
    drop(nobody);
    let closed = trace(&lab, get(url), Films(true), false).await;
    let error = closed.result.unwrap_err();
    assert!(error.hint().is_some_and(|hint| hint.contains("lab status")));

    lab.ca_certificate = server.folder.path().join("none.crt");
    let missing = trace(&lab, get(url), Films(true), false).await;
    assert!(matches!(
        missing.result,
        Err(TraceError::Certificate { .. })
    ));
}

#[tokio::test]
async fn a_film_that_was_seen_before_is_shown_again_without_a_request() {
    let server = Server::start(&[b"h2"]).await;
    let again = TraceArgs {
        url: TraceId::from_random(7).to_string(),
        ..TraceArgs::default()
    };
    let printed = trace(&server.lab(), again.clone(), Films(true), true).await;
    printed.result.unwrap();
    let film: Film = serde_json::from_str(&printed.out).unwrap();
    assert_eq!(film.trace, TraceId::from_random(7));
    assert!(server.seen().is_empty());
    let forgotten = trace(&server.lab(), again, Films(false), false).await;
    assert!(matches!(forgotten.result, Err(TraceError::NoFilm(_))));
}
