//! The clients: `wrk` for HTTP/1.1, `h2load` for HTTP/2.

use std::process::Command;

use super::Failed;
use super::contestants::{HOST, Ports};

/// Seconds that a client asks for.
const SECONDS: &str = "2";

/// A kind of load.
pub(crate) struct Column {
    pub(crate) name: &'static str,
    pub(crate) what: &'static str,
    client: Client,
}

enum Client {
    /// HTTP/1.1: `wrk` to the port, with these words.
    Wrk(fn(&Ports) -> String, &'static [&'static str]),
    /// HTTP/2 over TLS: `h2load` to this path, with these words.
    H2load(&'static str, &'static [&'static str]),
}

pub(crate) static COLUMNS: [Column; 6] = [
    Column {
        name: "http",
        what: "HTTP/1.1, 32 kept connections",
        client: Client::Wrk(
            |ports| format!("http://127.0.0.1:{}/", ports.http),
            &["-c32"],
        ),
    },
    Column {
        name: "tls",
        what: "HTTP/1.1 over TLS 1.3, 32 kept connections",
        client: Client::Wrk(
            |ports| format!("https://127.0.0.1:{}/", ports.tls),
            &["-c32"],
        ),
    },
    Column {
        name: "h2",
        what: "HTTP/2 over TLS, 8 connections of 8 streams",
        client: Client::H2load("/", &[]),
    },
    Column {
        name: "grpc",
        what: "the same as gRPC: a body, trailers, HTTP/2 to the pod",
        client: Client::H2load(
            "/grpc/x",
            &[
                "-H",
                "content-type: application/grpc",
                "-H",
                "te: trailers",
                "-d",
                "message",
            ],
        ),
    },
    Column {
        name: "close",
        what: "a TLS connection for each request (wrk resumes sessions)",
        client: Client::Wrk(
            |ports| format!("https://127.0.0.1:{}/", ports.tls),
            &["-c16", "-H", "connection: close"],
        ),
    },
    Column {
        name: "l4",
        what: "HTTP/1.1 through a plain TCP port, 32 kept connections",
        client: Client::Wrk(|ports| format!("http://127.0.0.1:{}/", ports.l4), &["-c32"]),
    },
];

impl Column {
    /// Asks for a while; how many good answers came.
    pub(crate) fn drive(&self, ports: &Ports) -> Result<u64, Failed> {
        let mut command = match &self.client {
            Client::Wrk(url, words) => {
                let mut wrk = Command::new("wrk");
                // In this spelling, or wrk adds a second one.
                wrk.args(["-t1", "-d", SECONDS, "-H"])
                    .arg(format!("Host: {HOST}"));
                wrk.args(*words).arg(url(ports));
                wrk
            }
            Client::H2load(path, words) => {
                let mut h2load = Command::new("h2load");
                h2load
                    .args(["-t1", "-c8", "-m8", "-D", SECONDS])
                    .args(*words);
                if words.contains(&"-d") {
                    h2load.current_dir(&ports.folder);
                }
                h2load
                    .arg(format!("--connect-to=127.0.0.1:{}", ports.tls))
                    .arg(format!("https://{HOST}{path}"));
                h2load
            }
        };
        let program = command.get_program().to_string_lossy().into_owned();
        let output = command.output().map_err(|error| {
            format!(
                "cannot run {program}: {error}; install it to measure {}",
                self.name
            )
        })?;
        let text = String::from_utf8_lossy(&output.stdout);
        Ok(match self.client {
            Client::Wrk(..) => good_of_wrk(&text),
            Client::H2load(..) => before(&text, " 2xx"),
        })
    }
}

fn good_of_wrk(text: &str) -> u64 {
    let bad = text
        .lines()
        .find_map(|line| line.trim().strip_prefix("Non-2xx or 3xx responses: "));
    let bad = bad.and_then(|count| count.parse().ok()).unwrap_or(0);
    before(text, " requests in").saturating_sub(bad)
}

/// The number in front of these words, 0 if there is none.
fn before(text: &str, words: &str) -> u64 {
    let head = text.find(words).map_or("", |at| &text[..at]);
    let number = head.rsplit(|letter: char| !letter.is_ascii_digit()).next();
    number.and_then(|number| number.parse().ok()).unwrap_or(0)
}
