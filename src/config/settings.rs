//! What a checked config says, in the words of the model where it has them.
//!
//! Every field holds a usable value; nothing here needs a second look.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use super::problem::Problem;
use super::subnet::SubnetChoice;
use crate::model::{
    AddressPool, ClusterIp, Conditions, Deployment, GatewayApi, Grpc, HealthCheck, IdleTimeout,
    Ingress, IngressClasses, Login, ObjectReport, OtlpTarget, Plugin, PodTemplate, Provider,
    ProxyMode, ProxyProtocol, Secret, Service, TrafficPolicy, Workload,
};

/// Everything that a lab is told before it starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Config {
    /// The file it came from; `None` for the built-in default.
    pub file: Option<PathBuf>,
    /// Name of the lab, a DNS label.
    pub name: String,
    /// What runs the pods.
    pub runtime: RuntimeChoice,
    /// The host ports.
    pub load_balancer: LoadBalancerConfig,
    /// The ingress replicas.
    pub ingress: IngressConfig,
    /// How ClusterIPs draw.
    pub proxy_mode: ProxyMode,
    /// The Docker runtime.
    pub docker: DockerConfig,
    /// Films.
    pub trace: TraceConfig,
    /// Who may log in.
    pub login: Login,
    /// What serves MongoDB's and Redis's protocols.
    pub stores: StoresConfig,
    /// The built-in backends.
    pub cloudforet: CloudforetConfig,
    /// Cures for gRPC's pinning; used by the built-in services.
    pub grpc: Grpc,
    /// Desired pods; one Deployment for each Service that is not made of static endpoints, with
    /// the Service's name, and those that have no Service.
    pub deployments: Vec<Deployment>,
    /// Plugins, whose pods run when they are needed.
    pub plugins: Vec<PluginConfig>,
    /// Services. ClusterIPs are [`Config::UNASSIGNED`] until the app gives them out.
    pub services: Vec<Service>,
    /// Addresses of the user's own, for the Services without a Deployment.
    pub static_endpoints: Vec<StaticEndpoints>,
    /// Ingress objects.
    pub ingresses: Vec<Ingress>,
    /// Objects of Gateway API.
    #[serde(skip)]
    pub gateway_api: GatewayApi,
    /// IngressClass objects, and which controller the lab has.
    pub ingress_classes: IngressClasses,
    /// Secrets of manifests.
    #[serde(skip)]
    pub secrets: Vec<Secret>,
    /// Objects of manifests that cannot be used as they are written, or not wholly.
    pub reports: Vec<ObjectReport>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<Problem>,
}

impl Config {
    /// The ClusterIP of a Service that has none yet.
    pub const UNASSIGNED: ClusterIp = ClusterIp::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

    /// What only the Docker runtime can run, by name.
    pub fn images(&self) -> impl Iterator<Item = &str> {
        let deployments = self.deployments.iter();
        let deployments =
            deployments.map(|deployment| (&*deployment.name, &deployment.template.workload));
        let plugins = self.plugins.iter();
        let plugins = plugins.map(|found| (&*found.plugin.name, &found.template.workload));
        deployments
            .chain(plugins)
            .filter(|(_, workload)| matches!(workload, Workload::Image { .. }))
            .map(|(name, _)| name)
    }
}

/// `runtime`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum RuntimeChoice {
    /// Docker when its daemon answers, else processes.
    #[default]
    Auto,
    /// Child processes.
    Process,
    /// Containers.
    Docker,
}

/// `[load_balancer]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LoadBalancerConfig {
    /// Where the host ports listen.
    pub address: IpAddr,
    /// Port for clear text; 0 for any.
    pub http: u16,
    /// Port for TLS; 0 for any.
    pub https: u16,
    /// What happens to the client address.
    pub external_traffic_policy: TrafficPolicy,
    /// What must come first on each connection of the two ports.
    pub proxy_protocol: ProxyProtocol,
    /// Whose behaviour it has.
    pub provider: Provider,
    /// How long a Service waits for its address.
    pub provisioning: Duration,
    /// What becomes of silent connections of Services.
    pub idle: Option<IdleTimeout>,
    /// How it looks after its targets.
    pub health_check: Option<HealthCheck>,
    /// What MetalLB may give out.
    pub pools: Vec<AddressPool>,
}

