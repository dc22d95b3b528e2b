//! The sections that are there once: everything but services and ingresses.

use std::path::Path;
use std::time::Duration;

use super::raw::RawConfig;
use super::section::{Reader, Section};
use super::settings::{
    AccessLogChoice, CloudforetConfig, Config, Controller, DockerConfig, IngressConfig,
    RuntimeChoice, StoreChoice, StoresConfig, TraceConfig,
};
use super::subnet::SubnetChoice;
use super::{
    checks, deployments, ingresses, load_balancer, manifests, names, plugins, secrets, services,
};
use crate::model::{
    GatewayApi, Grpc, IngressClasses, LoadBalancing, Login, MAX_INGRESS_REPLICAS, ProxyMode,
};

/// Name of a lab that was given none.
pub(super) const NAME: &str = "lab";
const INGRESS_REPLICAS: u32 = 1;
/// Enough to see every click of a few people, little enough to be lost in the noise of a load test.
const FILMS_PER_SECOND: u32 = 50;
const FILMS_PER_SECOND_LIMIT: i64 = 10_000;
/// About 10 MB of films of ordinary length.
const FILMS_KEPT: usize = 500;
const FILMS_KEPT_LIMIT: i64 = 100_000;
/// Connections of one channel; each of the pods has one to each service.
const CHANNELS_LIMIT: i64 = 100;
const LOGIN: [&str; 3] = ["spaceone", "admin", "Admin123!@#"];
const MONGODB_IMAGE: &str = "mongo:8";
const REDIS_IMAGE: &str = "redis:8";
const HOUR: Duration = Duration::from_secs(3600);
/// Upstream it is three days, which nobody in a class would live to see.
const PLUGIN_IDLE: Duration = Duration::from_secs(600);

/// Reads a merged document. `folder` is where relative paths start, `file` what was read.
pub(super) fn read(
    raw: &RawConfig,
    folder: Option<&Path>,
    file: Option<&Path>,
    reader: &Reader,
) -> Config {
    let root = reader.root(&raw.0);
    let name = label(&root);
    let runtime = root.choice(
        "runtime",
        &[
            ("auto", RuntimeChoice::Auto),
            ("process", RuntimeChoice::Process),
            ("docker", RuntimeChoice::Docker),
        ],
    );
    let services = services::read(&root, folder);
    let deployments = deployments::read(&root, folder);
    let plugins = plugins::read(&root, folder);
    let controller = controller(&root);
    let ingresses = ingresses::read(&root);
    let from_files = manifests::read(&root, folder, reader);
    checks::waiting(&services, &deployments);
    checks::names(&services, &deployments);
    checks::node_ports(&services);
    let images = services.iter().filter_map(|found| found.image.as_ref());
    let images = images.chain(deployments.iter().filter_map(|found| found.image.as_ref()));
    let images = images.chain(plugins.iter().filter_map(|found| found.image.as_ref()));
    checks::images(runtime, images);
    let mut config = Config {
        file: file.map(Path::to_owned),
        name,
        runtime,
        load_balancer: load_balancer::read(&root),
        ingress: controller,
        proxy_mode: proxy_mode(&root),
        docker: docker(&root),
        trace: trace(&root),
        login: login(&root),
        stores: stores(&root, runtime),
        cloudforet: cloudforet(&root),
        grpc: grpc(&root),
        deployments: Vec::new(),
        plugins: plugins
            .into_iter()
            .filter_map(|found| found.plugin)
            .collect(),
        services: Vec::new(),
        static_endpoints: Vec::new(),
        ingresses: ingresses
            .iter()
            .map(|found| found.ingress.clone())
            .collect(),
        gateway_api: GatewayApi::default(),
        ingress_classes: IngressClasses::default(),
        secrets: Vec::new(),
        reports: Vec::new(),
        warnings: Vec::new(),
    };
    for found in services {
        config.services.push(found.service);
        config.deployments.extend(found.deployment);
        config.static_endpoints.extend(found.endpoints);
    }
    let without_service = deployments.into_iter();
    let without_service = without_service.filter_map(|found| found.deployment);
    config.deployments.extend(without_service);
    config.secrets = secrets::read(&root, folder, &mut config.reports);
    manifests::link(from_files, &mut config);
    checks::services_of_ingresses(&ingresses, &config.services);
    checks::classes(&ingresses, &mut config);
    root.finish();
    config
}

