//! ingress-nginx's reading: a server block for each host, exact locations first, then the longest.
//!
//! HSTS is off: on `localhost` a browser would keep it for every port of the name.

mod access;
mod backend;
mod canary;
mod cors;
mod notes;
mod pages;
mod server;
mod settings;

use super::super::super::{Ingress, PathType};
use super::super::HostMatch;
use super::super::compile::Compiler;
use super::NginxOptions;
use backend::PortSettings;
use canary::Canaries;
use server::Servers;
use settings::Settings;

pub(super) use notes::{notes, objection};

/// What its annotations begin with.
pub(super) const PREFIX: &str = "nginx.ingress.kubernetes.io/";

/// Adds the routes of all objects.
pub(in super::super) fn routes(
    ingresses: &[&Ingress],
    options: &NginxOptions,
    compiler: &mut Compiler<'_>,
) {
    let mut ports = PortSettings::default();
    let mut read = Vec::new();
    for ingress in ingresses {
        if let Some(path) = refused_path(ingress) {
            let message = format!(
                "path \"{path}\" is refused with its whole Ingress: only letters, digits and /_-. \
                 may be in a path of type Exact or Prefix"
            );
            compiler.drop_ingress(ingress, message);
            continue;
        }
        ports.add(ingress, compiler);
        read.push((*ingress, Settings::read(ingress, options, compiler)));
    }
    let mut servers = Servers::default();
    let mains = || {
        read.iter()
            .filter(|(_, settings)| settings.canary.is_none())
    };
    for (ingress, settings) in mains() {
        for rule in &ingress.rules {
            let host = HostMatch::parse(rule.host.as_deref());
            servers.server(&host, ingress, settings, compiler);
            for path in &rule.paths {
                let Some(text) = server::location_path(path, settings) else {
                    let message = format!("path \"{}\" can match nothing", path.path);
                    compiler.tell(ingress, message);
                    continue;
                };
                let exact = path.path_type == PathType::Exact;
                let at = (&host, text, exact);
                servers.location(ingress, settings, at, &path.backend, &ports, compiler);
            }
        }
    }
    // Catch-alls come last: they fill the gaps that rules left.
    for (ingress, settings) in mains() {
        let Some(backend) = &ingress.default_backend else {
            continue;
        };
        let mut hosts: Vec<_> = ingress
            .rules
            .iter()
            .map(|rule| HostMatch::parse(rule.host.as_deref()))
            .collect();
        if hosts.is_empty() {
            hosts.push(HostMatch::Any);
        }
        hosts.dedup();
        for host in hosts {
            if !servers.has(&host, "/", false) {
                let at = (&host, "/".to_owned(), false);
                servers.location(ingress, settings, at, backend, &ports, compiler);
            }
        }
    }
    let mut canaries = Canaries::default();
    for (ingress, settings) in &read {
        if let Some(rule) = &settings.canary {
            canaries.add(
                ingress,
                settings,
                rule,
                &ports,
                compiler,
                |host, path, exact| servers.service_port(host, path, exact),
            );
        }
    }
    servers.into_routes(&canaries, compiler);
}

/// A path that `strict-validate-path-type`, on by default, does not let through.
fn refused_path(ingress: &Ingress) -> Option<&str> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/_-.".contains(&byte);
    let paths = ingress.rules.iter().flat_map(|rule| &rule.paths);
    paths
        .filter(|path| path.path_type != PathType::ImplementationSpecific)
        .map(|path| path.path.as_str())
        .find(|path| !path.bytes().all(plain))
}
