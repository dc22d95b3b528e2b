//! MetalLB's controller: addresses out of pools, asked for or not, shared or not, and its own words
//! for what cannot be.
//!
//! As its documentation has it: an address that is asked for must be in a pool; Services share one
//! only with equal keys, different ports, and either the policy `Cluster` or the same pods.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::{Assignment, NODE};
use crate::model::{AddressPool, Service, TrafficPolicy};

/// Annotations, under the prefix of today and that of before version 0.14.
const PREFIXES: [&str; 2] = ["metallb.io", "metallb.universe.tf"];
const ADDRESSES: &str = "loadBalancerIPs";
const POOL: &str = "address-pool";
const SHARED: &str = "allow-shared-ip";

fn annotation<'a>(service: &'a Service, key: &str) -> Option<&'a str> {
    let mut keys = PREFIXES.iter().map(|prefix| format!("{prefix}/{key}"));
    let value = keys.find_map(|key| service.annotations.get(&key))?.trim();
    (!value.is_empty()).then_some(value)
}

/// Gives out addresses in the order of the Services.
pub(super) fn assign<'a>(
    pools: &[AddressPool],
    services: impl Iterator<Item = &'a Service>,
    before: &BTreeMap<String, Assignment>,
) -> BTreeMap<String, Result<Assignment, String>> {
    let mut controller = Controller {
        pools,
        given: Vec::new(),
    };
    let mut outcomes = BTreeMap::new();
    for service in services {
        let held = before.get(&service.name).and_then(|held| held.ip);
        let outcome = controller.choose(service, held).map(|(ip, pool)| {
            controller.given.push((ip, service));
            let mut notes = vec![
                format!("from pool {}", pool.name),
                format!("announced by node {NODE}, the leader of one"),
            ];
            if let Some(key) = annotation(service, SHARED) {
                notes.push(format!("may be shared under the key \"{key}\""));
            }
            Assignment {
                address: ip.to_string(),
                ip: Some(ip),
                notes,
            }
        });
        outcomes.insert(service.name.clone(), outcome);
    }
    outcomes
}

struct Controller<'a> {
    pools: &'a [AddressPool],
    given: Vec<(IpAddr, &'a Service)>,
}

impl<'a> Controller<'a> {
    fn choose(
        &self,
        service: &'a Service,
        held: Option<IpAddr>,
    ) -> Result<(IpAddr, &'a AddressPool), String> {
        if self.pools.is_empty() {
            return Err("no address: [load_balancer] pools is empty".to_owned());
        }
        let wanted_pool = self.wanted_pool(service)?;
        if let Some(asked) = asked(service)? {
            let pool = self
                .pool_of(asked)
                .filter(|pool| wanted_pool.is_none_or(|wanted| wanted.name == pool.name));
            let pool = pool.ok_or_else(|| {
                let names = wanted_pool.map_or_else(|| self.names(), |pool| pool.name.clone());
                format!("address {asked} is not in pool {names}")
            })?;
            self.may_have(service, asked)?;
            return Ok((asked, pool));
        }
        let fits = |pool: &&AddressPool| match wanted_pool {
            Some(wanted) => wanted.name == pool.name,
            None => pool.auto_assign,
        };
        if let Some(held) = held
            && let Some(pool) = self.pool_of(held).filter(|pool| fits(pool))
            && self.may_have(service, held).is_ok()
        {
            return Ok((held, pool));
        }
        let mut tried = Vec::new();
        for pool in self.pools.iter().filter(fits) {
            let mut addresses = addresses(pool);
            if let Some(ip) = addresses.find(|ip| self.may_have(service, *ip).is_ok()) {
                return Ok((ip, pool));
            }
            tried.push(pool.name.as_str());
        }
        if tried.is_empty() {
            return Err(format!(
                "no pool gives out addresses unasked (auto_assign is false for {}); ask for one with the annotation metallb.io/{POOL}",
                self.names()
            ));
        }
        Err(format!(
            "no address left in pool {}: all of them are taken",
            tried.join(", ")
        ))
    }

