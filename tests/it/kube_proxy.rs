//! ClusterIPs on real sockets: who gets a connection, and what becomes of it.

use std::io::ErrorKind;
use std::time::Instant;

use lab::kube_proxy::Settings;
use lab::model::{Conditions, ProxyMode, Selection, SessionAffinity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::kube_proxy_support::{
    PATIENCE, Proxied, dial, echo, endpoints, free_port, pods, service,
};

#[tokio::test]
async fn a_service_without_endpoints_refuses_until_one_appears() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let listen = free_port().await;
    let status = proxied.put(service("inventory", listen), vec![]).await;
    assert_eq!((status.open, status.problems), (0, vec![]));
    let refused = TcpStream::connect(listen).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);

    let pods = pods(1).await;
    let changed = Instant::now();
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    let (_stream, name) = dial(listen).await;
    println!(
        "from the change to the pod's greeting: {:?}",
        changed.elapsed()
    );
    assert_eq!(name, "inventory-0");

    proxied.put(service("inventory", listen), vec![]).await;
    let refused = TcpStream::connect(listen).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
    // And it opens again at once, although connections through the old listener are alive.
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    dial(listen).await;
}

#[tokio::test]
async fn an_established_connection_survives_whatever_happens_to_the_service() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let listen = free_port().await;
    let pods = pods(2).await;
    proxied
        .put(service("inventory", listen), vec![pods[0].endpoint()])
        .await;
    let (mut stream, name) = dial(listen).await;
    assert_eq!(name, "inventory-0");
    proxied
        .put(service("inventory", listen), vec![pods[1].endpoint()])
        .await;
    echo(&mut stream).await.unwrap();
    let (_other, name) = dial(listen).await;
    assert_eq!(name, "inventory-1");
    proxied.put(service("inventory", listen), vec![]).await;
    echo(&mut stream).await.unwrap();
    proxied.registry.change(|cluster| {
        cluster.services.clear();
        cluster.slices.clear();
    });
    proxied.settled().await;
    echo(&mut stream).await.unwrap();
}

#[tokio::test]
async fn ipvs_rotates_strictly_and_tells_each_draw() {
    let mut proxied = Proxied::start(ProxyMode::Ipvs, Settings::default());
    let listen = free_port().await;
    let pods = pods(3).await;
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    for round in 0..7 {
        let (stream, name) = dial(listen).await;
        assert_eq!(name, pods[round % 3].name);
        let connection = proxied.next_connection().await;
        assert_eq!(connection.client, stream.local_addr().unwrap());
        assert_eq!(connection.cluster_ip, listen);
        assert_eq!(connection.endpoint, pods[round % 3].address);
        assert_eq!(connection.pod.as_deref(), Some(name.as_str()));
        assert_eq!(
            connection.selection,
            Selection::RoundRobin { index: round % 3 }
        );
        assert_eq!(connection.candidates.len(), 3);
        assert_eq!(connection.closed_at, None);
        drop(stream);
        let ended = proxied.next_connection().await;
        assert_eq!(ended.id, connection.id);
        assert!(ended.closed_at.unwrap() >= ended.drawn_at);
        assert_eq!((ended.bytes_up, ended.bytes_down), (0, 12));
    }
}

/// Pearson's chi-square over real connections; 9.49 is the 95 % point for four degrees of freedom,
/// and the seed is fixed.
#[tokio::test]
async fn iptables_draws_uniformly() {
    let settings = Settings {
        seed: Some(11),
        ..Settings::default()
    };
    let mut proxied = Proxied::start(ProxyMode::Iptables, settings);
    let listen = free_port().await;
    let pods = pods(5).await;
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    let mut counts = std::collections::BTreeMap::new();
    for _ in 0..500 {
        let (_stream, name) = dial(listen).await;
        *counts.entry(name).or_insert(0u32) += 1;
    }
    let chi_square: f64 = counts
        .values()
        .map(|count| (f64::from(*count) - 100.0).powi(2) / 100.0)
        .sum();
    assert_eq!(counts.len(), 5);
    assert!(chi_square < 9.49, "{chi_square} from {counts:?}");
}

