//! The node over its standard streams, on loopback.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and so do the functions it is made of"
)]

use std::net::SocketAddr;

use lab::model::{Applied, EndpointSlice, Event, NetworkSnapshot, NodeLine, ProxyMode};
use lab::net::{Resolver, Trigger};
use lab::node::{InterfaceChoice, NodeError, Settings, run};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, DuplexStream, Lines, duplex};
use tokio::net::{TcpListener, UdpSocket};
use tokio::task::JoinHandle;

use crate::kube_proxy_support::{EchoPod, PATIENCE, dial, free_port, service};

struct Running {
    stdin: DuplexStream,
    stdout: Lines<BufReader<DuplexStream>>,
    task: JoinHandle<Result<(), NodeError>>,
    trigger: Trigger,
    dns: SocketAddr,
}

impl Running {
    async fn start() -> Self {
        let dns = free_dns().await;
        let (stdin, node_stdin) = duplex(1 << 20);
        let (stdout, node_stdout) = duplex(1 << 20);
        let (trigger, shutdown) = Trigger::new();
        let settings = Settings {
            dns,
            upstream: Vec::new(),
            interface: InterfaceChoice::Untouched,
        };
        Self {
            stdin,
            stdout: BufReader::new(stdout).lines(),
            task: tokio::spawn(run(node_stdin, node_stdout, settings, shutdown)),
            trigger,
            dns,
        }
    }

    async fn tell(&mut self, snapshot: &NetworkSnapshot) {
        let mut line = serde_json::to_vec(snapshot).unwrap();
        line.push(b'\n');
        self.stdin.write_all(&line).await.unwrap();
    }

    async fn next_event(&mut self) -> NodeLine {
        let line = tokio::time::timeout(PATIENCE, self.stdout.next_line()).await;
        serde_json::from_str(&line.unwrap().unwrap().unwrap()).unwrap()
    }
}

async fn free_dns() -> SocketAddr {
    loop {
        let udp = UdpSocket::bind("127.43.200.12:0").await.unwrap();
        let address = udp.local_addr().unwrap();
        if TcpListener::bind(address).await.is_ok() {
            return address;
        }
    }
}

fn snapshot(generation: u64, listen: SocketAddr, pods: &[&EchoPod]) -> NetworkSnapshot {
    NetworkSnapshot {
        generation,
        proxy_mode: ProxyMode::Ipvs,
        services: vec![service("inventory", listen)],
        slices: vec![EndpointSlice {
            service: "inventory".to_owned(),
            endpoints: pods.iter().map(|pod| pod.endpoint()).collect(),
        }],
        only_slices: false,
        faults: Vec::new(),
    }
}

#[tokio::test]
async fn a_snapshot_is_put_into_effect_and_acknowledged() {
    let mut node = Running::start().await;
    let listen = free_port().await;
    let pod = EchoPod::start("inventory-0").await;
    node.tell(&snapshot(41, listen, &[&pod])).await;
    let applied = NodeLine::Applied(Applied {
        generation: 41,
        problems: vec![],
    });
    assert_eq!(node.next_event().await, applied);

    let resolver = Resolver::at(node.dns);
    let found = resolver
        .resolve("inventory.cloudforet", listen.port())
        .await;
    assert_eq!(found.unwrap(), [listen]);
    let (stream, name) = dial(listen).await;
    assert_eq!(name, "inventory-0");
    let NodeLine::Event(Event::Connection(opened)) = node.next_event().await else {
        panic!("no connection");
    };
    assert_eq!(opened.client, stream.local_addr().unwrap());
    drop(stream);
    let NodeLine::Event(Event::Connection(closed)) = node.next_event().await else {
        panic!("no connection");
    };
    assert_eq!((closed.id, closed.bytes_down), (opened.id, 12));

    // Endpoints alone leave the Service where it is.
    let other = EchoPod::start("inventory-1").await;
    let endpoints = NetworkSnapshot {
        services: Vec::new(),
        only_slices: true,
        ..snapshot(42, listen, &[&other])
    };
    node.tell(&endpoints).await;
    let applied = NodeLine::Applied(Applied {
        generation: 42,
        problems: vec![],
    });
    assert_eq!(node.next_event().await, applied);
    assert_eq!(dial(listen).await.1, "inventory-1");
    node.next_event().await;
    node.next_event().await;

    // What cannot be read is skipped, and the next snapshot counts again.
    node.stdin.write_all(b"nonsense\n\n").await.unwrap();
    node.tell(&snapshot(43, listen, &[])).await;
    let applied = NodeLine::Applied(Applied {
        generation: 43,
        problems: vec![],
    });
    assert_eq!(node.next_event().await, applied);
    assert!(tokio::net::TcpStream::connect(listen).await.is_err());
}

#[tokio::test]
async fn what_could_not_be_put_into_effect_is_in_the_acknowledgement() {
    let mut node = Running::start().await;
    let holder = TcpListener::bind("127.43.200.13:0").await.unwrap();
    let taken = holder.local_addr().unwrap();
    let pod = EchoPod::start("inventory-0").await;
    node.tell(&snapshot(1, taken, &[&pod])).await;
    let NodeLine::Applied(Applied { problems, .. }) = node.next_event().await else {
        panic!("no acknowledgement");
    };
    assert_eq!(problems.len(), 1);
    assert!(problems[0].contains(&taken.to_string()), "{problems:?}");
}

#[tokio::test]
async fn the_node_ends_with_its_input_or_by_the_signal() {
    let node = Running::start().await;
    drop(node.stdin);
    let ended = tokio::time::timeout(PATIENCE, node.task).await;
    ended.unwrap().unwrap().unwrap();

    let node = Running::start().await;
    node.trigger.trigger();
    let ended = tokio::time::timeout(PATIENCE, node.task).await;
    ended.unwrap().unwrap().unwrap();
}

#[tokio::test]
async fn a_taken_dns_port_is_an_error() {
    let holder = UdpSocket::bind("127.43.200.12:0").await.unwrap();
    let settings = Settings {
        dns: holder.local_addr().unwrap(),
        upstream: Vec::new(),
        interface: InterfaceChoice::Untouched,
    };
    let (_trigger, shutdown) = Trigger::new();
    let error = run(tokio::io::empty(), tokio::io::sink(), settings, shutdown).await;
    assert!(matches!(error, Err(NodeError::Bind { .. })), "{error:?}");
}
