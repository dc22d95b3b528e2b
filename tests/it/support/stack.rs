//! Cloudforet's APIs in one process: both console APIs, identity, inventory, on a mongod.
//!
//! No load balancer, no ingress, no ClusterIP: what is tested here is the services themselves.

use std::net::{Ipv4Addr, SocketAddr};

use lab::cloudforet::console_api::Version;
use lab::cloudforet::telemetry::Emitter;
use lab::cloudforet::{Settings, console_api, identity, inventory};
use lab::net::Trigger;
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use super::mongod::Mongod;
use crate::cloudforet_support;

/// Running services; `stop` drains them.
pub(crate) struct Stack {
    /// Settings with which a further service of this stack would be started.
    pub(crate) settings: Settings,
    trigger: Trigger,
    services: JoinSet<()>,
    _mongod: Mongod,
}

impl Stack {
    /// Everything, with sample data.
    pub(crate) async fn start() -> Self {
        let mongod = Mongod::start().await;
        let (trigger, shutdown) = Trigger::new();
        let mut services = JoinSet::new();
        let mut bound = Vec::new();
        for _ in 0..4 {
            bound.push(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap());
        }
        let address = |listener: &TcpListener| listener.local_addr().unwrap();
        let addresses: Vec<SocketAddr> = bound.iter().map(address).collect();
        let settings = Settings {
            endpoints: [("identity", addresses[0]), ("inventory", addresses[1])]
                .map(|(name, address)| (name.to_owned(), format!("grpc://{address}")))
                .into(),
            mongodb: mongod.url(),
            sample_data: true,
            ..Settings::default()
        };
        let named = |pod: &str| Settings {
            pod: pod.to_owned(),
            ..settings.clone()
        };
        let mut bound = bound.into_iter();
        let mut next = || bound.next().unwrap();
        let (end, events) = (shutdown, emitter());
        let serving = identity::serve(next(), named("identity-a"), events.clone(), end.clone());
        services.spawn(async { serving.await.unwrap() });
        let serving = inventory::serve(next(), named("inventory-a"), events.clone(), end.clone());
        services.spawn(async { serving.await.unwrap() });
        for (version, pod) in [
            (Version::V1, "console-api-a"),
            (Version::V2, "console-api-v2-a"),
        ] {
            let serving =
                console_api::serve(next(), version, named(pod), events.clone(), end.clone());
            services.spawn(async { serving.await.unwrap() });
        }
        // Before that a first start may be half done.
        cloudforet_support::serving(addresses[0]).await;
        cloudforet_support::serving(addresses[1]).await;
        Self {
            settings,
            trigger,
            services,
            _mongod: mongod,
        }
    }

    /// Drains everything.
    pub(crate) async fn stop(mut self) {
        self.trigger.trigger();
        while let Some(ended) = self.services.join_next().await {
            ended.unwrap();
        }
    }
}

/// Spans that nobody reads.
pub(crate) fn emitter() -> Emitter {
    Emitter::channel(1).0
}