/// `[ingress]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own")]
pub struct IngressConfig {
    /// Whose behaviour it has.
    pub controller: Controller,
    /// At least one.
    pub replicas: u32,
    /// Whether Traefik's Prefix compares whole elements.
    pub strict_prefix_matching: bool,
    /// Whether http:// is answered with a redirect.
    pub redirect_https: bool,
    /// Whether Traefik answers 503, not 404, for a Service without endpoints.
    pub allow_empty_services: bool,
    /// Whether Traefik routes to Services of type ExternalName.
    pub allow_external_name_services: bool,
    /// Whether a line is written about each request, and in which form.
    pub access_log: AccessLogChoice,
}

/// `ingress.access_log`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessLogChoice {
    /// No lines.
    #[default]
    Off,
    /// As the controller writes them.
    Flavour,
    /// One JSON object a line.
    Json,
}

/// `ingress.controller`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Controller {
    /// As K3s ships it.
    #[default]
    Traefik,
    /// ingress-nginx.
    Nginx,
}

impl Controller {
    /// What `spec.controller` of its IngressClass says.
    pub fn controller(self) -> &'static str {
        match self {
            Self::Traefik => "traefik.io/ingress-controller",
            Self::Nginx => "k8s.io/ingress-nginx",
        }
    }

    /// The IngressClass it serves, and the stem of its pods' names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Traefik => "traefik",
            Self::Nginx => "nginx",
        }
    }
}

/// `[docker]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DockerConfig {
    /// Where pods and ClusterIPs live.
    pub subnet: SubnetChoice,
    /// Image with the `lab` binary; `None` makes one from the running binary.
    pub image: Option<String>,
}

/// `[trace]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TraceConfig {
    /// Whether there are films at all.
    pub enabled: bool,
    /// How many requests are filmed each second without being asked for.
    pub films_per_second: u32,
    /// How many films are kept.
    pub keep: usize,
    /// Where spans are sent as well.
    pub otlp: Option<OtlpTarget>,
}

/// `[stores]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StoresConfig {
    /// What serves MongoDB's protocol for the built-in `mongodb` service.
    pub mongodb: StoreChoice,
    /// The image, where that is an image.
    pub mongodb_image: String,
    /// What serves Redis's protocol for the built-in `redis` service.
    pub redis: StoreChoice,
    /// The image, where that is an image.
    pub redis_image: String,
}

/// `stores.mongodb` and `stores.redis`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum StoreChoice {
    /// A real one when the runtime has it at hand, else the built-in one.
    #[default]
    Auto,
    /// The server in this binary.
    BuiltIn,
    /// `mongod` or `redis-server` on the PATH.
    Server,
    /// A container image.
    Image,
}

/// `[cloudforet]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CloudforetConfig {
    /// Whether the built-in services and ingresses are part of the lab.
    pub enabled: bool,
    /// Whether an empty database is filled once.
    pub sample_data: bool,
    /// How long an hour of the schedulers lasts.
    pub hour: Duration,
    /// How long a plugin that nobody uses keeps its pods.
    pub plugin_idle: Duration,
}

/// `[plugins.NAME]`
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PluginConfig {
    /// As the catalogue shows it.
    pub plugin: Plugin,
    /// The pods that run it.
    pub template: PodTemplate,
}

/// Addresses behind a Service without selector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StaticEndpoints {
    /// The Service.
    pub service: String,
    /// In the order in which they were written.
    pub endpoints: Vec<StaticEndpoint>,
}

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StaticEndpoint {
    /// One for each port of the Service, in the same order.
    pub addresses: Vec<HostPort>,
    /// Fixed: the lab did not start it and does not judge it.
    pub conditions: Conditions,
}

impl StaticEndpoint {
    /// One that is always ready.
    pub fn ready(address: HostPort) -> Self {
        Self {
            addresses: vec![address],
            conditions: Conditions {
                ready: true,
                serving: true,
                terminating: false,
            },
        }
    }
}

/// `host:port` as written; names are resolved by the app.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct HostPort {
    /// A name, or an address without brackets.
    pub host: String,
    /// 1–65535
    pub port: u16,
}

impl fmt::Display for HostPort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(formatter, "[{}]:{}", self.host, self.port)
        } else {
            write!(formatter, "{}:{}", self.host, self.port)
        }
    }
}
