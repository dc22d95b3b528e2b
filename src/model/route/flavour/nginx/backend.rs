//! What ingress-nginx keeps for each Service port, whichever Ingress says it first: affinity,
//! hashing, the algorithm, and whether the ClusterIP is dialled.

use std::collections::HashMap;

use super::super::super::super::{AppProtocol, Ingress, IngressBackend};
use super::super::super::compile::Compiler;
use super::super::super::{Balancing, RouteBackend, Session, Template};
use super::super::annotations::Annotations;
use super::PREFIX;
use super::settings::Settings;

/// By the name of the Service and the position of the port.
#[derive(Default)]
pub(super) struct PortSettings(HashMap<(String, usize), PortSetting>);

#[derive(Clone, Default)]
struct PortSetting {
    session: Option<Session>,
    selection: Option<Balancing>,
    through_cluster_ip: bool,
}

impl PortSettings {
    /// Takes from an Ingress what older ones left open.
    pub(super) fn add(&mut self, ingress: &Ingress, compiler: &mut Compiler<'_>) {
        let mut annotations = Annotations::of_ingress(ingress, PREFIX);
        let own = PortSetting {
            session: session(&mut annotations),
            selection: selection(&mut annotations),
            through_cluster_ip: annotations.flag("service-upstream").unwrap_or(false),
        };
        compiler.diagnostics.extend(annotations.into_problems());
        let paths = ingress.rules.iter().flat_map(|rule| &rule.paths);
        let backends = paths
            .map(|path| &path.backend)
            .chain(&ingress.default_backend);
        for backend in backends {
            // A reference that leads nowhere is told where its location is made.
            let Ok(found) = compiler.find(backend) else {
                continue;
            };
            let key = (backend.service.clone(), found.index);
            let setting = self.0.entry(key).or_insert_with(|| own.clone());
            setting.session = setting.session.take().or_else(|| own.session.clone());
            setting.selection = setting.selection.take().or_else(|| own.selection.clone());
        }
    }

    /// The backend of a location, whose path a session's cookie has unless it says otherwise.
    pub(super) fn backend(
        &self,
        reference: &IngressBackend,
        settings: &Settings,
        location: Option<&str>,
        compiler: &Compiler<'_>,
    ) -> Result<RouteBackend, String> {
        let found = compiler.find(reference)?;
        let key = (reference.service.clone(), found.index);
        let setting = self.0.get(&key).cloned().unwrap_or_default();
        let (app_protocol, tls) = settings.protocol.unwrap_or((found.app_protocol, false));
        if app_protocol == AppProtocol::Tcp {
            return Err(found.not_http());
        }
        // With one address to dial there is nothing to stick to.
        let session = setting.session.filter(|_| !setting.through_cluster_ip);
        Ok(RouteBackend {
            service: reference.service.clone(),
            port: found.port,
            port_index: found.index,
            app_protocol,
            tls,
            through_cluster_ip: setting.through_cluster_ip,
            own_host: false,
            selection: setting.selection.unwrap_or_default(),
            session: session.map(|session| Session {
                path: session.path.or_else(|| location.map(str::to_owned)),
                ..session
            }),
        })
    }
}

fn selection(read: &mut Annotations<'_>) -> Option<Balancing> {
    let hash = read.parsed(
        "upstream-hash-by",
        "a text with variables of the request",
        |text| Template::parse(text).is_ok().then(|| text.to_owned()),
    );
    let algorithm = read.parsed("load-balance", "round_robin or ewma", |text| match text {
        "round_robin" => Some(Balancing::RoundRobin),
        "ewma" => Some(Balancing::LeastLatency),
        _ => None,
    });
    hash.map(Balancing::HashBy).or(algorithm)
}

fn session(read: &mut Annotations<'_>) -> Option<Session> {
    read.parsed("affinity", "cookie", |text| {
        (text == "cookie").then_some(())
    })?;
    let persistent = read.parsed(
        "affinity-mode",
        "balanced or persistent",
        |text| match text {
            "balanced" => Some(false),
            "persistent" => Some(true),
            _ => None,
        },
    );
    let max_age = read.seconds("session-cookie-max-age");
    let expires = read.seconds("session-cookie-expires");
    let cookie = read.parsed("session-cookie-name", "a cookie's name", |text| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        text.bytes().all(fits).then_some(text)
    });
    let mut attribute = |name: &str| {
        let value = read.parsed(name, "text without semicolons", |text| {
            let fits = |byte: u8| byte.is_ascii_graphic() && byte != b';';
            text.bytes().all(fits).then_some(text)
        });
        value.map(str::to_owned)
    };
    Some(Session {
        cookie: cookie.unwrap_or("INGRESSCOOKIE").to_owned(),
        path: attribute("session-cookie-path"),
        domain: attribute("session-cookie-domain"),
        same_site: attribute("session-cookie-samesite"),
        max_age: max_age.or(expires),
        secure: read.flag("session-cookie-secure").unwrap_or(false),
        http_only: true,
        persistent: persistent.unwrap_or(false),
    })
}
