//! Changes under the load of real clients: no request fails, but those in flight on what is killed.
//!
//! `wrk` keeps its connections, as does `h2load`; both count what fails.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lab::ingress::{Replica, Settings};
use lab::model::Flavour;
use lab::net::{Handoff, Trigger};
use lab::trace::Tracer;

use crate::ingress_support::*;
use crate::support::clients::{self, CONNECTIONS, Client, Counted};

/// Three pods, of which the first is used.
async fn pods() -> [SocketAddr; 3] {
    [echo_pod().await, echo_pod().await, echo_pod().await]
}

/// Lets the client run on the path and makes these changes meanwhile.
async fn under_load(
    client: Client,
    https: SocketAddr,
    times: u32,
    change: impl FnMut(u32),
) -> Counted {
    let url = format!("https://127.0.0.1:{}/load", https.port());
    clients::under_load(client, &url, HOST, times, change).await
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
        under_load(client, path.https, 100, change)
            .await
            .assert_nothing_lost();
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
        under_load(client, path.https, 20, change)
            .await
            .assert_nothing_lost();
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
        under_load(client, path.https, 20, change)
            .await
            .assert_nothing_lost();
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