    fn wanted_pool(&self, service: &Service) -> Result<Option<&'a AddressPool>, String> {
        let Some(name) = annotation(service, POOL) else {
            return Ok(None);
        };
        let found = self.pools.iter().find(|pool| pool.name == name);
        let missing = || format!("there is no pool \"{name}\"; there is {}", self.names());
        found.map(Some).ok_or_else(missing)
    }

    fn names(&self) -> String {
        let names: Vec<_> = self.pools.iter().map(|pool| pool.name.as_str()).collect();
        names.join(", ")
    }

    fn pool_of(&self, ip: IpAddr) -> Option<&'a AddressPool> {
        let holds = |(first, last): &(IpAddr, IpAddr)| {
            first.is_ipv4() == ip.is_ipv4() && (*first..=*last).contains(&ip)
        };
        self.pools
            .iter()
            .find(|pool| pool.ranges.iter().any(holds) && !(pool.avoid_buggy_ips && is_buggy(ip)))
    }

    /// Whether a Service may have an address beside those who have it.
    fn may_have(&self, service: &Service, ip: IpAddr) -> Result<(), String> {
        let key = annotation(service, SHARED);
        for (_, other) in self.given.iter().filter(|(given, _)| *given == ip) {
            let name = &other.name;
            let Some(key) = key else {
                return Err(format!("address {ip} belongs to Service {name}"));
            };
            match annotation(other, SHARED) {
                Some(theirs) if theirs == key => {}
                Some(theirs) => {
                    return Err(format!(
                        "address {ip} is shared by Service {name} under another key (\"{theirs}\", not \"{key}\")"
                    ));
                }
                None => {
                    return Err(format!(
                        "address {ip} belongs to Service {name}, which shares it with nobody"
                    ));
                }
            }
            let clash = service.ports.iter().find(|port| {
                let same = |theirs: &&crate::model::ServicePort| {
                    (theirs.port, theirs.protocol) == (port.port, port.protocol)
                };
                other.ports.iter().any(|theirs| same(&theirs))
            });
            if let Some(clash) = clash {
                return Err(format!(
                    "port {} of address {ip} belongs to Service {name}, with which it is shared",
                    clash.port
                ));
            }
            let cluster =
                |service: &Service| service.external_traffic_policy == TrafficPolicy::Cluster;
            let same_pods = service.selector.is_some() && service.selector == other.selector;
            let may = same_pods || cluster(service) && cluster(other);
            if !may {
                return Err(format!(
                    "address {ip} cannot be shared with Service {name}: externalTrafficPolicy Local needs the same pods"
                ));
            }
        }
        Ok(())
    }
}

/// The address that a Service asks for; of several, the first.
fn asked(service: &Service) -> Result<Option<IpAddr>, String> {
    let Some(text) = annotation(service, ADDRESSES) else {
        return Ok(service.load_balancer_ip);
    };
    let first = text.split(',').next().unwrap_or_default().trim();
    let wrong = |_| format!("\"{first}\" in metallb.io/{ADDRESSES} is not an IP address");
    first.parse().map(Some).map_err(wrong)
}

/// All addresses of a pool, one after the other.
fn addresses(pool: &AddressPool) -> impl Iterator<Item = IpAddr> {
    let all = pool
        .ranges
        .iter()
        .flat_map(|range| -> Box<dyn Iterator<Item = IpAddr>> {
            match *range {
                (IpAddr::V4(first), IpAddr::V4(last)) => {
                    let bits = first.to_bits()..=last.to_bits();
                    Box::new(bits.map(|bits| Ipv4Addr::from_bits(bits).into()))
                }
                (IpAddr::V6(first), IpAddr::V6(last)) => {
                    let bits = first.to_bits()..=last.to_bits();
                    Box::new(bits.map(|bits| Ipv6Addr::from_bits(bits).into()))
                }
                _ => Box::new(std::iter::empty()),
            }
        });
    let avoid = pool.avoid_buggy_ips;
    all.filter(move |ip| !(avoid && is_buggy(*ip)))
}

