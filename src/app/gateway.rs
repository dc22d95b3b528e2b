//! The way in: certificates, host ports, ingress replicas.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::watch;

use super::StartError;
use crate::client::LabFolder;
use crate::config::{Config, Controller};
use crate::ingress::{self, Replica, Sampler};
use crate::lb;
use crate::model::{
    Compiled, Flavour, Ingress, LoadBalancerStatus, NginxOptions, Service, ServicePort,
    ServiceType, TraefikOptions, Urls, compile,
};
use crate::net::{Authority, BindError, Certificates, Handoff, Shutdown, bind};
use crate::pods::PodNetwork;
use crate::registry::{Cluster, Registry};
use crate::trace::Tracer;

/// Open connections of one host port: half of the usual limit of open files, because each may need
/// another one to an endpoint.
const CONNECTIONS: usize = 8192;

/// The host ports, bound before anything is started.
pub(super) struct HostPorts {
    http: TcpListener,
    https: TcpListener,
    /// What was bound, where the config said 0.
    pub(super) addresses: Addresses,
}

/// Where the load balancer listens.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses {
    pub(super) http: SocketAddr,
    pub(super) https: SocketAddr,
}

impl HostPorts {
    /// Binds both ports.
    pub(super) fn bind(config: &Config) -> Result<Self, BindError> {
        let balancer = &config.load_balancer;
        let http = bind(SocketAddr::new(balancer.address, balancer.http))?;
        let https = bind(SocketAddr::new(balancer.address, balancer.https))?;
        let address = |listener: &TcpListener, port| {
            let wanted = SocketAddr::new(balancer.address, port);
            listener.local_addr().unwrap_or(wanted)
        };
        let addresses = Addresses {
            http: address(&http, balancer.http),
            https: address(&https, balancer.https),
        };
        Ok(Self {
            http,
            https,
            addresses,
        })
    }
}

/// The flavour that the config asks for.
fn flavour(config: &Config) -> Flavour {
    match config.ingress.controller {
        Controller::Traefik => Flavour::Traefik(TraefikOptions {
            strict_prefix_matching: config.ingress.strict_prefix_matching,
            redirect_https: config.ingress.redirect_https,
        }),
        Controller::Nginx => Flavour::Nginx(NginxOptions {
            redirect_https: config.ingress.redirect_https,
        }),
    }
}

/// What a valid config says that has no effect, such as annotations that the controller ignores.
pub fn warnings(config: &Config) -> Vec<String> {
    let services = config.services.iter();
    let services: BTreeMap<String, Arc<Service>> = services
        .map(|service| (service.name.clone(), Arc::new(service.clone())))
        .collect();
    told(&compile(&config.ingresses, &services, &flavour(config)))
}

fn told(compiled: &Compiled) -> Vec<String> {
    let diagnostics = compiled.diagnostics.iter();
    diagnostics
        .map(|diagnostic| format!("ingress {}: {}", diagnostic.object, diagnostic.message))
        .collect()
}

/// Compiles the Ingresses of the picture, gives them certificates, and adds the load balancer's
/// own Service. What has no effect, in words.
pub(super) fn complete(
    cluster: &mut Cluster,
    config: &Config,
    authority: &Authority,
    addresses: Addresses,
) -> Result<Vec<String>, StartError> {
    let ingresses = cluster.ingresses.values().map(|ingress| &**ingress);
    let compiled = compile(ingresses, &cluster.services, &flavour(config));
    let warnings = told(&compiled);
    cluster.routes = Arc::new(compiled.table);
    for ingress in &config.ingresses {
        for (index, tls) in ingress.tls.iter().enumerate() {
            let name = secret_name(ingress, index);
            if let Entry::Vacant(place) = cluster.secrets.entry(name.clone()) {
                place.insert(Arc::new(authority.issue(&name, &tls.hosts)?));
            }
        }
    }
    let name = config.ingress.controller.name().to_owned();
    let service = balancer_service(name.clone(), config, addresses);
    cluster.services.insert(name, Arc::new(service));
    Ok(warnings)
}

/// The Secret of an entry of `spec.tls`; one without a name gets one, as cert-manager would do.
fn secret_name(ingress: &Ingress, index: usize) -> String {
    let tls = &ingress.tls[index];
    tls.secret
        .clone()
        .unwrap_or_else(|| format!("{}-tls-{index}", ingress.name))
}

