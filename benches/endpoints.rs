//! How soon an endpoint that was written gets traffic, among 1,000 Services of 50 endpoints each:
//! `cargo bench --bench endpoints`.
//!
//! The endpoints of one Service go from one pod to another and back. What counts is the time from
//! the write until a request through the ingress, or a connection through the ClusterIP, reaches the
//! other pod; and meanwhile the longest request of a client of another Service. Nothing is asserted
//! about time.

#![expect(clippy::print_stdout, reason = "a report for people")]

use std::error::Error;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use lab::ingress::{Replica, Settings};
use lab::model::{
    AppProtocol, BackendPort, ClusterIp, Conditions, Endpoint, EndpointAddress, EndpointSlice,
    Flavour, HttpPath, Ingress, IngressBackend, IngressRule, Objects, PathType, Protocol, Service,
    ServicePort, TrafficPolicy, compile,
};
use lab::net::{Certificates, Trigger};
use lab::registry::{Cluster, Registry};
use lab::trace::Tracer;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

const SERVICES: u16 = 1_000;
const ENDPOINTS: u8 = 50;
const ROUNDS: usize = 400;
/// The one that changes.
const CHANGING: u16 = 500;
const CLUSTER_PORT: u16 = 18_080;

type Failed = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failed> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?
        .block_on(measure())
}

async fn measure() -> Result<(), Failed> {
    let pods = [pod(b'a').await?, pod(b'b').await?];
    let registry = Registry::new(cluster(pods[0])?);
    let (trigger, shutdown) = Trigger::new();
    let (tracer, mut events) = Tracer::channel(1_024);
    tokio::spawn(async move { while events.recv().await.is_some() {} });
    let proxy_settings = lab::kube_proxy::Settings::default();
    let mut status = proxy_settings.status.subscribe();
    let proxy = lab::kube_proxy::start(
        registry.reader(),
        tracer.clone(),
        proxy_settings,
        shutdown.clone(),
    )?;
    let replica = Replica::start(
        "traefik-0",
        registry.reader(),
        Certificates::new("bench")?,
        tracer,
        Arc::new(Settings::new(Flavour::default())),
        shutdown.clone(),
    )?;
    let listener = lab::net::bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let ingress = listener.local_addr()?;
    let (_sender, doors) = watch::channel(Arc::from([replica.handoff()]));
    let balancer = lab::lb::Settings {
        tls: false,
        policy: lab::lb::Policy::Fixed(TrafficPolicy::Local),
        own_address: IpAddr::V4(Ipv4Addr::LOCALHOST),
        proxy_protocol: lab::model::ProxyProtocol::Off,
        limit: 1_000,
    };
    let (_no_faults, faults) = watch::channel(lab::model::Faults::default());
    tokio::spawn(lab::lb::serve(listener, balancer, doors, faults, shutdown));
    status
        .wait_for(|status| status.open == usize::from(SERVICES))
        .await?;

    let longest = Arc::new(AtomicU64::new(0));
    tokio::spawn(ask_on_and_on(ingress, Arc::clone(&longest)));
    tokio::time::sleep(Duration::from_secs(1)).await;
    let quiet = longest.swap(0, Ordering::Relaxed);

    let mut writes = Vec::new();
    let mut requests = Vec::new();
    let mut connections = Vec::new();
    let mut client = TcpStream::connect(ingress).await?;
    for round in 0..ROUNDS {
        let now = (round + 1) % 2;
        let name = b"ab"[now];
        let begun = Instant::now();
        registry.change(|cluster| {
            let slice = slice(CHANGING, pods[now]);
            cluster
                .slices
                .insert(slice.service.clone(), Arc::new(slice));
        });
        writes.push(begun.elapsed());
        if round % 4 < 2 {
            while ask(&mut client, CHANGING).await? != name {}
            requests.push(begun.elapsed());
        } else {
            loop {
                let mut client = TcpStream::connect(cluster_ip(CHANGING)).await?;
                if ask(&mut client, CHANGING).await? == name {
                    break;
                }
            }
            connections.push(begun.elapsed());
        }
    }
    println!("{SERVICES} Services of {ENDPOINTS} endpoints, {ROUNDS} updates: median (longest)");
    println!("  the write itself               {}", spread(&mut writes));
    println!("  a request through the ingress  {}", spread(&mut requests));
    println!(
        "  a connection to the ClusterIP  {}",
        spread(&mut connections)
    );
    let busy = longest.load(Ordering::Relaxed);
    println!("  longest request of another Service meanwhile {busy} µs, in quiet {quiet} µs");
    trigger.trigger();
    drop((proxy, replica));
    Ok(())
}