fn label(root: &Section<'_>) -> String {
    let Some(field) = root.field("name") else {
        return NAME.to_owned();
    };
    match field.text() {
        Some(name) if names::is_label(name) => name.to_owned(),
        Some(_) => {
            field.refuse(
                "must be a DNS label: small letters, digits and hyphens, at most 63",
                "write name = \"lab\"",
            );
            NAME.to_owned()
        }
        None => NAME.to_owned(),
    }
}

/// A section that the default has, so it is there whatever the user's file says; a value that is
/// no table has been refused.
pub(super) fn section<'a>(root: &Section<'a>, key: &'static str) -> Option<Section<'a>> {
    root.field(key)?.section()
}

fn controller(root: &Section<'_>) -> IngressConfig {
    let mut config = IngressConfig {
        controller: Controller::Traefik,
        replicas: INGRESS_REPLICAS,
        strict_prefix_matching: false,
        redirect_https: true,
        allow_empty_services: true,
        allow_external_name_services: false,
        access_log: AccessLogChoice::Off,
    };
    let Some(section) = section(root, "ingress") else {
        return config;
    };
    config.controller = section.choice(
        "controller",
        &[
            ("traefik", Controller::Traefik),
            ("nginx", Controller::Nginx),
        ],
    );
    config.replicas = section.number(
        "replicas",
        1..=i64::from(MAX_INGRESS_REPLICAS),
        INGRESS_REPLICAS,
    );
    config.strict_prefix_matching = section.boolean("strict_prefix_matching", false);
    config.redirect_https = section.boolean("redirect_https", true);
    config.allow_empty_services = section.boolean("allow_empty_services", true);
    config.allow_external_name_services = section.boolean("allow_external_name_services", false);
    config.access_log = section.choice(
        "access_log",
        &[
            ("off", AccessLogChoice::Off),
            ("flavour", AccessLogChoice::Flavour),
            ("json", AccessLogChoice::Json),
        ],
    );
    section.finish();
    config
}

fn proxy_mode(root: &Section<'_>) -> ProxyMode {
    let Some(section) = section(root, "kube_proxy") else {
        return ProxyMode::default();
    };
    let mode = section.choice(
        "mode",
        &[("iptables", ProxyMode::Iptables), ("ipvs", ProxyMode::Ipvs)],
    );
    section.finish();
    mode
}

fn docker(root: &Section<'_>) -> DockerConfig {
    let mut config = DockerConfig {
        subnet: SubnetChoice::Auto,
        image: None,
    };
    let Some(section) = section(root, "docker") else {
        return config;
    };
    if let Some(field) = section.field("subnet")
        && let Some(text) = field.text()
        && text != "auto"
    {
        match text.parse() {
            Ok(subnet) => config.subnet = SubnetChoice::Fixed(subnet),
            Err(message) => field.refuse(
                message,
                "write subnet = \"10.60.0.0/15\": pods in its lower half, ClusterIPs in its upper",
            ),
        }
    }
    if let Some(image) = section.field("image").and_then(|field| field.text())
        && !image.is_empty()
    {
        config.image = Some(image.to_owned());
    }
    section.finish();
    config
}

fn trace(root: &Section<'_>) -> TraceConfig {
    let mut config = TraceConfig {
        enabled: true,
        films_per_second: FILMS_PER_SECOND,
        keep: FILMS_KEPT,
        otlp: None,
    };
    let Some(section) = section(root, "trace") else {
        return config;
    };
    config.enabled = section.boolean("enabled", true);
    config.films_per_second = section.number(
        "films_per_second",
        0..=FILMS_PER_SECOND_LIMIT,
        FILMS_PER_SECOND,
    );
    config.keep = section.number("keep", 1..=FILMS_KEPT_LIMIT, FILMS_KEPT);
    if let Some(field) = section.field("otlp")
        && let Some(text) = field.text()
        && !text.is_empty()
    {
        match text.parse() {
            Ok(target) => config.otlp = Some(target),
            Err(message) => field.refuse(message, "write otlp = \"http://127.0.0.1:4318\""),
        }
    }
    section.finish();
    config
}

