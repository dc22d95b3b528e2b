//! Which address each Service of type LoadBalancer gets from its provider, or why it gets none.
//!
//! Pure. Lab: apart from ServiceLB's, no such address exists: it is what `status` shows, while
//! traffic arrives at the host ports.

mod cloud;
mod metallb;

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::model::{AddressPool, Provider, Service};

/// The name of the one node that a lab has, as providers speak of it.
pub const NODE: &str = "lab";

/// What a provider gives a Service.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// An address, or a host name where the provider gives names (AWS).
    pub address: String,
    /// The same as an address, where it is one.
    pub ip: Option<IpAddr>,
    /// How it came to it, in a few words.
    pub notes: Vec<String>,
}

/// Gives every one of the Services its address, or says why it has none. Who has one `before` keeps
/// it for as long as it is right; the others come in the order given.
pub fn assign<'a>(
    provider: Provider,
    pools: &[AddressPool],
    host: IpAddr,
    services: impl Iterator<Item = &'a Service> + Clone,
    before: &BTreeMap<String, Assignment>,
) -> BTreeMap<String, Result<Assignment, String>> {
    let had = |service: &&Service| before.contains_key(&service.name);
    let in_turn = services.clone().filter(had);
    let in_turn = in_turn.chain(services.filter(|service| !had(service)));
    if provider == Provider::MetalLb {
        return metallb::assign(pools, in_turn, before);
    }
    let mut given = BTreeMap::new();
    let mut taken = Vec::new();
    for service in in_turn {
        let assignment = match provider {
            Provider::ServiceLb | Provider::MetalLb => Assignment {
                address: host.to_string(),
                ip: Some(host),
                notes: Vec::new(),
            },
            Provider::AwsNlb | Provider::AwsAlb => cloud::name(provider, service),
            Provider::Gcp | Provider::Azure => {
                let assignment = cloud::address(provider, service, &taken);
                taken.extend(assignment.ip);
                assignment
            }
        };
        given.insert(service.name.clone(), Ok(assignment));
    }
    given
}
