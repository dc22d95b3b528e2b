//! From the registry's word that a pod is ready to the first byte that a client gets through the
//! ClusterIP from it. What the pod does between is nothing but answering.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use lab::kube_proxy::{Settings, serve};
use lab::model::{
    AppProtocol, ClusterIp, Conditions, Endpoint, EndpointAddress, EndpointSlice, Protocol,
    Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy,
};
use lab::net::Trigger;
use lab::registry::{Cluster, Registry};
use lab::trace::Tracer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const SERVICE: &str = "inventory";
const CLUSTER_IP: Ipv4Addr = Ipv4Addr::new(127, 43, 201, 1);
const POD: Ipv4Addr = Ipv4Addr::new(127, 42, 201, 1);

/// How long it takes, once for each round.
pub(crate) fn measure(rounds: usize) -> Vec<Duration> {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    runtime.block_on(async {
        let mut taken = Vec::new();
        // The first round warms up.
        for _ in 0..=rounds {
            taken.push(once().await);
        }
        taken.split_off(1)
    })
}

async fn once() -> Duration {
    let listen = free_port().await;
    let registry = Registry::new(Cluster::default());
    let (tracer, _events) = Tracer::channel(1024);
    let (trigger, shutdown) = Trigger::new();
    let settings = Settings::default();
    let mut status = settings.status.subscribe();
    let proxy = tokio::spawn(serve(registry.reader(), tracer, settings, shutdown));
    let pod = TcpListener::bind((POD, 0)).await.expect("a pod");
    let address = pod.local_addr().expect("an address");
    let answering = tokio::spawn(async move {
        while let Ok((mut stream, _)) = pod.accept().await {
            // A client that gave up is measured no more.
            let _ = stream.write_u8(7).await;
        }
    });
    put(&registry, service(listen), Vec::new());
    let newest = registry.snapshot().generation;
    let settled = status.wait_for(|status| status.generation >= Some(newest));
    settled.await.expect("the proxy follows");

    let started = Instant::now();
    put(&registry, service(listen), vec![endpoint(address)]);
    while dial(listen).await.is_none() {
        tokio::task::yield_now().await;
    }
    let taken = started.elapsed();
    answering.abort();
    trigger.trigger();
    proxy.await.expect("no panic");
    taken
}

/// The pod's one byte, if it got through.
async fn dial(listen: SocketAddr) -> Option<u8> {
    let mut stream = TcpStream::connect(listen).await.ok()?;
    stream.read_u8().await.ok()
}

async fn free_port() -> SocketAddr {
    let listener = TcpListener::bind((CLUSTER_IP, 0)).await.expect("a port");
    listener.local_addr().expect("an address")
}

fn put(registry: &Registry, service: Service, endpoints: Vec<Endpoint>) {
    let slice = EndpointSlice {
        service: SERVICE.to_owned(),
        endpoints,
    };
    registry.change(|cluster| {
        cluster.slices.insert(SERVICE.to_owned(), Arc::new(slice));
        cluster
            .services
            .insert(SERVICE.to_owned(), Arc::new(service));
    });
}

fn service(listen: SocketAddr) -> Service {
    Service {
        name: SERVICE.to_owned(),
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
        external_traffic_policy: TrafficPolicy::Cluster,
        ..Service::default()
    }
}

fn endpoint(address: SocketAddr) -> Endpoint {
    Endpoint {
        pod: Some("inventory-0".to_owned()),
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
