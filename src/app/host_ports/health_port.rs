//! `healthCheckNodePort`: where a load balancer asks whether this machine has an endpoint of a
//! Service with `externalTrafficPolicy: Local`.
//!
//! The answer is kube-proxy's (its package `healthcheck`): 200 or 503, with the number of local
//! endpoints as JSON and as a weight.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use crate::model::{Service, ServiceType, TrafficPolicy};
use crate::net::{Acceptor, bind};
use crate::registry::{Cluster, Registry};

/// A load balancer has one connection at a time, and a person with a browser a few.
const CONNECTIONS: usize = 64;
/// What is asked is not read closely, only to its end.
const LONGEST_REQUEST: usize = 8 * 1024;
/// For question and answer together.
const PATIENCE: Duration = Duration::from_secs(5);

/// The servers, by Service.
#[derive(Debug)]
pub(super) struct HealthPorts {
    registry: Registry,
    address: IpAddr,
    /// Port and task; dropping the set ends the task and closes the socket.
    running: BTreeMap<String, (u16, JoinSet<()>)>,
    problems: BTreeMap<String, String>,
}

impl HealthPorts {
    pub(super) fn new(registry: Registry, address: IpAddr) -> Self {
        Self {
            registry,
            address,
            running: BTreeMap::new(),
            problems: BTreeMap::new(),
        }
    }

    /// Why a Service's port is not open.
    pub(super) fn problems(&self) -> &BTreeMap<String, String> {
        &self.problems
    }

    /// Serves the ports that there are now, and no others. What could not be bound is tried again
    /// with the next change.
    pub(super) fn keep(&mut self, cluster: &Cluster) {
        let services = cluster.services.values();
        let wanted: BTreeMap<&str, u16> = services
            .filter_map(|service| Some((service.name.as_str(), port(service)?)))
            .collect();
        self.problems.clear();
        self.running
            .retain(|name, (port, _)| wanted.get(name.as_str()) == Some(port));
        for (name, port) in wanted {
            if self.running.contains_key(name) {
                continue;
            }
            match bind(SocketAddr::new(self.address, port)) {
                Ok(listener) => {
                    let (registry, service) = (self.registry.clone(), name.to_owned());
                    let mut task = JoinSet::new();
                    task.spawn(serve(listener, registry, service));
                    self.running.insert(name.to_owned(), (port, task));
                }
                Err(error) => {
                    let reason = error.to_string().replace('\n', "; ");
                    let problem = format!("healthCheckNodePort {port} is not open: {reason}");
                    self.problems.insert(name.to_owned(), problem);
                }
            }
        }
    }
}

fn port(service: &Service) -> Option<u16> {
    let asked = service.kind == ServiceType::LoadBalancer
        && service.external_traffic_policy == TrafficPolicy::Local;
    service
        .health_check_node_port
        .filter(|_| asked)
        .map(|port| port.0)
}

async fn serve(listener: TcpListener, registry: Registry, service: String) {
    let mut acceptor = Acceptor::new(listener, CONNECTIONS);
    let mut open = JoinSet::new();
    loop {
        let (stream, client, permit) = tokio::select! {
            accepted = acceptor.accept() => accepted,
            Some(_) = open.join_next() => continue,
        };
        let answer = answer(&registry.snapshot(), &service);
        open.spawn(async move {
            match tokio::time::timeout(PATIENCE, converse(stream, &answer)).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::debug!(%client, %error, "health is not told"),
                Err(_) => tracing::debug!(%client, "nobody asks for health in time"),
            }
            drop(permit);
        });
    }
}

/// One request of any kind, and the answer.
async fn converse(mut stream: TcpStream, answer: &str) -> std::io::Result<()> {
    let mut request = Vec::new();
    let mut limited = (&mut stream).take(LONGEST_REQUEST as u64);
    while !request.windows(4).any(|end| end == b"\r\n\r\n") {
        if limited.read_buf(&mut request).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
    }
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn answer(cluster: &Cluster, name: &str) -> String {
    let slice = cluster.slices.get(name);
    let local = slice.map_or(0, |slice| slice.usable_here().count());
    let service = cluster.services.get(name);
    let namespace = service.map_or("", |service| service.namespace.as_str());
    let status = if local > 0 {
        "200 OK"
    } else {
        "503 Service Unavailable"
    };
    let body = json!({
        "service": { "namespace": namespace, "name": name },
        "localEndpoints": local,
        "serviceProxyHealthy": true,
    });
    let body = body.to_string();
    format!(
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n\
         X-Load-Balancing-Endpoint-Weight: {local}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
}
