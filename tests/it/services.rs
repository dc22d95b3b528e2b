//! Traffic from outside and traffic policies, on real sockets: who may serve, as whom an endpoint
//! sees its client, and what becomes of silent connections.

use std::io::ErrorKind;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lab::kube_proxy::{Clock, Outside, Settings};
use lab::model::{
    Conditions, Endpoint, EndpointAddress, EndpointSlice, IdleEnd, IdleTimeout, Network, Protocol,
    ProxyMode, ProxyProtocol, Service, ServiceType, SessionAffinity, TrafficPolicy,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream, UdpSocket};

use crate::kube_proxy_support::{
    PATIENCE, Proxied, dial, echo, endpoint, endpoints, free_port, pods, service,
};

const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 42, 200, 77));
/// Long enough for a refusal or an answer on loopback, short enough to wait for.
const QUIET: Duration = Duration::from_millis(300);

fn outside(idle: Option<IdleTimeout>) -> Settings {
    Settings {
        outside: Some(Outside {
            own_address: Some(OWN),
            idle,
        }),
        ..Settings::default()
    }
}

fn balanced(listen: SocketAddr) -> Service {
    Service {
        kind: ServiceType::LoadBalancer,
        ..service("web", listen)
    }
}

/// An address of the user's own on another machine (RFC 5737).
fn elsewhere() -> Endpoint {
    let address = "192.0.2.1:80".parse().unwrap();
    Endpoint {
        pod: None,
        addresses: vec![EndpointAddress {
            pod: address,
            host: address,
        }],
        conditions: Conditions {
            ready: true,
            serving: true,
            terminating: false,
        },
    }
}

/// Connects from an address of loopback.
async fn dial_from(from: [u8; 4], to: SocketAddr) -> TcpStream {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((from, 0).into()).unwrap();
    socket.connect(to).await.unwrap()
}

#[test]
fn local_takes_the_usable_endpoints_of_this_machine() {
    let with = |name: Option<&str>, ready, serving, terminating| Endpoint {
        pod: name.map(str::to_owned),
        conditions: Conditions {
            ready,
            serving,
            terminating,
        },
        ..elsewhere()
    };
    let leaving = with(Some("leaving"), false, true, true);
    let broken = with(Some("broken"), false, false, false);
    let ready = with(Some("ready"), true, true, false);
    let away = with(None, true, true, false);
    let mut beside = away.clone();
    beside.addresses[0].host = "127.0.0.1:80".parse().unwrap();
    // Endpoints; how many of them serve for Cluster, and how many for Local.
    for (endpoints, cluster, local) in [
        (vec![], 0, 0),
        (vec![&away], 1, 0),
        (vec![&away, &beside], 2, 1),
        (vec![&ready, &away, &leaving, &broken], 2, 1),
        // The one that is ready elsewhere keeps it from serving for Cluster only.
        (vec![&away, &leaving], 1, 1),
        (vec![&leaving, &broken], 1, 1),
        (vec![&broken], 0, 0),
    ] {
        let slice = EndpointSlice {
            service: "web".to_owned(),
            endpoints: endpoints.into_iter().cloned().collect(),
        };
        assert_eq!(slice.usable().count(), cluster, "{slice:?}");
        assert_eq!(slice.usable_here().count(), local, "{slice:?}");
    }
}

