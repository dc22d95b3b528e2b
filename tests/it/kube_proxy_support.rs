//! A small lab for the proxy's tests: a registry, a running `kube_proxy`, and pods that say who
//! they are.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and so do the functions it is made of"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use lab::kube_proxy::{Settings, Status, serve};
use lab::model::{
    AppProtocol, ClusterIp, Conditions, Connection, Endpoint, EndpointAddress, EndpointSlice,
    Event, Protocol, ProxyMode, Service, ServicePort, ServiceType, SessionAffinity,
};
use lab::net::Trigger;
use lab::registry::{Cluster, Registry};
use lab::trace::Tracer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// Far more than anything here takes; a test that hangs should fail instead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) const CLUSTER_IP: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 43, 200, 1));

/// A registry with a proxy that follows it.
pub(crate) struct Proxied {
    pub(crate) registry: Registry,
    pub(crate) events: mpsc::Receiver<Event>,
    pub(crate) trigger: Trigger,
    pub(crate) task: JoinHandle<()>,
    status: watch::Receiver<Status>,
}

impl Proxied {
    pub(crate) fn start(mode: ProxyMode, settings: Settings) -> Self {
        let registry = Registry::new(Cluster {
            proxy_mode: mode,
            ..Cluster::default()
        });
        let (tracer, events) = Tracer::channel(4096);
        let (trigger, shutdown) = Trigger::new();
        let status = settings.status.subscribe();
        let task = tokio::spawn(serve(registry.reader(), tracer, settings, shutdown));
        Self {
            registry,
            events,
            trigger,
            task,
            status,
        }
    }

    /// Writes a Service and its endpoints and waits until both are in effect.
    pub(crate) async fn put(&mut self, service: Service, endpoints: Vec<Endpoint>) -> Status {
        let slice = EndpointSlice {
            service: service.name.clone(),
            endpoints,
        };
        self.registry.change(|cluster| {
            let name = service.name.clone();
            cluster.slices.insert(name.clone(), Arc::new(slice));
            cluster.services.insert(name, Arc::new(service));
        });
        self.settled().await
    }

    /// Waits until the newest picture is in effect.
    pub(crate) async fn settled(&mut self) -> Status {
        let newest = self.registry.snapshot().generation;
        let settled = self
            .status
            .wait_for(|status| status.generation >= Some(newest));
        let status = tokio::time::timeout(PATIENCE, settled).await.unwrap();
        status.unwrap().clone()
    }

    pub(crate) async fn next_connection(&mut self) -> Connection {
        let event = tokio::time::timeout(PATIENCE, self.events.recv()).await;
        match event.unwrap().unwrap() {
            Event::Connection(connection) => connection,
            span @ Event::Span(_) => panic!("{span:?}"),
        }
    }
}

/// A Service with one port that listens there.
pub(crate) fn service(name: &str, listen: SocketAddr) -> Service {
    Service {
        name: name.to_owned(),
        namespace: "cloudforet".to_owned(),
        kind: ServiceType::ClusterIP,
        cluster_ip: ClusterIp::Address(listen.ip()),
        ports: vec![ServicePort {
            name: "grpc".to_owned(),
            protocol: Protocol::Tcp,
            port: 50051,
            target_port: 50051,
            node_port: None,
            app_protocol: AppProtocol::H2c,
            listen: Some(listen),
        }],
        session_affinity: SessionAffinity::None,
        external_traffic_policy: lab::model::TrafficPolicy::Cluster,
        ..Service::default()
    }
}

pub(crate) fn endpoint(pod: &str, address: SocketAddr) -> Endpoint {
    Endpoint {
        pod: Some(pod.to_owned()),
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

/// A port of the ClusterIP that was free a moment ago.
pub(crate) async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((CLUSTER_IP, 0)).await.unwrap();
    listener.local_addr().unwrap()
}

/// A pod that greets with its name and then echoes.
pub(crate) struct EchoPod {
    pub(crate) name: String,
    pub(crate) address: SocketAddr,
    task: JoinHandle<()>,
}

impl EchoPod {
    pub(crate) async fn start(name: &str) -> Self {
        let listener = TcpListener::bind("127.42.200.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let greeting = name.to_owned();
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((mut stream, _)) = listener.accept().await {
                let greeting = format!("{greeting}\n");
                connections.spawn(async move {
                    let (mut reader, mut writer) = stream.split();
                    writer.write_all(greeting.as_bytes()).await?;
                    tokio::io::copy(&mut reader, &mut writer).await?;
                    writer.shutdown().await
                });
            }
        });
        Self {
            name: name.to_owned(),
            address,
            task,
        }
    }

    pub(crate) fn endpoint(&self) -> Endpoint {
        endpoint(&self.name, self.address)
    }

    /// Ends the pod and its connections, as SIGKILL would.
    pub(crate) fn kill(self) {
        self.task.abort();
    }
}

impl Drop for EchoPod {
    fn drop(&mut self) {
        self.task.abort();
    }
}

pub(crate) async fn pods(count: usize) -> Vec<EchoPod> {
    let mut pods = Vec::new();
    for number in 0..count {
        pods.push(EchoPod::start(&format!("inventory-{number}")).await);
    }
    pods
}

pub(crate) fn endpoints(pods: &[EchoPod]) -> Vec<Endpoint> {
    pods.iter().map(EchoPod::endpoint).collect()
}

/// A client's connection, and the pod that greeted it.
pub(crate) async fn dial(address: SocketAddr) -> (TcpStream, String) {
    let dialled = async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let mut name = String::new();
        loop {
            match stream.read_u8().await.unwrap() {
                b'\n' => return (stream, name),
                byte => name.push(char::from(byte)),
            }
        }
    };
    tokio::time::timeout(PATIENCE, dialled).await.unwrap()
}

/// One byte there and back.
pub(crate) async fn echo(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_u8(7).await?;
    let answer = tokio::time::timeout(PATIENCE, stream.read_u8()).await??;
    assert_eq!(answer, 7);
    Ok(())
}
