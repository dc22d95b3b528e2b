//! The way in: certificates, host ports, ingress replicas.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::clocks::Clocks;
use super::replicas::Replicas;
use super::{StartError, access_log, certificates};
use crate::client::LabFolder;
use crate::config::{Config, Controller};
use crate::ingress::{self, Replica, Sampler};
use crate::lb;
use crate::model::{
    Flavour, GatewayPorts, LoadBalancerStatus, NginxOptions, Objects, Secret, Service, ServicePort,
    ServiceType, TraefikOptions, compile,
};
use crate::net::{Authority, BindError, Certificates, Shutdown, bind};
use crate::pods::PodNetwork;
use crate::registry::{Cluster, Registry};
use crate::trace::{Ledger, LogBook, Tape, Tracer};

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
            allow_empty_services: config.ingress.allow_empty_services,
            allow_external_name_services: config.ingress.allow_external_name_services,
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
    let secrets = config.secrets.iter();
    let secrets: BTreeMap<String, Arc<Secret>> = secrets
        .map(|secret| (secret.name.clone(), Arc::new(secret.clone())))
        .collect();
    let served = config.ingress_classes.served(&config.ingresses);
    let ports = GatewayPorts {
        http: config.load_balancer.http,
        https: config.load_balancer.https,
    };
    let objects = Objects::new(&services)
        .secrets(&secrets)
        .gateways(&config.gateway_api, ports);
    let compiled = compile(served, &objects, &flavour(config));
    let reports = config.reports.iter().chain(&compiled.diagnostics);
    reports.map(ToString::to_string).collect()
}

/// Compiles the Ingresses of the picture and the routes of Gateway API, and adds the load balancer's
/// own Service. What is wrong with an object is among the picture's reports. `before` is the picture
/// that this one replaces.
pub(super) fn complete(
    cluster: &mut Cluster,
    config: &Config,
    addresses: Addresses,
    before: &Cluster,
) {
    let ingresses = cluster.ingresses.values().map(|ingress| &**ingress);
    let served = cluster.ingress_classes.served(ingresses);
    let ports = GatewayPorts {
        http: addresses.http.port(),
        https: addresses.https.port(),
    };
    let objects = Objects::new(&cluster.services)
        .secrets(&cluster.secrets)
        .gateways(&config.gateway_api, ports);
    let compiled = compile(served, &objects, &flavour(config));
    let reports = config.reports.iter().cloned();
    cluster.reports = reports.chain(compiled.diagnostics).collect();
    cluster.routes = Arc::new(compiled.table);
    let name = config.ingress.controller.name().to_owned();
    let mut service = balancer_service(name.clone(), config, addresses);
    // Its addresses cannot change, and what its provider says of them stays.
    if let Some(known) = before.services.get(&name) {
        service.load_balancer.clone_from(&known.load_balancer);
    }
    cluster.services.insert(name, Arc::new(service));
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
            ..LoadBalancerStatus::default()
        },
        ..Service::default()
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

/// What the way in is made of beside the config.
pub(super) struct Parts {
    pub(super) ports: HostPorts,
    pub(super) registry: Registry,
    pub(super) authority: Arc<Authority>,
    /// The load balancer's, which hides the client's.
    pub(super) own_address: IpAddr,
    /// Where the dashboard is, for error pages.
    pub(super) dashboard: Option<String>,
    /// Names of replicas that are to die.
    pub(super) kills: mpsc::Receiver<String>,
    /// Where requests are counted.
    pub(super) ledger: Ledger,
    /// Where requests are recorded.
    pub(super) tape: Tape,
    /// Where lines of the access log are kept.
    pub(super) log_book: LogBook,
}

/// Runs the ingress replicas and gives them the connections of the host ports. Returns when the
/// signal was given and every request is through.
pub(super) async fn serve(
    parts: Parts,
    config: Config,
    tracer: Tracer,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let Parts {
        ports,
        registry,
        authority,
        own_address,
        dashboard,
        kills,
        ledger,
        tape,
        log_book,
    } = parts;
    let controller = config.ingress.controller;
    let served = Certificates::new(match controller {
        Controller::Traefik => "TRAEFIK DEFAULT CERT",
        Controller::Nginx => "Kubernetes Ingress Controller Fake Certificate",
    })?;
    let (films, failures) = if config.trace.enabled {
        let failures = ingress::Settings::FAILURES_PER_SECOND;
        (config.trace.films_per_second, failures)
    } else {
        (0, 0)
    };
    let (access_log, lines) = access_log::open(&config);
    let settings = Arc::new(ingress::Settings {
        access_log,
        http_port: ports.addresses.http.port(),
        https_port: ports.addresses.https.port(),
        sampler: Arc::new(Sampler::new(films)),
        failures: Arc::new(Sampler::new(failures)),
        dashboard,
        ledger,
        tape,
        ..ingress::Settings::new(flavour(&config))
    });
    certificates::serve(
        &registry.snapshot(),
        &served,
        controller,
        &Clocks::default(),
    );
    let (told, doors) = watch::channel(Arc::from([]));
    let reader = registry.clone();
    let own = served.clone();
    let mut replicas = Replicas {
        stem: controller.name(),
        start: Box::new(move |name, shutdown| {
            let (own, tracer, settings) = (own.clone(), tracer.clone(), Arc::clone(&settings));
            Replica::start(name, reader.reader(), own, tracer, settings, shutdown)
        }),
        registry: registry.clone(),
        doors: told,
        running: BTreeMap::new(),
        tasks: JoinSet::new(),
        restarts: BTreeMap::new(),
        not_before: None,
    };
    replicas.start_first()?;
    let port = |tls| lb::Settings {
        tls,
        policy: lb::Policy::Of(registry.clone(), controller.name().to_owned()),
        own_address,
        proxy_protocol: config.load_balancer.proxy_protocol,
        limit: CONNECTIONS,
    };
    let faults = || registry.faults();
    let (also, end) = (doors.clone(), shutdown.clone());
    let plain = lb::serve(ports.http, port(false), also, faults(), end);
    let secure = lb::serve(ports.https, port(true), doors, faults(), shutdown.clone());
    let serving = async { tokio::join!(plain, secure, replicas.run(kills, shutdown)) };
    let writing = access_log::keep(lines, &log_book);
    tokio::select! {
        _ = serving => {}
        () = writing => {}
        // Ends only with the registry.
        () = certificates::keep(&registry, &served, &authority, controller) => {}
    }
    Ok(())
}
