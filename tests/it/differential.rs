//! The same manifests and the same requests for the lab and for the real thing.
//!
//! `tests/differential/NAME.yaml` are the objects, `NAME.txt` the requests (the form is told in
//! `support/corpus.rs`). What the client gets and what the pod sees must be the same, but for the
//! differences that `tests/conformance/differences.txt` explains; one that is gone must leave the
//! file. Names `traefik_…` and `nginx_…` are for that flavour alone.
//!
//! All three listen at addresses of their own in 127.0.0.0/8, and there on the same ports, so that
//! a port that appears in a header is the same one.

mod access_log;
mod kube_api;
mod nginx;
mod objects;
mod pods;
mod reading;
mod traefik;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::support::corpus::{self, Case};
use crate::support::https::trusting_anybody;
use crate::support::lab::Lab;
use crate::support::raw::{Answer, read_answers, request, wire};
use objects::Objects;
use reading::read;

/// Where each of them listens.
const HTTP: u16 = 8080;
const HTTPS: u16 = 8443;
/// What has not come by then does not come.
const PATIENCE: Duration = Duration::from_secs(2);
/// A host that leads to a pod as soon as the objects are taken.
const READY: &str = "ready.lab.localhost";

/// A running server of the real kind; killed when dropped, and its log shown if the test failed.
struct RealServer {
    process: Child,
    log: PathBuf,
    _folder: tempfile::TempDir,
}

impl RealServer {
    /// Where it writes a line about each request.
    fn access_log(&self) -> PathBuf {
        self.log.with_file_name("access.log")
    }
}

impl Drop for RealServer {
    #[expect(
        clippy::print_stderr,
        reason = "what a failing test says is shown with it"
    )]
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("{}", std::fs::read_to_string(&self.log).unwrap_or_default());
        }
    }
}

/// An address for one server alone: a draw among millions, none of which the lab gives to pods.
fn address() -> Ipv4Addr {
    Ipv4Addr::new(
        127,
        fastrand::u8(100..200),
        fastrand::u8(..),
        fastrand::u8(1..255),
    )
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/differential")
}

/// Names of the files for this flavour.
fn names(flavour: &str) -> Vec<String> {
    let other = if flavour == "nginx" {
        "traefik_"
    } else {
        "nginx_"
    };
    let mut names: Vec<_> = std::fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|end| end == "txt"))
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !name.starts_with(other))
        .collect();
    names.sort();
    assert!(!names.is_empty());
    names
}

/// The lab with these objects, at an address of its own.
fn lab(flavour: &str, objects: &Objects) -> (Lab, Ipv4Addr) {
    lab_with(flavour, objects, "")
}

/// The same, with more in the section of its ingress.
fn lab_with(flavour: &str, objects: &Objects, more: &str) -> (Lab, Ipv4Addr) {
    let address = address();
    // Neither real one redirects by itself where Traefik is configured as it comes.
    let redirect = flavour == "nginx";
    let toml = format!(
        "manifests = [\"objects.yaml\"]\n\
         [cloudforet]\nenabled = false\n\
         [load_balancer]\naddress = \"{address}\"\nhttp = {HTTP}\nhttps = {HTTPS}\n\
         external_traffic_policy = \"Local\"\n\
         [ingress]\ncontroller = \"{flavour}\"\nredirect_https = {redirect}\n{more}\
         [trace]\nenabled = false\n"
    );
    let lab = Lab::new("process", &toml);
    lab.file("objects.yaml", &objects.yaml);
    lab.up();
    (lab, address)
}

/// Sends every case to both; what differs and is not explained, and explanations without a case.
async fn compare(
    flavour: &str,
    name: &str,
    real: Ipv4Addr,
    lab: Ipv4Addr,
    everywhere: &mut Everywhere,
) -> Vec<String> {
    let explained = differences(flavour, name);
    let mut met = BTreeSet::new();
    let mut wrong = Vec::new();
    for case in corpus::read(&folder().join(format!("{name}.txt"))) {
        if case.flavour.as_deref().is_some_and(|only| only != flavour) {
            continue;
        }
        for transport in &case.on {
            let mut expected = read(&ask(real, &case, transport).await);
            let mut found = read(&ask(lab, &case, transport).await);
            everywhere.remove(&mut expected, &mut found);
            if expected == found {
                continue;
            }
            let general = case.name.split(" with ").next().unwrap();
            if let Some(key) = [case.name.as_str(), general]
                .into_iter()
                .find(|key| explained.contains(*key))
            {
                met.insert(key.to_owned());
                continue;
            }
            wrong.push(format!(
                "{name}/{} ({transport})\n{}",
                case.name,
                changes(&expected, &found)
            ));
        }
    }
    for key in explained.difference(&met) {
        wrong.push(format!("{name}/{key} is explained and does not differ"));
    }
    wrong
}