/// Keeps a client of another Service busy and notes its longest request, in microseconds.
async fn ask_on_and_on(ingress: SocketAddr, longest: Arc<AtomicU64>) -> Result<(), Failed> {
    let mut client = TcpStream::connect(ingress).await?;
    loop {
        let begun = Instant::now();
        ask(&mut client, 1).await?;
        let taken = u64::try_from(begun.elapsed().as_micros())?;
        longest.fetch_max(taken, Ordering::Relaxed);
    }
}

/// One request on a kept connection; the name of the pod that answered.
async fn ask(client: &mut TcpStream, service: u16) -> Result<u8, Failed> {
    let request = format!("GET / HTTP/1.1\r\nhost: {}\r\n\r\n", host(service));
    client.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    // The name is all of the body.
    while !answer.ends_with(b"\r\n\r\na") && !answer.ends_with(b"\r\n\r\nb") {
        if client.read_buf(&mut answer).await? == 0 {
            return Err(String::from_utf8_lossy(&answer).into());
        }
    }
    Ok(answer[answer.len() - 1])
}

/// A pod at every loopback address that answers each request with its name.
async fn pod(name: u8) -> Result<u16, Failed> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0)).await?;
    let port = listener.local_addr()?.port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut answer = b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\n".to_vec();
                answer.push(name);
                let mut request = Vec::new();
                while stream.read_buf(&mut request).await? > 0 {
                    if request.ends_with(b"\r\n\r\n") {
                        request.clear();
                        stream.write_all(&answer).await?;
                    }
                }
                Ok::<_, std::io::Error>(())
            });
        }
    });
    Ok(port)
}

/// All Services, and an Ingress rule for each.
fn cluster(pod: u16) -> Result<Cluster, Failed> {
    let mut cluster = Cluster::default();
    let mut rules = Vec::new();
    for number in 0..SERVICES {
        let slice = slice(number, pod);
        let name = slice.service.clone();
        let listen = cluster_ip(number);
        let service = Service {
            name: name.clone(),
            cluster_ip: ClusterIp::Address(listen.ip()),
            ports: vec![ServicePort {
                name: String::new(),
                protocol: Protocol::Tcp,
                port: 80,
                target_port: 80,
                node_port: None,
                app_protocol: AppProtocol::Http,
                listen: Some(listen),
            }],
            ..Service::default()
        };
        rules.push(IngressRule {
            host: Some(host(number)),
            paths: vec![HttpPath {
                path: "/".to_owned(),
                path_type: PathType::Prefix,
                backend: IngressBackend {
                    service: name.clone(),
                    port: BackendPort::Number(80),
                },
            }],
        });
        cluster.services.insert(name.clone(), Arc::new(service));
        cluster.slices.insert(name, Arc::new(slice));
    }
    let ingress = Ingress {
        name: "bench".to_owned(),
        rules,
        ..Ingress::default()
    };
    let objects = Objects::new(&cluster.services);
    let compiled = compile(&[ingress], &objects, &Flavour::default());
    if let Some(report) = compiled.diagnostics.first() {
        return Err(report.to_string().into());
    }
    cluster.routes = Arc::new(compiled.table);
    Ok(cluster)
}

/// Different addresses for all, and the same pod behind them.
fn slice(service: u16, pod: u16) -> EndpointSlice {
    let [high, low] = service.to_be_bytes();
    let endpoint = |number: u8| {
        let address = SocketAddr::from(([127, 64 + high, low, number + 1], pod));
        Endpoint {
            pod: Some(format!("web-{service}-{number}")),
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
    };
    EndpointSlice {
        service: format!("web-{service}"),
        endpoints: (0..ENDPOINTS).map(endpoint).collect(),
    }
}

fn cluster_ip(service: u16) -> SocketAddr {
    let [high, low] = service.to_be_bytes();
    SocketAddr::from(([127, 43, high, low], CLUSTER_PORT))
}

fn host(service: u16) -> String {
    format!("web-{service}.lab.localhost")
}

fn spread(times: &mut [Duration]) -> String {
    times.sort_unstable();
    let micros = |at: usize| times[at].as_micros();
    format!(
        "{:>6} µs ({})",
        micros(times.len() / 2),
        micros(times.len() - 1)
    )
}