#[tokio::test]
async fn local_drops_while_all_endpoints_are_elsewhere() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let listen = free_port().await;
    let mut local = service("inventory", listen);
    local.internal_traffic_policy = TrafficPolicy::Local;
    let status = proxied.put(local.clone(), vec![elsewhere()]).await;
    assert_eq!((status.open, status.problems), (0, vec![]));
    // Neither accepted nor refused: the kernel drops it.
    let waiting = tokio::time::timeout(QUIET, TcpStream::connect(listen)).await;
    assert!(waiting.is_err(), "{waiting:?}");
    let pods = pods(1).await;
    let both = [endpoints(&pods), vec![elsewhere()]].concat();
    proxied.put(local.clone(), both).await;
    for _ in 0..5 {
        assert_eq!(dial(listen).await.1, "inventory-0");
    }
    // Without any endpoint there is nothing to drop for.
    proxied.put(local, vec![]).await;
    let refused = TcpStream::connect(listen).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn datagrams_are_dropped_alike() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let listen = free_port().await;
    let mut local = service("syslog", listen);
    local.ports[0].protocol = Protocol::Udp;
    local.internal_traffic_policy = TrafficPolicy::Local;
    proxied.put(local.clone(), vec![elsewhere()]).await;
    let client = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    client.connect(listen).await.unwrap();
    client.send(b"lost").await.unwrap();
    let waiting = tokio::time::timeout(QUIET, client.recv(&mut [0; 16])).await;
    assert!(waiting.is_err(), "{waiting:?}");
    proxied.put(local, vec![]).await;
    client.send(b"refused").await.unwrap();
    let refused = tokio::time::timeout(PATIENCE, client.recv(&mut [0; 16])).await;
    let refused = refused.unwrap().unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn the_policy_decides_as_whom_a_pod_sees_its_client() {
    let pod = TcpListener::bind("127.42.200.1:0").await.unwrap();
    let of_pod = vec![endpoint("web-0", pod.local_addr().unwrap())];
    let mut proxied = Proxied::start(ProxyMode::Iptables, outside(None));
    let listen = free_port().await;
    for (policy, expected) in [
        (TrafficPolicy::Cluster, OWN),
        (TrafficPolicy::Local, [127, 9, 8, 7].into()),
    ] {
        let mut web = balanced(listen);
        web.external_traffic_policy = policy;
        proxied.put(web, of_pod.clone()).await;
        let _client = dial_from([127, 9, 8, 7], listen).await;
        let (_stream, seen) = pod.accept().await.unwrap();
        assert_eq!(seen.ip(), expected, "{policy:?}");
    }
}

#[tokio::test]
async fn a_load_balancer_tells_the_pod_who_its_client_is() {
    let pod = TcpListener::bind("127.42.200.1:0").await.unwrap();
    let of_pod = vec![endpoint("web-0", pod.local_addr().unwrap())];
    let mut proxied = Proxied::start(ProxyMode::Iptables, outside(None));
    let listen = free_port().await;
    for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
        let mut web = balanced(listen);
        web.proxy_protocol = version;
        proxied.put(web, of_pod.clone()).await;
        let mut client = dial_from([127, 9, 8, 7], listen).await;
        client.write_all(b"hello").await.unwrap();
        client.shutdown().await.unwrap();
        let (mut stream, _) = pod.accept().await.unwrap();
        let told = lab::net::take_proxy_header(&mut stream, version).await;
        assert_eq!(told.unwrap(), Some(client.local_addr().unwrap()));
        let mut rest = String::new();
        stream.read_to_string(&mut rest).await.unwrap();
        assert_eq!(rest, "hello");
    }
    // NodePorts and ClusterIPs have no load balancer in front.
    let mut node_port = service("web", listen);
    node_port.kind = ServiceType::NodePort;
    node_port.proxy_protocol = ProxyProtocol::V1;
    proxied.put(node_port, of_pod).await;
    let mut client = dial_from([127, 9, 8, 7], listen).await;
    client.write_all(b"hello").await.unwrap();
    client.shutdown().await.unwrap();
    let mut all = String::new();
    let (mut stream, _) = pod.accept().await.unwrap();
    stream.read_to_string(&mut all).await.unwrap();
    assert_eq!(all, "hello");
}