fn login(root: &Section<'_>) -> Login {
    let [domain, user, password] = LOGIN.map(str::to_owned);
    let Some(section) = section(root, "login") else {
        return Login {
            domain,
            user,
            password,
        };
    };
    let login = Login {
        domain: section.words("domain", &domain),
        user: section.words("user", &user),
        password: section.words("password", &password),
    };
    section.finish();
    login
}

fn stores(root: &Section<'_>, runtime: RuntimeChoice) -> StoresConfig {
    let mut config = StoresConfig {
        mongodb: StoreChoice::Auto,
        mongodb_image: MONGODB_IMAGE.to_owned(),
        redis: StoreChoice::Auto,
        redis_image: REDIS_IMAGE.to_owned(),
    };
    let Some(section) = section(root, "stores") else {
        return config;
    };
    config.mongodb = store(&section, "mongodb", "mongod", runtime);
    config.mongodb_image = section.words("mongodb_image", MONGODB_IMAGE);
    config.redis = store(&section, "redis", "redis-server", runtime);
    config.redis_image = section.words("redis_image", REDIS_IMAGE);
    section.finish();
    config
}

/// What serves one protocol; `server` is the name of the real program.
fn store(
    section: &Section<'_>,
    key: &'static str,
    server: &'static str,
    runtime: RuntimeChoice,
) -> StoreChoice {
    let Some(field) = section.field(key) else {
        return StoreChoice::Auto;
    };
    let choice = field.choice(&[
        ("auto", StoreChoice::Auto),
        ("built-in", StoreChoice::BuiltIn),
        (server, StoreChoice::Server),
        ("image", StoreChoice::Image),
    ]);
    let choice = choice.unwrap_or_default();
    match (choice, runtime) {
        (StoreChoice::Image, RuntimeChoice::Process) => field.refuse(
            "needs runtime = \"docker\"",
            format!("write {key} = \"{server}\" or \"built-in\""),
        ),
        (StoreChoice::Server, RuntimeChoice::Docker) => field.refuse(
            "needs runtime = \"process\"",
            format!("write {key} = \"image\" or \"built-in\""),
        ),
        _ => {}
    }
    choice
}

fn cloudforet(root: &Section<'_>) -> CloudforetConfig {
    let mut config = CloudforetConfig {
        enabled: true,
        sample_data: true,
        hour: HOUR,
        plugin_idle: PLUGIN_IDLE,
    };
    let Some(section) = section(root, "cloudforet") else {
        return config;
    };
    config.enabled = section.boolean("enabled", true);
    config.sample_data = section.boolean("sample_data", true);
    config.hour = section.duration("hour", HOUR);
    config.plugin_idle = section.duration("plugin_idle", PLUGIN_IDLE);
    if config.hour.is_zero()
        && let Some(field) = section.field("hour")
    {
        field.refuse("must be longer than nothing", "write hour = \"1m\"");
    }
    section.finish();
    config
}

fn grpc(root: &Section<'_>) -> Grpc {
    let mut grpc = Grpc::default();
    let Some(section) = section(root, "grpc") else {
        return grpc;
    };
    grpc.load_balancing = section.choice(
        "load_balancing",
        &[
            ("pick_first", LoadBalancing::PickFirst),
            ("round_robin", LoadBalancing::RoundRobin),
        ],
    );
    grpc.channels = section.number("channels", 1..=CHANNELS_LIMIT, grpc.channels);
    grpc.resolve_again = section.duration("resolve_again", grpc.resolve_again);
    grpc.max_connection_age = section.duration("max_connection_age", grpc.max_connection_age);
    section.finish();
    grpc
}