/// Lines that only one of them has.
fn changes(real: &str, lab: &str) -> String {
    let mut text = String::new();
    for (side, one, other) in [("real", real, lab), ("lab ", lab, real)] {
        for line in one.lines() {
            if !other.lines().any(|same| same == line) {
                writeln!(text, "    {side}: {line}").unwrap();
            }
        }
    }
    if text.is_empty() {
        text = format!("    the same lines in another order:\n{real}\n{lab}");
    }
    text
}

/// What `differences.txt` has for this flavour: what differs, and the reason.
fn explained(flavour: &str) -> Vec<String> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance/differences.txt");
    let text = std::fs::read_to_string(file).unwrap();
    let lines = text
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let parts: Vec<&str> = line.split(" | ").collect();
            assert_eq!(parts.len(), 5, "name | flavour | real | lab | why: {line}");
            (parts[1] == flavour).then(|| parts[0].to_owned())
        })
        .collect()
}

/// The cases of this file that may differ in this flavour.
fn differences(flavour: &str, name: &str) -> BTreeSet<String> {
    let cases = explained(flavour).into_iter();
    cases
        .filter_map(|case| Some(case.strip_prefix(name)?.strip_prefix('/')?.to_owned()))
        .collect()
}

/// Headers that differ in every case: `*/pod NAME` and `*/answer NAME`.
struct Everywhere {
    headers: Vec<(String, bool)>,
}

impl Everywhere {
    fn new(flavour: &str) -> Self {
        let names = explained(flavour).into_iter();
        let headers = names.filter_map(|name| Some((name.strip_prefix("*/")?.to_owned(), false)));
        Self {
            headers: headers.collect(),
        }
    }

    /// Leaves these headers out where only one side has them, or another value.
    fn remove(&mut self, real: &mut String, lab: &mut String) {
        for (header, met) in &mut self.headers {
            let start = format!("{header}: ");
            let of = |side: &str| -> Vec<String> {
                let lines = side.lines().filter(|line| line.starts_with(&start));
                lines.map(str::to_owned).collect()
            };
            if of(real) == of(lab) {
                continue;
            }
            *met = true;
            for side in [&mut *real, &mut *lab] {
                let kept = side.lines().filter(|line| !line.starts_with(&start));
                *side = kept.fold(String::new(), |text, line| text + line + "\n");
            }
        }
    }

    /// Those that do not differ any more.
    fn gone(&self) -> Vec<String> {
        let gone = self.headers.iter().filter(|(_, met)| !met);
        gone.map(|(name, _)| format!("*/{name} is explained and does not differ"))
            .collect()
    }
}

/// What this server answers to the case.
async fn ask(address: Ipv4Addr, case: &Case, transport: &str) -> Answer {
    let host = host_of(case);
    if transport == "h1+tls" {
        let stream = TcpStream::connect((address, HTTPS)).await.unwrap();
        let name = host.split(':').next().unwrap().to_owned();
        let name = name
            .try_into()
            .unwrap_or_else(|_| READY.try_into().unwrap());
        let stream = anything().connect(name, stream).await.unwrap();
        converse(stream, case).await
    } else {
        let stream = TcpStream::connect((address, HTTP)).await.unwrap();
        converse(stream, case).await
    }
}

/// The host that a case asks for, which is also the name for TLS.
fn host_of(case: &Case) -> &str {
    let named = case
        .fields
        .iter()
        .find_map(|field| field.strip_prefix("Host: "));
    named.unwrap_or(READY)
}

async fn converse(stream: impl AsyncRead + AsyncWrite, case: &Case) -> Answer {
    let (mut reading, mut writing) = tokio::io::split(stream);
    let sent = match &case.ask {
        Some(ask) => request(ask, case, READY),
        None => wire(&case.send, READY).concat(),
    };
    let mut answer = Answer::default();
    // Who is refused may be refused while still talking; what has come then is the answer.
    let _ = tokio::time::timeout(PATIENCE, async {
        let _ = tokio::join!(
            writing.write_all(&sent),
            read_answers(&mut reading, case, &mut answer)
        );
    })
    .await;
    answer
}

/// A TLS client that asks no questions: certificates are compared elsewhere.
fn anything() -> tokio_rustls::TlsConnector {
    let mut config = trusting_anybody();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Arc::new(config).into()
}

/// Waits until the objects are taken.
async fn ready(address: Ipv4Addr) {
    crate::eventually!("the objects are taken", {
        let request = format!("GET / HTTP/1.1\r\nHost: {READY}\r\nConnection: close\r\n\r\n");
        let asked = async {
            let mut stream = TcpStream::connect(SocketAddr::from((address, HTTP))).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = Vec::new();
            tokio::io::AsyncReadExt::read_to_end(&mut stream, &mut answer).await?;
            std::io::Result::Ok(answer.starts_with(b"HTTP/1.1 200"))
        };
        matches!(asked.await, Ok(true)).then_some(())
    });
}
