//! ClusterIPs on real sockets.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use lab::kube_proxy::Settings;
use lab::model::{Conditions, Protocol, ProxyMode, Selection, SessionAffinity};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};

use crate::kube_proxy_support::{
    CLUSTER_IP, EchoPod, PATIENCE, Proxied, dial, echo, endpoint, free_port, service,
};

async fn pods(count: usize) -> Vec<EchoPod> {
    let mut pods = Vec::new();
    for number in 0..count {
        pods.push(EchoPod::start(&format!("inventory-{number}")).await);
    }
    pods
}

fn endpoints(pods: &[EchoPod]) -> Vec<lab::model::Endpoint> {
    pods.iter().map(EchoPod::endpoint).collect()
}

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

#[tokio::test]
async fn a_taken_port_is_reported_and_does_not_stop_the_others() {
    let settings = Settings {
        retry: Duration::from_millis(10),
        ..Settings::default()
    };
    let mut proxied = Proxied::start(ProxyMode::Iptables, settings);
    let holder = TcpListener::bind((CLUSTER_IP, 0)).await.unwrap();
    let taken = holder.local_addr().unwrap();
    let nowhere = "192.0.2.1:50051".parse().unwrap();
    let listen = free_port().await;
    let pods = pods(1).await;
    proxied.put(service("a", taken), endpoints(&pods)).await;
    proxied.put(service("b", nowhere), endpoints(&pods)).await;
    let status = proxied.put(service("c", listen), endpoints(&pods)).await;
    assert_eq!(status.open, 1);
    let problems: Vec<_> = status.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("service a port 50051: cannot listen on"));
    assert!(problems[1].contains("on no interface"), "{problems:?}");
    dial(listen).await;
    // It is tried again without any change of the registry.
    drop(holder);
    let opened = async {
        while TcpStream::connect(taken).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, opened).await.unwrap();
    assert_eq!(dial(taken).await.1, "inventory-0");
}

#[tokio::test]
async fn an_address_stays_with_its_service_and_passes_on_when_that_goes() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let listen = free_port().await;
    let pods = pods(2).await;
    proxied
        .put(service("new", listen), vec![pods[0].endpoint()])
        .await;
    let status = proxied
        .put(service("also", listen), vec![pods[1].endpoint()])
        .await;
    assert_eq!(status.problems[0].service, "also");
    assert_eq!(dial(listen).await.1, "inventory-0");
    proxied.registry.change(|cluster| {
        cluster.services.remove("new");
        cluster.slices.remove("new");
    });
    assert_eq!(proxied.settled().await.problems, vec![]);
    assert_eq!(dial(listen).await.1, "inventory-1");
}

#[tokio::test]
async fn shutdown_refuses_new_connections_and_drains_the_open_ones() {
    let settings = Settings {
        drain: PATIENCE,
        ..Settings::default()
    };
    let mut proxied = Proxied::start(ProxyMode::Iptables, settings);
    let listen = free_port().await;
    let pods = pods(1).await;
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    let (mut stream, _) = dial(listen).await;
    proxied.trigger.trigger();
    let refused = async {
        while TcpStream::connect(listen).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    echo(&mut stream).await.unwrap();
    assert!(!proxied.task.is_finished());
    drop(stream);
    tokio::time::timeout(PATIENCE, proxied.task)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn shutdown_cuts_what_outlasts_the_drain() {
    let settings = Settings {
        drain: Duration::from_millis(1),
        ..Settings::default()
    };
    let mut proxied = Proxied::start(ProxyMode::Iptables, settings);
    let listen = free_port().await;
    let pods = pods(1).await;
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    let (mut stream, _) = dial(listen).await;
    proxied.trigger.trigger();
    tokio::time::timeout(PATIENCE, proxied.task)
        .await
        .unwrap()
        .unwrap();
    let ended = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await;
    assert!(matches!(ended.unwrap(), Ok(0) | Err(_)));
}

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

/// Many Services whose endpoints come and go: what is open follows, and only changed Services are
/// touched.
#[tokio::test]
async fn a_thousand_services_of_fifty_endpoints_churn() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let pods = pods(1).await;
    let fifty = vec![pods[0].endpoint(); 50];
    let mut listens = Vec::new();
    {
        // All held at once, so that no port is handed out twice.
        let mut holders = Vec::new();
        for _ in 0..1_000 {
            let holder = TcpListener::bind("127.43.200.2:0").await.unwrap();
            listens.push(holder.local_addr().unwrap());
            holders.push(holder);
        }
    }
    let started = Instant::now();
    proxied.registry.change(|cluster| {
        for (number, listen) in listens.iter().enumerate() {
            let service = service(&format!("service-{number:04}"), *listen);
            let slice = lab::model::EndpointSlice {
                service: service.name.clone(),
                endpoints: fifty.clone(),
            };
            let name = service.name.clone();
            cluster.slices.insert(name.clone(), slice.into());
            cluster.services.insert(name, service.into());
        }
    });
    let status = proxied.settled().await;
    println!("1,000 Services opened in {:?}", started.elapsed());
    assert_eq!((status.open, status.problems), (1_000, vec![]));

    let started = Instant::now();
    for (round, &listen) in listens.iter().enumerate().take(100) {
        let name = format!("service-{round:04}");
        let status = proxied.put(service(&name, listen), vec![]).await;
        assert_eq!(status.open, 999);
        assert!(TcpStream::connect(listen).await.is_err());
        proxied.put(service(&name, listen), fifty.clone()).await;
        dial(listen).await;
    }
    println!("200 changes in {:?}", started.elapsed());
    proxied.registry.change(|cluster| {
        cluster.services.clear();
        cluster.slices.clear();
    });
    assert_eq!(proxied.settled().await.open, 0);
}
