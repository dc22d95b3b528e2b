//! Host ports of Services: NodePorts, and the ports of load balancers.
//!
//! A copy of those Services, with host addresses in place of ClusterIPs, is served by a
//! `kube_proxy` of its own in this process, on both runtimes. Which ports are open, which address the
//! provider would give, and why one is pending, goes into `status.loadBalancer`.
//!
//! - `picture` is that copy; `node_ports` gives out what is not asked for.
//! - `balancers` decides for each Service of type LoadBalancer; `health` looks after its target.
//! - `health_port` answers at `healthCheckNodePort`; `tell` writes the status.
//!
//! Lab: `ServiceLB` and kube-proxy rewrite packets; here a connection is accepted and dialled again.
//! Under `Local` it is dialled from the client's own address, and under `Cluster` from the load
//! balancer's, where those are addresses of this host that reach the endpoint; else an endpoint sees
//! an address of this machine. A client outside `loadBalancerSourceRanges` is accepted and closed
//! without a byte.

mod balancers;
mod health;
mod health_port;
mod node_ports;
mod picture;
mod tell;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use balancers::Balancers;
use health::Checks;
use health_port::HealthPorts;
use tell::Seen;

use crate::config::LoadBalancerConfig;
use crate::kube_proxy;
use crate::model::NetworkSnapshot;
use crate::net::Shutdown;
use crate::registry::{Cluster, Registry};
use crate::trace::Tracer;

/// Serves until the signal. `own_address` is what hides clients under `Cluster`.
pub(super) async fn serve(
    registry: Registry,
    config: LoadBalancerConfig,
    own_address: IpAddr,
    tracer: Tracer,
    shutdown: Shutdown,
) {
    let outside = Registry::new(Cluster::default());
    let settings = kube_proxy::Settings {
        outside: Some(kube_proxy::Outside {
            own_address: Some(own_address),
            idle: config.idle,
        }),
        ..kube_proxy::Settings::default()
    };
    let status = settings.status.subscribe();
    let started = kube_proxy::start(outside.reader(), tracer, settings, shutdown.clone());
    let mut proxy = match started {
        Ok(proxy) => proxy,
        Err(error) => return tracing::error!(%error, "host ports of Services cannot be served"),
    };
    let following = follow(registry, config, outside, status);
    let mut ending = shutdown;
    tokio::select! {
        () = proxy.ended() => return,
        () = following => {}
        () = ending.recv() => {}
    }
    proxy.ended().await;
}

/// Keeps the copy and the status in line with the Services, until one of the two registries is gone.
async fn follow(
    registry: Registry,
    config: LoadBalancerConfig,
    outside: Registry,
    mut status: tokio::sync::watch::Receiver<kube_proxy::Status>,
) {
    let address = config.address;
    let mut reader = registry.reader();
    let mut shown = NetworkSnapshot::default();
    let mut checks = Checks::new(config.health_check);
    let mut health = checks.told();
    let mut health_ports = HealthPorts::new(registry.clone(), address);
    let mut balancers = Balancers::new(config.clone());
    loop {
        node_ports::give(&registry);
        let cluster = Arc::clone(reader.latest());
        let now = Instant::now();
        let verdicts = balancers.decide(&cluster, now);
        let picture = picture::outside_of(&cluster, address, &verdicts);
        // The proxy answers each picture with a status, so an equal one would go round for ever.
        if picture != shown {
            shown.clone_from(&picture);
            outside.change(|cluster| cluster.apply_network(picture));
        }
        checks.keep(&cluster, address);
        health_ports.keep(&cluster);
        // Before the proxy has tried the picture nobody knows what can be had.
        let proxied = status.borrow_and_update().clone();
        if proxied.generation == Some(outside.snapshot().generation) {
            let seen = Seen {
                config: &config,
                verdicts: &verdicts,
                problems: &proxied.problems,
                health: &health.borrow_and_update().clone(),
                health_ports: health_ports.problems(),
            };
            tell::write(&registry, &seen);
        }
        let provisioned = balancers.next(now);
        let waiting = async {
            match provisioned {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            changed = reader.changed() => if changed.is_none() { return },
            changed = status.changed() => if changed.is_err() { return },
            // The sender is in `checks`.
            _ = health.changed() => {}
            () = waiting => {}
        }
    }
}
