//! Other Services that a location needs: for error pages, and for copies of requests.

use super::super::super::super::{AppProtocol, BackendPort, IngressBackend};
use super::super::super::compile::{Compiler, Found};
use super::super::super::{Balancing, ErrorPages, Filter, Mirror, RouteBackend};
use super::super::annotations::Annotations;

/// `custom-http-errors` with its `default-backend`.
pub(super) struct Pages {
    statuses: Vec<u16>,
    backend: usize,
}

impl Pages {
    /// The filter of a location that leads to this Service port.
    pub(super) fn of(&self, ingress: &str, service: &str, port: u16) -> Filter {
        Filter::ErrorPages(ErrorPages {
            statuses: self.statuses.clone(),
            backend: self.backend,
            facts: [ingress.to_owned(), service.to_owned(), port.to_string()],
        })
    }
}

/// Reads the two annotations.
pub(super) fn read(read: &mut Annotations<'_>, compiler: &mut Compiler<'_>) -> Option<Pages> {
    let statuses = read.parsed("custom-http-errors", "statuses from 300 to 599", |text| {
        let codes = text.split(',').map(|code| code.trim().parse().ok());
        let codes: Option<Vec<u16>> = codes.collect();
        codes.filter(|codes| codes.iter().all(|code| (300..=599).contains(code)))
    });
    let Some(service) = read.text("default-backend") else {
        if statuses.is_some() {
            read.ignored("custom-http-errors", "needs default-backend");
        }
        return None;
    };
    // The first port, whatever its number.
    let first = compiler
        .service(service)
        .and_then(|service| service.ports.first());
    let Some(port) = first.map(|port| port.port) else {
        read.ignored("default-backend", "there is no such Service with a port");
        return None;
    };
    let backend = plain(service, port, compiler);
    match (statuses, backend) {
        (Some(statuses), Ok(backend)) => Some(Pages { statuses, backend }),
        (None, Ok(_)) => {
            read.ignored("default-backend", "is for custom-http-errors only");
            None
        }
        (_, Err(reason)) => {
            read.ignored("default-backend", &reason);
            None
        }
    }
}

/// `mirror-target`: a Service of the lab gets a copy.
pub(super) fn mirror(read: &mut Annotations<'_>, compiler: &mut Compiler<'_>) -> Option<Filter> {
    let target = read.text("mirror-target")?;
    match mirror_backend(target, compiler) {
        Ok(backend) => Some(Filter::Mirror(Mirror {
            backend,
            numerator: 1,
            denominator: 1,
        })),
        Err(reason) => {
            read.ignored("mirror-target", &reason);
            None
        }
    }
}

fn mirror_backend(target: &str, compiler: &mut Compiler<'_>) -> Result<usize, String> {
    let wanted = "must be http://SERVICE$request_uri, a Service of the lab";
    let rest = target.strip_prefix("http://").ok_or(wanted)?;
    let (authority, path) = rest.split_at(rest.find(['/', '$']).unwrap_or(rest.len()));
    if !matches!(path, "" | "$request_uri") {
        return Err(wanted.to_owned());
    }
    let (name, port) = match authority.split_once(':') {
        Some((name, port)) => (name, port.parse().map_err(|_| wanted.to_owned())?),
        None => (authority, 80),
    };
    // A Service's DNS name begins with its own.
    plain(name.split('.').next().unwrap_or(name), port, compiler)
}

/// A Service port without any of an Ingress' settings.
fn plain(service: &str, port: u16, compiler: &mut Compiler<'_>) -> Result<usize, String> {
    let reference = IngressBackend {
        service: service.to_owned(),
        port: BackendPort::Number(port),
    };
    let found: Found<'_> = compiler.find(&reference)?;
    if found.app_protocol == AppProtocol::Tcp {
        return Err(found.not_http());
    }
    Ok(compiler.backend(RouteBackend {
        service: service.to_owned(),
        port: found.port,
        port_index: found.index,
        app_protocol: found.app_protocol,
        tls: false,
        through_cluster_ip: false,
        own_host: false,
        selection: Balancing::RoundRobin,
        session: None,
    }))
}
