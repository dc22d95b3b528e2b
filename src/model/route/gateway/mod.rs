//! Gateway API's routes in the one internal form, beside whatever a flavour made of Ingresses.
//!
//! Both flavours read them in the same way, the specification's. Among themselves routes are in the
//! order that it asks for: the most specific host, then the path, the method, the number of headers
//! and of query parameters, then the oldest route, then the first by name.
//!
//! Lab: all Gateways share the lab's two host ports, with each other and with Ingresses. A rule for an
//! exact host comes before the Ingress rules of that host; one for a wildcard or for any host comes
//! after all of them.

mod attach;
mod backends;
mod listeners;
mod rules;

#[cfg(test)]
mod tests;

use super::super::{GatewayApi, GatewayRoute, ObjectReport, RouteKind};
use super::compile::Compiler;
use super::flavour::Flavour;
use super::{Condition, HostMatch, Route};
use attach::{Attached, Place};

/// The group of its objects.
const GROUP: &str = "gateway.networking.k8s.io";
/// Added to the priority of a rule for an exact host: more than any Ingress rule's that is not set
/// by hand.
const EXACT_HOST: i64 = 1 << 40;
/// The lowest priority of the others. One above the default backend of Traefik's Ingresses; the
/// highest is 0, below every rule of an Ingress.
const OTHER_HOSTS: i64 = i32::MIN as i64 + 1;
/// Bits of a priority that what is asked beside the host makes up; the host's length has 8 more.
const RANK_BITS: u32 = 23;

/// The ports of the host at which the lab serves Gateways.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GatewayPorts {
    /// Clear text; stands for port 80 too.
    pub http: u16,
    /// TLS; stands for port 443 too.
    pub https: u16,
}

/// Adds the routes of all objects.
pub(super) fn routes<'a>(
    api: &'a GatewayApi,
    ports: GatewayPorts,
    flavour: &Flavour,
    compiler: &mut Compiler<'a>,
) {
    let listeners = listeners::served(api, ports, flavour, compiler);
    compiler.listeners = listeners.iter().filter_map(listeners::tls).collect();
    let mut routes: Vec<&GatewayRoute> = api.routes.iter().collect();
    // Those without a date are newer than those with one: only what a cluster has kept has one.
    routes.sort_by_key(|route| {
        let created = (route.created.is_none(), route.created.as_deref());
        (created, &route.namespace, &route.name, route.kind)
    });
    let mut taken: Vec<(RouteKind, Place)> = Vec::new();
    for route in routes {
        let Attached {
            mut places,
            mut problems,
        } = attach::attach(route, api, &listeners);
        places.retain(|place| {
            let problem = attach::conflict(&taken, route.kind, place);
            let is_free = problem.is_none();
            problems.extend(problem);
            is_free
        });
        taken.extend(places.iter().map(|place| (route.kind, place.clone())));
        let unusable = places.is_empty();
        for message in problems {
            compiler.report_route(route, message, unusable);
        }
        if unusable {
            continue;
        }
        for (index, rule) in route.rules.iter().enumerate() {
            let built = rules::build(route, index, rule, api, compiler);
            for asked in &rule.matches {
                let path = match rules::path(&asked.path) {
                    Ok(path) => path,
                    Err(problem) => {
                        compiler.report_route(route, problem, false);
                        continue;
                    }
                };
                for place in &places {
                    let new = Route {
                        priority: priority(&place.host, rules::rank(asked)),
                        conditions: conditions(place, rules::conditions(asked)),
                        falls_through: true,
                        ..built.route(route, place, path.clone())
                    };
                    compiler.routes.push(new);
                }
            }
        }
    }
}

/// What is asked beside host and path.
fn conditions(place: &Place, of_match: Vec<Condition>) -> Vec<Condition> {
    let mut conditions: Vec<_> = place.entry.map(Condition::EntryPoint).into_iter().collect();
    if !place.not.is_empty() {
        conditions.push(Condition::NotHosts(place.not.clone()));
    }
    conditions.extend(of_match);
    conditions
}

fn priority(host: &HostMatch, rank: u32) -> i64 {
    match host {
        HostMatch::Exact(_) => EXACT_HOST + i64::from(rank),
        HostMatch::Any => OTHER_HOSTS + i64::from(rank),
        HostMatch::Wildcard(suffix) | HostMatch::Suffix(suffix) => {
            // A name has at most 253 characters.
            let length = u8::try_from(suffix.len()).unwrap_or(u8::MAX);
            OTHER_HOSTS + (i64::from(length) << RANK_BITS) + i64::from(rank)
        }
    }
}

impl Compiler<'_> {
    fn report_route(&mut self, route: &GatewayRoute, message: String, unusable: bool) {
        self.diagnostics.push(ObjectReport {
            kind: route.kind.name().to_owned(),
            name: route.name.clone(),
            message,
            unusable,
        });
    }

    fn report_gateway(&mut self, gateway: &str, message: String, unusable: bool) {
        self.diagnostics.push(ObjectReport {
            kind: "Gateway".to_owned(),
            name: gateway.to_owned(),
            message,
            unusable,
        });
    }
}

/// The identity of a route, as grants name it.
fn identity(route: &GatewayRoute) -> (&'static str, &'static str, &str) {
    (GROUP, RouteKind::name(route.kind), &route.namespace)
}