/// The Service of type LoadBalancer that the host ports belong to.
fn balancer_service(name: String, config: &Config, addresses: Addresses) -> Service {
    let port = |name: &str, port: u16| ServicePort {
        name: name.to_owned(),
        protocol: crate::model::Protocol::Tcp,
        port,
        target_port: port,
        node_port: None,
        app_protocol: crate::model::AppProtocol::Tcp,
        listen: None,
    };
    Service {
        name,
        namespace: "kube-system".to_owned(),
        kind: ServiceType::LoadBalancer,
        // Lab: the ingress lives in the lab's own process, so nothing dials its ClusterIP.
        cluster_ip: crate::model::ClusterIp::None,
        ports: vec![
            port("web", addresses.http.port()),
            port("websecure", addresses.https.port()),
        ],
        session_affinity: crate::model::SessionAffinity::None,
        external_traffic_policy: config.load_balancer.external_traffic_policy,
        load_balancer: LoadBalancerStatus {
            ingress: vec![addresses.http, addresses.https],
            pending: None,
        },
    }
}

/// URLs of the built-in hosts that have a rule.
pub(super) fn urls(config: &Config, addresses: Addresses, dashboard: SocketAddr) -> Urls {
    let url = |service: &str| {
        let rules = config.ingresses.iter().flat_map(|ingress| &ingress.rules);
        let leads = |rule: &&crate::model::IngressRule| {
            rule.paths
                .iter()
                .any(|path| path.backend.service == service)
        };
        let host = rules.filter(leads).find_map(|rule| rule.host.clone())?;
        let port = addresses.https.port();
        Some(if port == 443 {
            format!("https://{host}/")
        } else {
            format!("https://{host}:{port}/")
        })
    };
    Urls {
        console: url("console"),
        console_api: url("console-api"),
        console_api_v2: url("console-api-v2"),
        dashboard: Some(format!("http://{dashboard}/")),
    }
}

/// The address that hides the client's under `externalTrafficPolicy: Cluster`: the first of the
/// pods' range, which no pod gets.
///
/// Lab: the load balancer is part of the lab's own process, so nothing listens there.
pub(super) fn balancer_address(network: &PodNetwork) -> IpAddr {
    let cluster_ips = network.cluster_ips;
    if network.size == 1 {
        return cluster_ips.into();
    }
    // Pods are in 127.42/16 beside ClusterIPs in 127.43/16, or in the half before theirs.
    let distance = if cluster_ips.is_loopback() {
        1 << 16
    } else {
        network.size
    };
    Ipv4Addr::from_bits(cluster_ips.to_bits().saturating_sub(distance) + 1).into()
}

/// The lab's CA, in its state folder.
pub(super) fn authority(folder: &LabFolder) -> Result<Authority, StartError> {
    Ok(Authority::load_or_create(&folder.path())?)
}

/// Starts the ingress replicas and gives them the connections of the host ports. Returns when the
/// signal was given and every request is through.
pub(super) async fn serve(
    ports: HostPorts,
    config: Config,
    registry: Registry,
    tracer: Tracer,
    own_address: IpAddr,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let controller = config.ingress.controller.name();
    let certificates = Certificates::new(match config.ingress.controller {
        Controller::Traefik => "TRAEFIK DEFAULT CERT",
        Controller::Nginx => "Kubernetes Ingress Controller Fake Certificate",
    })?;
    for problem in
        certificates.replace(registry.snapshot().secrets.values().map(|secret| &**secret))
    {
        tracing::warn!(%problem, "a certificate cannot be served");
    }
    let films = if config.trace.enabled {
        config.trace.films_per_second
    } else {
        0
    };
    let settings = Arc::new(ingress::Settings {
        https_port: ports.addresses.https.port(),
        sampler: Arc::new(Sampler::new(films)),
        ..ingress::Settings::new(flavour(&config))
    });
    let mut replicas = Vec::new();
    for number in 0..config.ingress.replicas {
        replicas.push(Replica::start(
            &format!("{controller}-{number}"),
            registry.reader(),
            certificates.clone(),
            tracer.clone(),
            Arc::clone(&settings),
            shutdown.clone(),
        )?);
    }
    let doors: Arc<[Handoff]> = replicas.iter().map(Replica::handoff).collect();
    let (_replicas, doors) = watch::channel(doors);
    let port = |tls| lb::Settings {
        tls,
        policy: config.load_balancer.external_traffic_policy,
        own_address,
        limit: CONNECTIONS,
    };
    let plain = lb::serve(ports.http, port(false), doors.clone(), shutdown.clone());
    let secure = lb::serve(ports.https, port(true), doors, shutdown);
    tokio::join!(plain, secure);
    for replica in replicas {
        replica.stopped().await;
    }
    Ok(())
}