/// Some routers take these for a network or a broadcast address wherever the border is.
fn is_buggy(ip: IpAddr) -> bool {
    matches!(ip, IpAddr::V4(ip) if matches!(ip.octets()[3], 0 | 255))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{AppProtocol, Protocol, ServicePort};

    fn pool(name: &str, first: &str, last: &str) -> AddressPool {
        AddressPool {
            name: name.to_owned(),
            ranges: vec![(first.parse().unwrap(), last.parse().unwrap())],
            auto_assign: true,
            avoid_buggy_ips: false,
        }
    }

    fn service(name: &str, port: u16, annotations: &[(&str, &str)]) -> Service {
        let annotations = annotations.iter();
        Service {
            name: name.to_owned(),
            ports: vec![ServicePort {
                name: String::new(),
                protocol: Protocol::Tcp,
                port,
                target_port: port,
                node_port: None,
                app_protocol: AppProtocol::Tcp,
                listen: None,
            }],
            annotations: annotations
                .map(|(key, value)| (format!("metallb.io/{key}"), (*value).to_owned()))
                .collect(),
            ..Service::default()
        }
    }

    /// What each Service gets: its address, or the reason.
    fn told(pools: &[AddressPool], services: &[Service]) -> Vec<String> {
        let outcomes = assign(pools, services.iter(), &BTreeMap::new());
        let services = services.iter();
        services
            .map(|service| match &outcomes[&service.name] {
                Ok(assignment) => assignment.address.clone(),
                Err(reason) => reason.clone(),
            })
            .collect()
    }

    #[test]
    fn a_pool_gives_what_it_has() {
        let pools = [pool("default", "192.168.1.240", "192.168.1.241")];
        let services = ["a", "b", "c"].map(|name| service(name, 80, &[]));
        assert_eq!(
            told(&pools, &services),
            [
                "192.168.1.240",
                "192.168.1.241",
                "no address left in pool default: all of them are taken"
            ]
        );
        assert_eq!(
            told(&[], &services[..1]),
            ["no address: [load_balancer] pools is empty"]
        );
    }

    #[test]
    fn what_is_asked_for_is_given_if_it_can_be() {
        let mut by_hand = pool("by-hand", "10.0.0.0", "10.0.0.3");
        by_hand.auto_assign = false;
        by_hand.avoid_buggy_ips = true;
        let pools = [pool("default", "192.168.1.240", "192.168.1.240"), by_hand];
        let services = [
            service("a", 80, &[("loadBalancerIPs", "10.0.0.2")]),
            service("b", 80, &[("loadBalancerIPs", "10.0.0.2")]),
            service("c", 80, &[("address-pool", "by-hand")]),
            service("d", 80, &[("address-pool", "none")]),
            service("e", 80, &[("loadBalancerIPs", "172.16.0.1")]),
            service("f", 80, &[("loadBalancerIPs", "10.0.0.0")]),
            service("g", 80, &[("loadBalancerIPs", "here")]),
        ];
        assert_eq!(
            told(&pools, &services),
            [
                "10.0.0.2",
                "address 10.0.0.2 belongs to Service a",
                "10.0.0.1",
                "there is no pool \"none\"; there is default, by-hand",
                "address 172.16.0.1 is not in pool default, by-hand",
                "address 10.0.0.0 is not in pool default, by-hand",
                "\"here\" in metallb.io/loadBalancerIPs is not an IP address",
            ]
        );
        let unasked = [service("a", 80, &[])];
        let reason = told(&pools[1..], &unasked).remove(0);
        assert!(reason.starts_with("no pool gives out"), "{reason}");
    }

    #[test]
    fn an_address_is_shared_by_equal_keys_with_different_ports() {
        let pools = [pool("default", "192.168.1.240", "192.168.1.240")];
        let ask = |key| {
            [
                ("loadBalancerIPs", "192.168.1.240"),
                ("allow-shared-ip", key),
            ]
        };
        let mut local = service("f", 85, &ask("x"));
        local.external_traffic_policy = TrafficPolicy::Local;
        let services = [
            service("a", 80, &ask("x")),
            service("b", 81, &ask("x")),
            service("c", 81, &ask("x")),
            service("d", 82, &ask("y")),
            service("e", 83, &[("loadBalancerIPs", "192.168.1.240")]),
            local,
        ];
        let told = told(&pools, &services);
        assert_eq!(told[..2], ["192.168.1.240", "192.168.1.240"]);
        for (told, expected) in told[2..].iter().zip([
            "port 81 of address",
            "under another key (\"x\", not \"y\")",
            "belongs to Service a",
            "Local needs the same pods",
        ]) {
            assert!(told.contains(expected), "{told}");
        }
    }

    #[test]
    fn who_has_an_address_keeps_it() {
        let pools = [pool("default", "192.168.1.240", "192.168.1.249")];
        let services = [service("a", 80, &[]), service("b", 80, &[])];
        let first = assign(&pools, services.iter(), &BTreeMap::new());
        let held: BTreeMap<_, _> = first
            .into_iter()
            .map(|(name, given)| (name, given.unwrap()))
            .collect();
        let again = assign(&pools, services[1..].iter(), &held);
        let address = &again["b"].as_ref().unwrap().address;
        assert_eq!(address, "192.168.1.241");
    }
}
