//! The attack corpus: every case of `tests/attacks/*.txt`, byte by byte over a socket.
//!
//! The answer must be the one that the case names, the backend must see what the case allows and
//! nothing else, and after (in floods also during) each attack another client is served.

mod admin;
mod backend;
mod frames;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use lab::model::*;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::ingress_support::{HOST, Path};
use crate::support::corpus::{self, Case, bytes};
use crate::support::raw::{Answer, read_answers, request, wire};
use backend::Record;

/// Longer than any deadline of the ingress here; who has said nothing by then keeps the connection.
const PATIENCE: Duration = Duration::from_secs(3);
/// What the deadlines of the ingress are set to.
const SHORT: Duration = Duration::from_millis(400);
/// Memory that may be added while a file of floods is sent: far less than the floods themselves.
const MEMORY: u64 = 96 * 1024 * 1024;

/// An ingress, its two pods and what they saw.
struct Arena {
    path: Path,
    record: Record,
    nginx: bool,
}

impl Arena {
    async fn start(flavour: Flavour) -> Self {
        let record = Record::default();
        let web = backend::start("web", record.clone()).await;
        let admin = backend::start("admin", record.clone()).await;
        let nginx = matches!(flavour, Flavour::Nginx(_));
        let path = Path::start_with(&[web], AppProtocol::Http, |settings| {
            settings.flavour = flavour.clone();
            settings.client_header = SHORT;
            settings.client_idle = SHORT;
            settings.client_body = SHORT;
            settings.client_write = SHORT;
            settings.handshake = SHORT;
        });
        let ingresses = [open(), secured()];
        path.registry.change(|cluster| {
            let mut service = Service::clone(&cluster.services["web"]);
            "admin".clone_into(&mut service.name);
            let mut slice = EndpointSlice::clone(&cluster.slices["web"]);
            "admin".clone_into(&mut slice.service);
            slice.endpoints[0].addresses[0] = EndpointAddress {
                pod: admin,
                host: admin,
            };
            cluster
                .services
                .insert("admin".to_owned(), Arc::new(service));
            cluster.slices.insert("admin".to_owned(), Arc::new(slice));
            let routes = compile(&ingresses, &Objects::new(&cluster.services), &flavour);
            assert_eq!(routes.diagnostics, []);
            cluster.routes = Arc::new(routes.table);
        });
        Self {
            path,
            record,
            nginx,
        }
    }

    /// Sends a case and compares; the difference as text.
    async fn try_case(&self, case: &Case, transport: &str) -> Result<(), String> {
        let reply = (!case.reply.is_empty()).then(|| wire(&case.reply, HOST).concat());
        self.record.answer_with(reply);
        let answer = if transport.ends_with("+tls") {
            let alpn = transport.trim_end_matches("+tls").replace("h1", "http/1.1");
            let stream = self.path.tls(HOST, &[&alpn]).await.unwrap();
            converse(stream, case, transport).await
        } else {
            let stream = TcpStream::connect(self.path.http).await.unwrap();
            converse(stream, case, transport).await
        };
        self.record.answer_with(None);
        let served = innocent(self.path.http).await;
        let (innocents, seen): (Vec<_>, Vec<_>) = self
            .record
            .take()
            .into_iter()
            .partition(|request| request.starts_with("@web get /innocent http/1.1\n"));
        let text = seen.concat();
        let mut wrong = Vec::new();
        let h2 = transport.starts_with("h2");
        if !case.expect.iter().any(|wish| answer.is(wish, h2)) {
            wrong.push(format!("answered {answer:?}, not {:?}", case.expect));
        }
        if !served {
            wrong.push("another client is not served".to_owned());
        }
        if innocents.len() != 1 {
            wrong.push(format!(
                "the backend sees {} other clients",
                innocents.len()
            ));
        }
        if seen.len() > case.backend {
            wrong.push(format!("{} requests at the backend", seen.len()));
        }
        for part in case.sees.iter().filter(|part| !text.contains(&plain(part))) {
            wrong.push(format!("the backend does not see {part:?}"));
        }
        for part in case.hides.iter().filter(|part| text.contains(&plain(part))) {
            wrong.push(format!("the backend sees {part:?}"));
        }
        if !h2 {
            let text = answer.text.to_ascii_lowercase();
            for part in case
                .answer
                .iter()
                .filter(|part| !text.contains(&plain(part)))
            {
                wrong.push(format!("the answer has no {part:?}: {text:?}"));
            }
            for part in case
                .silent
                .iter()
                .filter(|part| text.contains(&plain(part)))
            {
                wrong.push(format!("the answer has {part:?}: {text:?}"));
            }
        }
        if wrong.is_empty() {
            return Ok(());
        }
        let flavour = if self.nginx { "nginx" } else { "traefik" };
        Err(format!(
            "{} ({}, {flavour}, {transport}): {}\n  backend saw: {:?}",
            case.name,
            case.row,
            wrong.join("; "),
            text.chars().take(400).collect::<String>(),
        ))
    }
}