#[tokio::test]
async fn client_ip_affinity_stays_until_the_pod_is_gone() {
    let mut proxied = Proxied::start(ProxyMode::Ipvs, Settings::default());
    let listen = free_port().await;
    let pods = pods(3).await;
    let mut sticky = service("inventory", listen);
    sticky.session_affinity = SessionAffinity::ClientIP {
        timeout_seconds: 10_800,
    };
    proxied.put(sticky.clone(), endpoints(&pods)).await;
    for _ in 0..4 {
        assert_eq!(dial(listen).await.1, "inventory-0");
    }
    proxied.put(sticky, endpoints(&pods[1..])).await;
    let (_stream, moved) = dial(listen).await;
    assert_ne!(moved, "inventory-0");
    assert_eq!(dial(listen).await.1, moved);
}

#[tokio::test]
async fn each_half_closes_on_its_own() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let listen = free_port().await;
    let pods = pods(1).await;
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    let (mut stream, _) = dial(listen).await;
    stream.write_all(b"the last word").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut echoed = String::new();
    let read = stream.read_to_string(&mut echoed);
    tokio::time::timeout(PATIENCE, read).await.unwrap().unwrap();
    assert_eq!(echoed, "the last word");
}

#[tokio::test]
async fn large_transfers_arrive_whole_both_ways() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let listen = free_port().await;
    let pods = pods(1).await;
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    let (stream, _) = dial(listen).await;
    let (mut reader, mut writer) = stream.into_split();
    let sent: Vec<u8> = (0..8_000_000u32).map(|n| n.to_le_bytes()[1]).collect();
    let copy = sent.clone();
    let writing = tokio::spawn(async move {
        writer.write_all(&copy).await?;
        writer.shutdown().await
    });
    let mut received = Vec::new();
    reader.read_to_end(&mut received).await.unwrap();
    writing.await.unwrap().unwrap();
    assert!(received == sent);
}

#[tokio::test]
async fn the_client_sees_its_pod_die() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let listen = free_port().await;
    let mut pods = pods(1).await;
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    let (mut stream, _) = dial(listen).await;
    pods.remove(0).kill();
    let ended = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await;
    assert!(matches!(ended.unwrap(), Ok(0) | Err(_)));
    // The endpoint is still listed and refuses: the client is reset, there is no second draw.
    let mut late = TcpStream::connect(listen).await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, late.read(&mut [0])).await;
    assert_eq!(
        ended.unwrap().unwrap_err().kind(),
        ErrorKind::ConnectionReset
    );
}

#[tokio::test]
async fn a_terminating_pod_serves_only_while_no_pod_is_ready() {
    let mut proxied = Proxied::start(ProxyMode::Ipvs, Settings::default());
    let listen = free_port().await;
    let pods = pods(2).await;
    let mut leaving = pods[0].endpoint();
    leaving.conditions = Conditions {
        ready: false,
        serving: true,
        terminating: true,
    };
    proxied
        .put(service("inventory", listen), vec![leaving.clone()])
        .await;
    assert_eq!(dial(listen).await.1, "inventory-0");
    proxied
        .put(
            service("inventory", listen),
            vec![leaving, pods[1].endpoint()],
        )
        .await;
    for _ in 0..3 {
        assert_eq!(dial(listen).await.1, "inventory-1");
    }
}

#[tokio::test]
async fn what_is_in_the_queue_when_the_last_endpoint_goes_is_still_served() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let listen = free_port().await;
    let pods = pods(1).await;
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    // One thread runs everything here, so nobody has accepted when the endpoint goes.
    let dialled: Vec<_> = (0..20)
        .map(|_| std::net::TcpStream::connect(listen).unwrap())
        .collect();
    proxied.put(service("inventory", listen), vec![]).await;
    for stream in dialled {
        stream.set_nonblocking(true).unwrap();
        let mut stream = TcpStream::from_std(stream).unwrap();
        let greeting = tokio::time::timeout(PATIENCE, stream.read_u8()).await;
        assert_eq!(greeting.unwrap().unwrap(), b'i');
    }
}

#[tokio::test]
async fn a_pod_reaches_its_own_service() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let listen = free_port().await;
    let pods = pods(1).await;
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind((pods[0].address.ip(), 0).into()).unwrap();
    let mut stream = socket.connect(listen).await.unwrap();
    assert_eq!(stream.read_u8().await.unwrap(), b'i');
}
