//! EndpointSlice of `discovery.k8s.io/v1`.

use super::super::section::Section;
use super::object;
use crate::model::{Conditions, Protocol};

/// The label that names the Service.
pub(super) const SERVICE_NAME: &str = "kubernetes.io/service-name";

/// What an EndpointSlice says.
#[derive(Debug, Default)]
pub(super) struct Slice {
    /// Name, protocol and number.
    pub(super) ports: Vec<(String, Protocol, u16)>,
    /// Address and conditions.
    pub(super) endpoints: Vec<(String, Conditions)>,
}

/// What is written where `addressType` is right.
const ADDRESS_TYPES: [(&str, AddressType); 3] = [
    ("IPv4", AddressType::Ipv4),
    ("IPv6", AddressType::Ipv6),
    ("FQDN", AddressType::Name),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum AddressType {
    Ipv4,
    Ipv6,
    Name,
}

/// Reads an EndpointSlice.
pub(super) fn read(object: &Section<'_>) -> Slice {
    let address_type = object.required("addressType", "write addressType: IPv4");
    let address_type = address_type.and_then(|field| field.choice(&ADDRESS_TYPES));
    let mut slice = Slice::default();
    for entry in object::sections(object, "ports") {
        let name = entry.field("name").and_then(|field| field.text());
        let protocol = super::service::protocol(&entry);
        entry.accept(&["appProtocol"]);
        let port = entry.required("port", "write port: 8080");
        if let (Some(port), Some(protocol)) = (port.and_then(|field| field.port()), protocol) {
            let name = name.unwrap_or_default().to_owned();
            slice.ports.push((name, protocol, port));
        }
        entry.finish();
    }
    object.required("endpoints", "write endpoints: [] for none");
    for entry in object::sections(object, "endpoints") {
        endpoint(&entry, address_type, &mut slice);
        entry.accept(&[
            "hostname",
            "nodeName",
            "zone",
            "hints",
            "targetRef",
            "deprecatedTopology",
        ]);
        entry.finish();
    }
    slice
}

fn endpoint(entry: &Section<'_>, address_type: Option<AddressType>, slice: &mut Slice) {
    let conditions = conditions(entry);
    let Some(field) = entry.required("addresses", "write addresses: [192.168.0.10]") else {
        return;
    };
    // They are addresses of one endpoint; kube-proxy takes the first.
    let addresses = field.texts();
    let Some((address, field)) = addresses.first() else {
        field.refuse("must name an address", "write addresses: [192.168.0.10]");
        return;
    };
    let right = match address_type {
        Some(AddressType::Ipv4) => address.parse::<std::net::Ipv4Addr>().is_ok(),
        Some(AddressType::Ipv6) => address.parse::<std::net::Ipv6Addr>().is_ok(),
        Some(AddressType::Name) => super::super::names::is_subdomain(address),
        None => return,
    };
    if right {
        slice.endpoints.push(((*address).to_owned(), conditions));
    } else {
        field.refuse(
            "is not of the slice's addressType",
            "write one of that type, or a slice for each type",
        );
    }
}

/// What is not said is ready, serves as it is ready, and does not terminate.
fn conditions(entry: &Section<'_>) -> Conditions {
    let Some(section) = entry.field("conditions").and_then(|field| field.section()) else {
        return Conditions {
            ready: true,
            serving: true,
            terminating: false,
        };
    };
    let ready = section.boolean("ready", true);
    let conditions = Conditions {
        ready,
        serving: section.boolean("serving", ready),
        terminating: section.boolean("terminating", false),
    };
    section.finish();
    conditions
}