/// A text of the corpus in lower case, with line ends as the record has them.
fn plain(text: &str) -> String {
    String::from_utf8_lossy(&bytes(text, HOST)).to_ascii_lowercase()
}

fn backend_of(service: &str) -> IngressBackend {
    IngressBackend {
        service: service.to_owned(),
        port: BackendPort::Number(80),
    }
}

/// Host and paths of most cases, without TLS of its own, so that no flavour redirects.
fn open() -> Ingress {
    let path = |path: &str, service: &str| HttpPath {
        path: path.to_owned(),
        path_type: PathType::Prefix,
        backend: backend_of(service),
    };
    Ingress {
        name: "open".to_owned(),
        rules: vec![IngressRule {
            host: Some(HOST.to_owned()),
            paths: vec![path("/", "web"), path("/admin", "admin")],
        }],
        ..Ingress::default()
    }
}

/// A host that NGINX redirects to HTTPS.
fn secured() -> Ingress {
    let host = "secure.lab.localhost";
    Ingress {
        name: "secured".to_owned(),
        rules: vec![IngressRule {
            host: Some(host.to_owned()),
            paths: vec![HttpPath {
                path: "/".to_owned(),
                path_type: PathType::Prefix,
                backend: backend_of("web"),
            }],
        }],
        tls: vec![IngressTls {
            hosts: vec![host.to_owned()],
            secret: None,
        }],
        ..Ingress::default()
    }
}

async fn converse(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    case: &Case,
    transport: &str,
) -> Answer {
    converse_as(stream, case, transport, HOST).await
}

/// Sends a case, with this for `{host}`.
async fn converse_as(
    stream: impl AsyncRead + AsyncWrite + Send + 'static,
    case: &Case,
    transport: &str,
    host: &str,
) -> Answer {
    let pieces = match (&case.ask, transport.starts_with("h2")) {
        (_, true) => {
            let mut all = frames::preface();
            all.extend(match &case.ask {
                Some(ask) => frames::request(ask, &case.fields, case.body.as_deref(), host),
                None => frames::compile(&case.frames, host),
            });
            vec![all]
        }
        (Some(ask), false) => vec![request(ask, case, host)],
        (None, false) => wire(&case.send, host),
    };
    let (mut reading, mut writing) = tokio::io::split(stream);
    let sending = tokio::spawn(async move {
        let mut drip = tokio::time::interval(SHORT / 8);
        for (number, piece) in pieces.iter().enumerate() {
            if number > 0 {
                drip.tick().await;
            }
            // Who is refused may be refused while still talking.
            if writing.write_all(piece).await.is_err() || writing.flush().await.is_err() {
                break;
            }
        }
        writing
    });
    let mut answer = Answer::default();
    let until = tokio::time::timeout(PATIENCE, async {
        if transport.starts_with("h2") {
            read_frames(&mut reading, &mut answer).await;
        } else {
            read_answers(&mut reading, case, &mut answer).await;
        }
    });
    // Out of patience: what has come is the answer.
    let _ = until.await;
    sending.abort();
    answer
}

async fn read_frames(reading: &mut (impl AsyncRead + Unpin), answer: &mut Answer) {
    let mut seen = frames::Seen::default();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match reading.read(&mut buffer).await {
            Ok(read) if read > 0 => {
                let complete = seen.read(&buffer[..read]);
                answer.statuses = seen.status.into_iter().collect();
                answer.reset = seen.reset;
                answer.goaway = seen.goaway;
                if complete {
                    return;
                }
            }
            _ => {
                answer.closed = true;
                return;
            }
        }
    }
}

