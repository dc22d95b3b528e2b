//! UDP ports of Services.

use std::io::ErrorKind;
use std::time::Duration;

use lab::kube_proxy::Settings;
use lab::model::{Protocol, ProxyMode};
use tokio::net::UdpSocket;

use crate::kube_proxy_support::{CLUSTER_IP, PATIENCE, Proxied, endpoint, service};

#[tokio::test]
async fn datagrams_find_their_pod_and_the_answers_their_client() {
    let mut proxied = Proxied::start(ProxyMode::Ipvs, Settings::default());
    let held = UdpSocket::bind((CLUSTER_IP, 0)).await.unwrap();
    let listen = held.local_addr().unwrap();
    drop(held);
    let mut udp = service("syslog", listen);
    udp.ports[0].protocol = Protocol::Udp;
    let first = UdpSocket::bind("127.42.200.1:0").await.unwrap();
    let second = UdpSocket::bind("127.42.200.1:0").await.unwrap();
    let both = vec![
        endpoint("first", first.local_addr().unwrap()),
        endpoint("second", second.local_addr().unwrap()),
    ];
    let status = proxied.put(udp.clone(), both).await;
    assert_eq!((status.open, status.problems), (1, vec![]));

    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(listen).await.unwrap();
    let mut buffer = [0; 16];
    for _ in 0..2 {
        client.send(b"question").await.unwrap();
        let received = tokio::time::timeout(PATIENCE, first.recv_from(&mut buffer)).await;
        let (length, proxy) = received.unwrap().unwrap();
        assert_eq!(&buffer[..length], b"question");
        first.send_to(b"answer", proxy).await.unwrap();
        let received = tokio::time::timeout(PATIENCE, client.recv(&mut buffer)).await;
        assert_eq!(&buffer[..received.unwrap().unwrap()], b"answer");
    }
    // Another client is another flow, and its turn is the second pod's.
    let other = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    other.send_to(b"other", listen).await.unwrap();
    let received = tokio::time::timeout(PATIENCE, second.recv(&mut buffer)).await;
    assert_eq!(&buffer[..received.unwrap().unwrap()], b"other");

    // The pod of the flow is gone: the next datagram goes to the one that is left.
    let left = vec![endpoint("second", second.local_addr().unwrap())];
    proxied.put(udp.clone(), left).await;
    client.send(b"again").await.unwrap();
    let received = tokio::time::timeout(PATIENCE, second.recv(&mut buffer)).await;
    assert_eq!(&buffer[..received.unwrap().unwrap()], b"again");

    proxied.put(udp, vec![]).await;
    client.send(b"anybody").await.unwrap();
    let refused = tokio::time::timeout(PATIENCE, client.recv(&mut buffer)).await;
    assert_eq!(
        refused.unwrap().unwrap_err().kind(),
        ErrorKind::ConnectionRefused
    );
}

#[tokio::test]
async fn an_idle_flow_is_forgotten_and_drawn_anew() {
    let idle = Duration::from_millis(10);
    let settings = Settings {
        udp_idle: idle,
        ..Settings::default()
    };
    let mut proxied = Proxied::start(ProxyMode::Ipvs, settings);
    let held = UdpSocket::bind((CLUSTER_IP, 0)).await.unwrap();
    let listen = held.local_addr().unwrap();
    drop(held);
    let mut udp = service("syslog", listen);
    udp.ports[0].protocol = Protocol::Udp;
    let first = UdpSocket::bind("127.42.200.1:0").await.unwrap();
    let second = UdpSocket::bind("127.42.200.1:0").await.unwrap();
    let both = vec![
        endpoint("first", first.local_addr().unwrap()),
        endpoint("second", second.local_addr().unwrap()),
    ];
    proxied.put(udp, both).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    let reached = async {
        loop {
            client.send_to(b"line", listen).await.unwrap();
            // Longer than the flow lives, which is what is tried here.
            tokio::time::sleep(3 * idle).await;
            if second.try_recv(&mut [0; 16]).is_ok() {
                return;
            }
        }
    };
    tokio::time::timeout(PATIENCE, reached).await.unwrap();
    assert!(first.try_recv(&mut [0; 16]).is_ok());
}