#[tokio::test]
async fn source_ranges_are_the_load_balancers_alone() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, outside(None));
    let listen = free_port().await;
    let pods = pods(1).await;
    let mut web = balanced(listen);
    web.load_balancer_source_ranges = vec![Network::parse("127.9.0.0/16").unwrap()];
    proxied.put(web.clone(), endpoints(&pods)).await;
    let mut inside = dial_from([127, 9, 8, 7], listen).await;
    assert_eq!(inside.read_u8().await.unwrap(), b'i');
    let mut refused = dial_from([127, 0, 0, 1], listen).await;
    let nothing = tokio::time::timeout(PATIENCE, refused.read(&mut [0])).await;
    assert!(matches!(nothing.unwrap(), Ok(0) | Err(_)));
    web.kind = ServiceType::NodePort;
    proxied.put(web, endpoints(&pods)).await;
    let mut open = dial_from([127, 0, 0, 1], listen).await;
    assert_eq!(open.read_u8().await.unwrap(), b'i');
}

/// What a silent connection through a load balancer comes to: what its client sees in silence, and
/// what it sees when it goes on.
async fn silent(
    end: IdleEnd,
) -> (
    Option<std::io::Result<usize>>,
    Option<std::io::Result<usize>>,
) {
    let after = Duration::from_millis(250);
    // What has not come long after that does not come.
    let long = 5 * after;
    let mut proxied = Proxied::start(
        ProxyMode::Iptables,
        outside(Some(IdleTimeout { after, end })),
    );
    let listen = free_port().await;
    let pods = pods(1).await;
    proxied.put(balanced(listen), endpoints(&pods)).await;
    let (mut stream, _) = dial(listen).await;
    // Words keep it open beyond the time-out.
    let begun = Instant::now();
    while begun.elapsed() < 2 * after {
        echo(&mut stream).await.unwrap();
        tokio::time::sleep(after / 8).await;
    }
    let seen = tokio::time::timeout(long, stream.read(&mut [0])).await.ok();
    if seen.is_some() {
        return (seen, None);
    }
    let _ = stream.write_all(b"still there?").await;
    let then = tokio::time::timeout(long, stream.read(&mut [0])).await.ok();
    (seen, then)
}

#[tokio::test]
async fn a_silent_connection_ends_in_the_way_of_its_provider() {
    let is_reset = |seen: &Option<std::io::Result<usize>>| {
        let error = seen.as_ref().and_then(|seen| seen.as_ref().err());
        error.is_some_and(|error| error.kind() == ErrorKind::ConnectionReset)
    };
    let (closed, reset, next, forgotten) = tokio::join!(
        silent(IdleEnd::Close),
        silent(IdleEnd::Reset),
        silent(IdleEnd::ResetNext),
        silent(IdleEnd::Forget),
    );
    assert!(matches!(closed.0, Some(Ok(0))), "{closed:?}");
    assert!(is_reset(&reset.0), "{reset:?}");
    assert!(next.0.is_none() && is_reset(&next.1), "{next:?}");
    assert!(
        forgotten.0.is_none() && forgotten.1.is_none(),
        "{forgotten:?}"
    );
}

#[tokio::test]
async fn affinity_ends_when_the_clock_says_so() {
    let begun = Instant::now();
    let seconds = Arc::new(AtomicU64::new(0));
    let shown = Arc::clone(&seconds);
    let clock = move || begun + Duration::from_secs(shown.load(Ordering::Relaxed));
    let settings = Settings {
        clock: Clock::new(clock),
        ..Settings::default()
    };
    let mut proxied = Proxied::start(ProxyMode::Ipvs, settings);
    let listen = free_port().await;
    let pods = pods(2).await;
    let mut sticky = service("inventory", listen);
    sticky.session_affinity = SessionAffinity::ClientIP {
        timeout_seconds: 10_800,
    };
    proxied.put(sticky, endpoints(&pods)).await;
    // Each use starts the three hours anew.
    for at in [0, 10_799, 21_598] {
        seconds.store(at, Ordering::Relaxed);
        assert_eq!(dial(listen).await.1, "inventory-0", "after {at} s");
    }
    seconds.store(21_598 + 10_800, Ordering::Relaxed);
    assert_eq!(dial(listen).await.1, "inventory-1");
}