/// Whether somebody else is served.
async fn innocent(http: SocketAddr) -> bool {
    let ask = async {
        let mut stream = TcpStream::connect(http).await?;
        let request =
            format!("GET /innocent HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        std::io::Result::Ok(answer.starts_with(b"HTTP/1.1 200") && answer.ends_with(b"ok"))
    };
    matches!(tokio::time::timeout(PATIENCE, ask).await, Ok(Ok(true)))
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/attacks")
}

/// Runs a file with both flavours.
async fn run(file: &str) {
    let cases = corpus::read(&folder().join(file));
    let mut wrong = Vec::new();
    let mut tried = 0;
    for name in ["traefik", "nginx"] {
        let flavour = if name == "nginx" {
            Flavour::Nginx(NginxOptions::default())
        } else {
            Flavour::default()
        };
        let arena = Arena::start(flavour).await;
        for case in &cases {
            if case.flavour.as_deref().is_some_and(|only| only != name) {
                continue;
            }
            for transport in &case.on {
                tried += 1;
                wrong.extend(arena.try_case(case, transport).await.err());
            }
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {tried} attacks in {file}:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Bytes of memory that this process holds.
fn resident() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = statm.split(' ').nth(1).unwrap().parse().unwrap();
    // All machines that the lab runs on with /proc have pages of 4 KiB or more.
    pages * 4096
}

macro_rules! files {
    ($($name:ident)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                run(concat!(stringify!($name), ".txt")).await;
            }
        )*

        #[test]
        fn every_file_of_the_corpus_is_run() {
            let mut there: Vec<_> = std::fs::read_dir(folder())
                .unwrap()
                .map(|entry| entry.unwrap().file_name().into_string().unwrap())
                .collect();
            there.sort();
            let mut run = vec![$(concat!(stringify!($name), ".txt"),)* "admin.txt", "floods.txt"];
            run.sort_unstable();
            assert_eq!(there, run);
        }
    };
}

files! { framing chunks heads hosts http2 hop_by_hop forwarded paths redirects limits slow responses upgrades }

/// Floods are sent while somebody else asks all the time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn floods() {
    let cases = corpus::read(&folder().join("floods.txt"));
    let arena = Arena::start(Flavour::default()).await;
    assert!(innocent(arena.path.http).await);
    let before = resident();
    let mut wrong = Vec::new();
    for case in &cases {
        for transport in &case.on {
            let http = arena.path.http;
            let (stop, mut stopped) = tokio::sync::oneshot::channel::<()>();
            let others = tokio::spawn(async move {
                let mut unserved = 0;
                while stopped.try_recv().is_err() {
                    unserved += u32::from(!innocent(http).await);
                }
                unserved
            });
            let reply = (!case.reply.is_empty()).then(|| wire(&case.reply, HOST).concat());
            arena.record.answer_with(reply);
            let answer = if transport == "h2+tls" {
                let stream = arena.path.tls(HOST, &["h2"]).await.unwrap();
                converse(stream, case, transport).await
            } else {
                let stream = TcpStream::connect(http).await.unwrap();
                converse(stream, case, transport).await
            };
            stop.send(()).unwrap();
            let unserved = others.await.unwrap();
            let grown = resident().saturating_sub(before);
            if !case.expect.iter().any(|wish| answer.is(wish, true)) {
                wrong.push(format!("{}: {answer:?}", case.name));
            }
            if unserved > 0 || !innocent(http).await {
                wrong.push(format!("{}: {unserved} others not served", case.name));
            }
            if grown > MEMORY {
                wrong.push(format!("{}: {grown} bytes more", case.name));
            }
            arena.record.take();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Somebody who asks for much and reads nothing. It says nothing either, so no file can hold it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn slow_read() {
    let arena = Arena::start(Flavour::default()).await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(4096).unwrap();
    let mut stream = socket.connect(arena.path.http).await.unwrap();
    let ask = format!("GET /huge HTTP/1.1\r\nHost: {HOST}\r\n\r\n");
    stream.write_all(ask.as_bytes()).await.unwrap();
    crate::eventually!(
        "the answer is given up, and the pod told",
        (arena.record.cut() > 0).then_some(())
    );
    assert!(innocent(arena.path.http).await);
    drop(stream);
}
