//! `canary-*`: an Ingress that takes a share of another's requests.
//!
//! ingress-nginx keeps the canary with the Service port that the other Ingress leads to, so it
//! takes its share of every location that leads there.

use std::collections::HashMap;

use super::super::super::super::{Ingress, PathType};
use super::super::super::compile::Compiler;
use super::super::super::{Canary, CanaryValue, HostMatch, Pattern, RouteBackend};
use super::super::annotations::Annotations;
use super::backend::PortSettings;
use super::server::location_path;
use super::settings::Settings;

/// What ingress-nginx takes a weight to be of, and the least that it accepts.
const TOTAL: u32 = 100;

/// Who is led to the canary.
pub(super) struct CanaryRule {
    header: Option<(String, CanaryValue)>,
    cookie: Option<String>,
    weight: u32,
    total: u32,
}

/// Reads the annotations; `None` unless they are switched on.
pub(super) fn read(read: &mut Annotations<'_>) -> Option<CanaryRule> {
    let enabled = read.flag("canary").unwrap_or(false);
    let names = ["canary-by-header", "canary-by-cookie", "canary-weight"];
    if !enabled {
        for name in names {
            if read.text(name).is_some() {
                read.ignored(name, "needs canary = \"true\"");
            }
        }
        return None;
    }
    let value = match read.text("canary-by-header-value") {
        Some(value) => CanaryValue::Exact(value.to_owned()),
        None => read
            .parsed("canary-by-header-pattern", "a regular expression", |text| {
                Pattern::new(text).ok()
            })
            .map_or(CanaryValue::AlwaysNever, CanaryValue::Matches),
    };
    let header = read.parsed("canary-by-header", "the name of a header", |text| {
        let name = text.to_ascii_lowercase();
        http::HeaderName::from_bytes(name.as_bytes())
            .is_ok()
            .then_some(name)
    });
    let total = read
        .number("canary-weight-total")
        .unwrap_or(TOTAL)
        .max(TOTAL);
    let weight = read.number::<u32>("canary-weight").unwrap_or(0);
    Some(CanaryRule {
        header: header.map(|name| (name, value)),
        cookie: read.text("canary-by-cookie").map(str::to_owned),
        weight: weight.min(total),
        total,
    })
}

/// The canaries, by the Service port from which they take requests.
#[derive(Default)]
pub(super) struct Canaries(HashMap<(String, usize), Canary>);

impl Canaries {
    /// The one of a Service port.
    pub(super) fn of(&self, backend: &RouteBackend) -> Option<&Canary> {
        self.0.get(&(backend.service.clone(), backend.port_index))
    }

    /// Finds what an Ingress with `canary` is the canary of.
    pub(super) fn add(
        &mut self,
        ingress: &Ingress,
        settings: &Settings,
        rule: &CanaryRule,
        ports: &PortSettings,
        compiler: &mut Compiler<'_>,
        main_of: impl Fn(&HostMatch, &str, bool) -> Option<(String, usize)>,
    ) {
        let paths = ingress.rules.iter().flat_map(|rule| {
            let host = HostMatch::parse(rule.host.as_deref());
            rule.paths.iter().map(move |path| (host.clone(), path))
        });
        for (host, path) in paths {
            let Some(text) = location_path(path, settings) else {
                compiler.tell(ingress, format!("path \"{}\" can match nothing", path.path));
                continue;
            };
            let Some(main) = main_of(&host, &text, path.path_type == PathType::Exact) else {
                let message =
                    format!("no other Ingress has {host}{text}, so it is no canary of any");
                compiler.tell(ingress, message);
                continue;
            };
            let backend = match ports.backend(&path.backend, settings, None, compiler) {
                Ok(backend) => backend,
                Err(reason) => {
                    compiler.tell(ingress, format!("{reason}; {host}{text} has no canary"));
                    continue;
                }
            };
            if main == (backend.service.clone(), backend.port_index) {
                let message = format!("{host}{text} leads to the same Service port without it");
                compiler.tell(ingress, message);
                continue;
            }
            let canary = Canary {
                backend: compiler.backend(backend),
                header: rule.header.clone(),
                cookie: rule.cookie.clone(),
                weight: rule.weight,
                total: rule.total,
            };
            let other = self.0.entry(main).or_insert_with(|| canary.clone());
            if *other != canary {
                compiler.tell(ingress, format!("{host}{text} already has a canary"));
            }
        }
    }
}
