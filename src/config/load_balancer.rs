//! `[load_balancer]`: the host ports, and the provider whose behaviour Services of type LoadBalancer
//! see.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use super::field::Field;
use super::general;
use super::names;
use super::publishing::{POLICIES, PROXY_PROTOCOLS};
use super::section::Section;
use super::settings::LoadBalancerConfig;
use crate::model::{
    AddressPool, HealthCheck, IdleTimeout, Network, Provider, ProxyProtocol, TrafficPolicy,
};

const ADDRESS: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// Unprivileged stand-ins for 80 and 443.
const HTTP: u16 = 8080;
const HTTPS: u16 = 8443;
const PROVIDERS: [(&str, Provider); 6] = [
    ("servicelb", Provider::ServiceLb),
    ("metallb", Provider::MetalLb),
    ("aws-nlb", Provider::AwsNlb),
    ("aws-alb", Provider::AwsAlb),
    ("gcp", Provider::Gcp),
    ("azure", Provider::Azure),
];
/// The provider's own figure.
const AUTO: &str = "auto";

/// Reads the section.
pub(super) fn read(root: &Section<'_>) -> LoadBalancerConfig {
    let mut config = LoadBalancerConfig {
        address: ADDRESS,
        http: HTTP,
        https: HTTPS,
        external_traffic_policy: TrafficPolicy::Cluster,
        proxy_protocol: ProxyProtocol::Off,
        provider: Provider::ServiceLb,
        provisioning: Duration::ZERO,
        idle: None,
        health_check: None,
        pools: Vec::new(),
    };
    let Some(section) = general::section(root, "load_balancer") else {
        return config;
    };
    if let Some(field) = section.field("address")
        && let Some(text) = field.text()
    {
        match text.parse() {
            Ok(address) => {
                config.address = address;
                if !address.is_loopback() {
                    field.warn(
                        "opens the lab to the network, where everybody may try its password",
                        "write address = \"127.0.0.1\" to keep it to this machine",
                    );
                }
            }
            Err(_) => field.refuse(
                "must be an IP address of this machine",
                "write address = \"127.0.0.1\", or \"0.0.0.0\" to open the lab to the network",
            ),
        }
    }
    let limits = 0..=i64::from(u16::MAX);
    config.http = section.number("http", limits.clone(), HTTP);
    config.https = section.number("https", limits, HTTPS);
    if config.http == config.https && config.http != 0 {
        same_port(&section);
    }
    config.external_traffic_policy = section.choice("external_traffic_policy", &POLICIES);
    config.proxy_protocol = section.choice("proxy_protocol", &PROXY_PROTOCOLS);
    config.provider = section.choice("provider", &PROVIDERS);
    figures(&section, &mut config);
    config.pools = pools(&section);
    if config.provider != Provider::MetalLb
        && let Some(field) = section.field("pools")
        && !config.pools.is_empty()
    {
        field.refuse(
            "only MetalLB has pools",
            "write provider = \"metallb\", or leave pools out",
        );
    }
    section.finish();
    config
}

/// Names the one of the two ports that the user wrote.
fn same_port(section: &Section<'_>) {
    let fields = ["https", "http"].map(|key| section.field(key));
    let written = fields.iter().flatten().find(|field| !field.is_default());
    if let Some(field) = written {
        field.refuse(
            "http and https have the same port",
            "choose another, or 0 for any free port",
        );
    }
}

/// What is the provider's unless it is written.
fn figures(section: &Section<'_>, config: &mut LoadBalancerConfig) {
    let provider = config.provider;
    let written = duration_or_auto(section, "provisioning");
    config.provisioning = written.map_or(provider.provisioning(), |(duration, _)| duration);
    config.idle = provider.idle();
    if let Some((after, field)) = duration_or_auto(section, "idle_timeout") {
        config.idle = match provider.idle() {
            _ if after.is_zero() => None,
            Some(idle) => Some(IdleTimeout { after, ..idle }),
            None => {
                no_figure(&field, provider);
                None
            }
        };
    }
    config.health_check = provider.health_check();
    if let Some((interval, field)) = duration_or_auto(section, "health_check_interval") {
        config.health_check = match provider.health_check() {
            _ if interval.is_zero() => None,
            Some(check) => Some(HealthCheck {
                interval,
                timeout: check.timeout.min(interval),
                ..check
            }),
            None => {
                no_figure(&field, provider);
                None
            }
        };
    }
}

fn no_figure(field: &Field<'_>, provider: Provider) {
    field.refuse(
        format!("provider {} has no such thing", provider.name()),
        "write \"auto\", or choose a cloud's provider",
    );
}

/// A duration that is written, with its place; `None` for the provider's own.
fn duration_or_auto<'a>(section: &Section<'a>, key: &'static str) -> Option<(Duration, Field<'a>)> {
    let field = section.field(key)?;
    if field.is_text(AUTO) {
        return None;
    }
    Some((field.duration()?, field))
}

fn pools(section: &Section<'_>) -> Vec<AddressPool> {
    let fields = section.field("pools").map(|field| field.list());
    let mut pools: Vec<AddressPool> = Vec::new();
    for field in fields.iter().flatten() {
        let Some(entry) = field.section() else {
            continue;
        };
        let name = entry.required("name", "write name = \"default\"");
        let name = name.and_then(|field| field.words()).unwrap_or_default();
        if !name.is_empty()
            && (!names::is_subdomain(name) || pools.iter().any(|one| one.name == name))
        {
            field.refuse(
                "a pool's name is small letters, digits, hyphens and dots, and no other pool's",
                "write name = \"default\"",
            );
        }
        let remedy = "write addresses = [\"192.168.1.240-192.168.1.250\"]";
        let ranges = entry.required("addresses", remedy);
        let ranges = ranges.map(|field| {
            let texts = field.texts();
            if texts.is_empty() {
                field.refuse("must name at least one address", remedy);
            }
            texts
        });
        let ranges = ranges.unwrap_or_default();
        let mut read = Vec::new();
        for (text, field) in ranges {
            match range(text) {
                Some(range) => read.push(range),
                None => field.refuse(
                    "must be a network, or a first and a last address",
                    "write \"192.168.1.240-192.168.1.250\" or \"192.168.10.0/24\"",
                ),
            }
        }
        pools.push(AddressPool {
            name: name.to_owned(),
            ranges: read,
            auto_assign: entry.boolean("auto_assign", true),
            avoid_buggy_ips: entry.boolean("avoid_buggy_ips", false),
        });
        entry.finish();
    }
    pools
}

/// `first-last` or `network/bits`.
fn range(text: &str) -> Option<(IpAddr, IpAddr)> {
    if text.contains('/') {
        return Some(Network::parse(text.trim())?.range());
    }
    let (first, last) = text.split_once('-')?;
    let (first, last): (IpAddr, IpAddr) = (first.trim().parse().ok()?, last.trim().parse().ok()?);
    (first.is_ipv4() == last.is_ipv4() && first <= last).then_some((first, last))
}
