//! Changes under the load of real clients: no request fails, but those in flight on what is killed.
//!
//! `wrk` keeps its connections, as does `h2load`; both count what fails.

use std::net::SocketAddr;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use lab::ingress::{Replica, Settings};
use lab::model::Flavour;
use lab::net::{Handoff, Trigger};
use lab::trace::Tracer;
use tokio::process::Command;

use crate::ingress_support::*;

/// How long the load lasts; all changes are made meanwhile.
const SECONDS: u32 = 3;
const CONNECTIONS: u32 = 16;

/// A client that counts what fails.
#[derive(Clone, Copy, Debug)]
enum Client {
    Wrk,
    H2load,
}

/// What it counted.
#[derive(Debug)]
struct Counted {
    succeeded: u64,
    /// Answers that are not a success, and connections that could not be made or took too long.
    failed: u64,
    /// Requests whose connection broke.
    cut: u64,
}

impl Client {
    async fn run(self, https: SocketAddr) -> Counted {
        let url = format!("https://127.0.0.1:{}/load", https.port());
        let mut command = match self {
            Self::Wrk => Command::new("wrk"),
            Self::H2load => Command::new("h2load"),
        };
        command.args(["-t1", &format!("-c{CONNECTIONS}"), "-H"]);
        match self {
            Self::Wrk => command.args([&format!("Host: {HOST}"), &format!("-d{SECONDS}s")]),
            Self::H2load => command.args([
                &format!(":authority: {HOST}"),
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

/// Three pods, of which the first is used.
async fn pods() -> [SocketAddr; 3] {
    [echo_pod().await, echo_pod().await, echo_pod().await]
}

/// Lets the client run, does this so often meanwhile, and gives what was counted.
async fn under_load(
    client: Client,
    https: SocketAddr,
    times: u32,
    mut change: impl FnMut(u32),
) -> Counted {
    let load = tokio::spawn(client.run(https));
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

/// Nothing failed, and something was done.
fn assert_nothing_lost(counted: &Counted) {
    assert!(counted.succeeded > 100, "{counted:?}");
    assert_eq!((counted.failed, counted.cut), (0, 0), "{counted:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoint_changes_lose_nothing() {
    for client in [Client::Wrk, Client::H2load] {
        let pods = pods().await;
        let path = Path::start(&pods[..1]);
        let change = |number: u32| {
            let first = number as usize % pods.len();
            let count = 1 + number as usize % 2;
            let used: Vec<_> = pods
                .iter()
                .cycle()
                .skip(first)
                .take(count)
                .copied()
                .collect();
            path.endpoints(&used);
        };
        assert_nothing_lost(&under_load(client, path.https, 100, change).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn route_changes_lose_nothing() {
    for client in [Client::Wrk, Client::H2load] {
        let path = Path::start(&pods().await);
        let table = path.registry.snapshot().routes.clone();
        let change = |_| {
            path.registry
                .change(|cluster| cluster.routes = Arc::new((*table).clone()));
        };
        assert_nothing_lost(&under_load(client, path.https, 20, change).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn renewed_certificates_lose_nothing() {
    for client in [Client::Wrk, Client::H2load] {
        let path = Path::start(&pods().await);
        let names = [HOST.to_owned(), "*.lab.localhost".to_owned()];
        let change = |_| {
            let renewed = path.authority.issue("renewed", &names).unwrap();
            assert!(path.certificates.replace([&renewed]).is_empty());
        };
        assert_nothing_lost(&under_load(client, path.https, 20, change).await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_replica_loses_what_is_in_flight_on_it() {
    for client in [Client::Wrk, Client::H2load] {
        let path = Path::start(&pods().await);
        let replica = |name: &str| -> (Trigger, Replica) {
            let (trigger, shutdown) = Trigger::new();
            let settings = Settings {
                https_port: path.https.port(),
                // Killed, not stopped.
                grace: Duration::ZERO,
                ..Settings::new(Flavour::default())
            };
            let replica = Replica::start(
                name,
                path.registry.reader(),
                path.certificates.clone(),
                Tracer::channel(16).0,
                Arc::new(settings),
                shutdown,
            );
            (trigger, replica.unwrap())
        };
        let (victim, survivor) = (replica("traefik-1"), replica("traefik-2"));
        let doors = |replicas: &[&Replica]| -> Arc<[Handoff]> {
            replicas.iter().map(|replica| replica.handoff()).collect()
        };
        path.doors.send_replace(doors(&[&victim.1, &survivor.1]));
        let mut trigger = Some(victim.0);
        let counted = under_load(client, path.https, 1, |_| {
            path.doors.send_replace(doors(&[&survivor.1]));
            trigger.take().unwrap().trigger();
        })
        .await;
        assert!(counted.succeeded > 100, "{counted:?}");
        assert_eq!(counted.failed, 0, "{counted:?}");
        // Four streams of each connection of h2load; it makes no new ones in their place.
        assert!(counted.cut <= u64::from(CONNECTIONS) * 4, "{counted:?}");
    }
}
