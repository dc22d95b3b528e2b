//! The `service.*` annotations of a Service.

use std::time::Duration;

use super::super::super::super::{AppProtocol, Service, ServiceType};
use super::super::super::compile::Found;
use super::super::super::{Balancing, RouteBackend, Session};
use super::super::TraefikOptions;
use super::super::annotations::flag;
use super::PREFIX;

/// What the annotations of a Service say.
#[derive(Clone, Default)]
pub(super) struct ServiceSettings {
    native: bool,
    own_host: bool,
    scheme: Option<(AppProtocol, bool)>,
    session: Option<Session>,
}

/// Reads them: what they say, or why Traefik drops every rule that leads to the Service; and what
/// else is to be told.
pub(super) fn read(
    service: &Service,
    options: &TraefikOptions,
) -> (Result<ServiceSettings, String>, Vec<String>) {
    let mut remarks = Vec::new();
    let outside = service.kind == ServiceType::ExternalName;
    let settings = if outside && !options.allow_external_name_services {
        Err(format!(
            "Service \"{}\" is an ExternalName, which Traefik does not route to unless \
             ingress.allow_external_name_services is true",
            service.name
        ))
    } else {
        settings(service, &mut remarks)
    };
    (settings, remarks)
}

fn settings(service: &Service, remarks: &mut Vec<String>) -> Result<ServiceSettings, String> {
    let mut settings = ServiceSettings::default();
    let mut cookie = plain_cookie(service);
    let mut sticky = false;
    for (name, value) in &service.annotations {
        let Some(key) = name.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else {
            continue;
        };
        let refused = |problem: &str| {
            Err(format!(
                "annotation {name} = {value:?} of Service \"{}\": {problem}",
                service.name
            ))
        };
        let Some(key) = key.strip_prefix("service.") else {
            remarks.push(format!("annotation {name} has no effect on a Service"));
            continue;
        };
        let switch = flag(value);
        let text = || Some(value.trim().to_owned()).filter(|text| !text.is_empty());
        match (key, switch) {
            ("nativelb", Some(on)) => settings.native = on,
            ("nodeportlb", Some(on)) => {
                if on {
                    remarks.push(format!(
                        "annotation {name}: pods are dialled, not node ports"
                    ));
                }
            }
            ("passhostheader", Some(on)) => settings.own_host = !on,
            ("serversscheme", _) => {
                settings.scheme = match value.as_str() {
                    "" => None,
                    "http" => Some((AppProtocol::Http, false)),
                    "https" => Some((AppProtocol::Http, true)),
                    "h2c" => Some((AppProtocol::H2c, false)),
                    _ => return refused("must be http, https or h2c"),
                }
            }
            ("serverstransport" | "middlewares", _) if value.is_empty() => {}
            ("serverstransport", _) => return refused("there are no ServersTransport objects"),
            ("middlewares", _) => return refused("there are no Middleware objects"),
            ("sticky.cookie", Some(on)) => sticky |= on,
            ("sticky.cookie", None) if value.is_empty() => sticky = true,
            ("sticky.cookie.name", _) => cookie.cookie = text().unwrap_or(cookie.cookie),
            ("sticky.cookie.path", _) => cookie.path = text().or(cookie.path),
            ("sticky.cookie.domain", _) => cookie.domain = text(),
            ("sticky.cookie.secure", Some(on)) => cookie.secure = on,
            ("sticky.cookie.httponly", Some(on)) => cookie.http_only = on,
            ("sticky.cookie.samesite", _) => {
                cookie.same_site = match value.to_ascii_lowercase().as_str() {
                    "" => None,
                    "none" => Some("None".to_owned()),
                    "lax" => Some("Lax".to_owned()),
                    "strict" => Some("Strict".to_owned()),
                    _ => return refused("must be none, lax or strict"),
                }
            }
            ("sticky.cookie.maxage", _) => match value.parse::<i64>() {
                Ok(0) => {}
                // Negative means at once, as the attribute has it.
                Ok(seconds) => {
                    let seconds = u64::try_from(seconds).unwrap_or(0);
                    cookie.max_age = Some(Duration::from_secs(seconds));
                }
                Err(_) => return refused("is not a number"),
            },
            (
                "nativelb"
                | "nodeportlb"
                | "passhostheader"
                | "sticky.cookie"
                | "sticky.cookie.secure"
                | "sticky.cookie.httponly",
                _,
            ) => return refused("must be true or false"),
            _ => return refused("is not known"),
        }
        sticky |= key.starts_with("sticky.cookie.");
    }
    settings.session = sticky.then_some(cookie);
    Ok(settings)
}

impl ServiceSettings {
    /// The backend for one of the Service's ports.
    pub(super) fn backend(&self, found: &Found<'_>) -> Result<RouteBackend, String> {
        let secure = found.port == 443 || found.port_name.starts_with("https");
        let (app_protocol, tls) = match self.scheme {
            Some(scheme) => scheme,
            None if secure => (AppProtocol::Http, true),
            None => (found.app_protocol, false),
        };
        if app_protocol == AppProtocol::Tcp {
            return Err(found.not_http());
        }
        Ok(RouteBackend {
            service: found.service.name.clone(),
            port: found.port,
            port_index: found.index,
            app_protocol,
            tls,
            through_cluster_ip: self.native,
            own_host: self.own_host,
            selection: Balancing::RoundRobin,
            // The ClusterIP is one address: there is nothing to stick to.
            session: self.session.clone().filter(|_| !self.native),
        })
    }
}

/// Traefik's cookie where no annotation says more.
fn plain_cookie(service: &Service) -> Session {
    Session {
        cookie: cookie_name(&service.name),
        path: Some("/".to_owned()),
        domain: None,
        max_age: None,
        same_site: None,
        secure: false,
        http_only: false,
        persistent: true,
    }
}

/// A name for a Service's cookie, which stays the same as long as the Service's does.
///
/// Lab: Traefik takes the first digits of a SHA-1, the lab those of FNV-1a.
fn cookie_name(service: &str) -> String {
    let hash = service
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
    format!("_{:05x}", hash >> 44)
}
