//! The load balancer alone, with doors that the test holds.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use lab::model::{ProxyProtocol, TrafficPolicy};
use lab::net::{Accepted, Handoff, Trigger};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};

use crate::ingress_support::localhost;

const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 42, 0, 7));

fn door(name: &str, queue: usize) -> (Handoff, mpsc::Receiver<Accepted>) {
    let (connections, receiver) = mpsc::channel(queue);
    let handoff = Handoff {
        replica: name.to_owned(),
        connections,
    };
    (handoff, receiver)
}

#[tokio::test]
async fn a_full_or_closed_door_is_passed_over() {
    let (first, mut at_first) = door("traefik-0", 1);
    let (second, at_second) = door("traefik-1", 8);
    let (third, mut at_third) = door("traefik-2", 8);
    drop(at_second);
    let listener = lab::net::bind(localhost()).unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = Trigger::new();
    let (_doors, doors) = watch::channel(Arc::from([first, second, third]));
    let settings = lab::lb::Settings {
        tls: true,
        policy: lab::lb::Policy::Fixed(TrafficPolicy::Cluster),
        own_address: OWN,
        proxy_protocol: ProxyProtocol::Off,
        limit: 100,
    };
    let serving = tokio::spawn(lab::lb::serve(
        listener,
        settings,
        doors,
        lab::registry::Registry::default().faults(),
        shutdown,
    ));
    let mut clients = Vec::new();
    for _ in 0..6 {
        clients.push(TcpStream::connect(address).await.unwrap());
    }
    for _ in 0..5 {
        let accepted = at_third.recv().await.unwrap();
        assert_eq!(accepted.seen_as.ip(), OWN);
        assert_eq!(accepted.seen_as.port(), accepted.client.port());
        assert_eq!(accepted.candidates.len(), 3);
        assert!(accepted.tls);
    }
    assert!(at_first.recv().await.is_some());
    trigger.trigger();
    serving.await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn without_a_replica_the_client_is_let_go() {
    let listener = lab::net::bind(localhost()).unwrap();
    let address = listener.local_addr().unwrap();
    let (_trigger, shutdown) = Trigger::new();
    let (_doors, doors) = watch::channel(Arc::from([]));
    let settings = lab::lb::Settings {
        tls: false,
        policy: lab::lb::Policy::Fixed(TrafficPolicy::Local),
        own_address: OWN,
        proxy_protocol: ProxyProtocol::Off,
        limit: 100,
    };
    tokio::spawn(lab::lb::serve(
        listener,
        settings,
        doors,
        lab::registry::Registry::default().faults(),
        shutdown,
    ));
    let mut client = TcpStream::connect(address).await.unwrap();
    let read = tokio::io::AsyncReadExt::read(&mut client, &mut [0; 1]).await;
    assert!(matches!(read, Ok(0) | Err(_)));
}
