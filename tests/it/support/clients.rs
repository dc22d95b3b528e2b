//! Real clients that count what fails: `wrk` over HTTP/1.1 and `h2load` over HTTP/2. Both keep their
//! connections.

use std::process::{Output, Stdio};
use std::time::Duration;

use tokio::process::Command;

/// How long the load lasts; all changes are made meanwhile.
const SECONDS: u32 = 3;
/// Connections of a client.
pub(crate) const CONNECTIONS: u32 = 16;

/// A client that counts what fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Client {
    Wrk,
    H2load,
}

/// What it counted.
#[derive(Debug)]
pub(crate) struct Counted {
    pub(crate) succeeded: u64,
    /// Answers that are not a success, and connections that could not be made or took too long.
    pub(crate) failed: u64,
    /// Requests whose connection broke.
    pub(crate) cut: u64,
}

impl Client {
    async fn run(self, url: String, host: String) -> Counted {
        let mut command = match self {
            Self::Wrk => Command::new("wrk"),
            Self::H2load => Command::new("h2load"),
        };
        command.args(["-t1", &format!("-c{CONNECTIONS}"), "-H"]);
        match self {
            Self::Wrk => command.args([&format!("Host: {host}"), &format!("-d{SECONDS}s")]),
            Self::H2load => command.args([
                &format!(":authority: {host}"),
                &format!("-D{SECONDS}"),
                "-m4",
            ]),
        };
        let output = command
            .arg(url)
            .stdin(Stdio::null())
            .output()
            .await
            .expect("wrk or h2load is missing: run the tests with tests/run");
        self.read(&output)
    }

    fn read(self, output: &Output) -> Counted {
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "{text}");
        // The number in front of a word, or behind it.
        let before = |word: &str| -> u64 {
            let Some(at) = text.find(word) else { return 0 };
            let number = text[..at].trim_end().rsplit([' ', '\n']).next().unwrap();
            number.parse().unwrap_or(0)
        };
        let behind = |word: &str| -> u64 {
            let Some(at) = text.find(word) else { return 0 };
            let rest = text[at + word.len()..].trim_start();
            let end = rest.find(|digit: char| !digit.is_ascii_digit());
            rest[..end.unwrap_or(rest.len())].parse().unwrap_or(0)
        };
        match self {
            Self::Wrk => Counted {
                succeeded: before("requests in "),
                failed: behind("Non-2xx or 3xx responses: ")
                    + behind("errors: connect ")
                    + behind(", timeout "),
                cut: behind(", read ") + behind(", write "),
            },
            Self::H2load => Counted {
                succeeded: before(" succeeded,"),
                failed: before(" timeout\n") + before(" 3xx, ") + before(" 4xx, ") + before(" 5xx"),
                cut: before(" errored,"),
            },
        }
    }
}

impl Counted {
    /// Nothing failed, and something was done.
    pub(crate) fn assert_nothing_lost(&self) {
        assert!(self.succeeded > 100, "{self:?}");
        assert_eq!((self.failed, self.cut), (0, 0), "{self:?}");
    }
}

/// Lets the client ask for `host` at `url`, does this so often meanwhile, and gives what was counted.
pub(crate) async fn under_load(
    client: Client,
    url: &str,
    host: &str,
    times: u32,
    mut change: impl FnMut(u32),
) -> Counted {
    let load = tokio::spawn(client.run(url.to_owned(), host.to_owned()));
    let pace = Duration::from_secs(u64::from(SECONDS)) / (times + 2);
    let mut pace = tokio::time::interval(pace);
    pace.tick().await;
    for number in 0..times {
        pace.tick().await;
        change(number);
    }
    assert!(!load.is_finished(), "the load ended before the changes");
    load.await.unwrap()
}
