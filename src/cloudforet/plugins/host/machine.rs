//! A machine as resources of the provider `host`: one place, five kinds, and what there is of each.

use bson::{Bson, Document, doc};

use super::resource;
use crate::cloudforet::proto::inventory::plugin::ResourceInfo;
use crate::model::{Container, Disk, Interface, Machine};

const PROVIDER: &str = "host";
/// There is one place: here.
const REGION: &str = "local";

/// A kind of resource.
struct Kind {
    group: &'static str,
    name: &'static str,
    label: &'static str,
    primary: bool,
}

const SERVER: Kind = kind("Machine", "Server", "Compute", true);
const DISK: Kind = kind("Machine", "Disk", "Storage", false);
const INTERFACE: Kind = kind("Machine", "Interface", "Networking", false);
const PROCESSES: Kind = kind("Machine", "Processes", "Compute", false);
const CONTAINER: Kind = kind("Docker", "Container", "Container", true);

const fn kind(group: &'static str, name: &'static str, label: &'static str, primary: bool) -> Kind {
    Kind {
        group,
        name,
        label,
        primary,
    }
}

/// Everything; kinds and place first.
pub(super) fn resources(machine: &Machine) -> Vec<ResourceInfo> {
    let kinds = [SERVER, DISK, INTERFACE, PROCESSES, CONTAINER];
    let mut all: Vec<ResourceInfo> = kinds.iter().map(cloud_service_type).collect();
    all.push(resource::region(&doc! {
        "name": "This machine",
        "region_code": REGION,
        "provider": PROVIDER,
        "tags": {},
    }));
    all.push(server(machine));
    all.extend(machine.disks.iter().map(|disk| self::disk(machine, disk)));
    let interfaces = machine.interfaces.iter();
    all.extend(interfaces.map(|interface| self::interface(machine, interface)));
    all.push(processes(machine));
    let containers = machine.containers.iter().flatten();
    all.extend(containers.map(|container| self::container(machine, container)));
    all
}

fn cloud_service_type(kind: &Kind) -> ResourceInfo {
    resource::cloud_service_type(&doc! {
        "name": kind.name,
        "group": kind.group,
        "provider": PROVIDER,
        "service_code": kind.group,
        "is_primary": kind.primary,
        "is_major": kind.primary,
        "labels": [kind.label],
        "tags": {},
    })
}

/// `rest` has what not every resource has.
fn cloud_service(
    kind: &Kind,
    machine: &Machine,
    resource_id: String,
    name: &str,
    rest: Document,
) -> ResourceInfo {
    let mut resource = doc! {
        "name": name,
        "provider": PROVIDER,
        "cloud_service_group": kind.group,
        "cloud_service_type": kind.name,
        "account": &machine.name,
        "region_code": REGION,
        "reference": { "resource_id": resource_id },
        "tags": {},
    };
    resource.extend(rest);
    resource::cloud_service(&resource)
}

fn server(machine: &Machine) -> ResourceInfo {
    let id = format!("host/{}", machine.name);
    let addresses = machine.interfaces.iter().flat_map(addresses);
    let rest = doc! {
        "instance_type": &machine.processor,
        "instance_size": float(machine.memory),
        "ip_addresses": addresses.collect::<Vec<_>>(),
        "data": {
            "os": { "details": &machine.os, "os_arch": &machine.architecture, "kernel": &machine.kernel },
            "hardware": {
                "core": i64::from(machine.cores),
                "memory": float(machine.memory),
                "memory_available": float(machine.memory_available),
                "processor": &machine.processor,
            },
            "uptime_seconds": float(machine.uptime),
        },
    };
    cloud_service(&SERVER, machine, id, &machine.name, rest)
}

fn disk(machine: &Machine, disk: &Disk) -> ResourceInfo {
    // A device may be mounted twice, a place has one device.
    let id = format!("host/{}/disk{}", machine.name, disk.mount);
    let used = disk.size.saturating_sub(disk.available);
    let rest = doc! {
        "instance_type": &disk.file_system,
        "instance_size": float(disk.size),
        "data": {
            "device": &disk.name,
            "mount": &disk.mount,
            "file_system": &disk.file_system,
            "size": float(disk.size),
            "available": float(disk.available),
            "used": float(used),
        },
    };
    cloud_service(&DISK, machine, id, &disk.mount, rest)
}

fn interface(machine: &Machine, interface: &Interface) -> ResourceInfo {
    let id = format!("host/{}/interface/{}", machine.name, interface.name);
    let rest = doc! {
        "ip_addresses": addresses(interface).collect::<Vec<_>>(),
        "data": {
            "mac": &interface.mac,
            "addresses": interface.addresses.clone(),
            "received": float(interface.received),
            "sent": float(interface.sent),
        },
    };
    cloud_service(&INTERFACE, machine, id, &interface.name, rest)
}

fn processes(machine: &Machine) -> ResourceInfo {
    let id = format!("host/{}/processes", machine.name);
    let largest: Vec<Document> = machine
        .processes
        .largest
        .iter()
        .map(|(name, bytes)| doc! { "name": name, "memory": float(*bytes) })
        .collect();
    let count = machine.processes.count;
    let rest = doc! {
        "instance_size": f64::from(count),
        "data": { "count": i64::from(count), "largest": largest },
    };
    cloud_service(&PROCESSES, machine, id, "processes", rest)
}

fn container(machine: &Machine, container: &Container) -> ResourceInfo {
    let id = format!("docker/{}", container.id);
    let rest = doc! {
        "instance_type": &container.image,
        "ip_addresses": container.addresses.clone(),
        "data": { "id": &container.id, "image": &container.image, "state": &container.state },
    };
    cloud_service(&CONTAINER, machine, id, &container.name, rest)
}

/// Without prefix lengths.
fn addresses(interface: &Interface) -> impl Iterator<Item = String> {
    interface.addresses.iter().map(|address| {
        let (address, _) = address.split_once('/').unwrap_or((address, ""));
        address.to_owned()
    })
}

#[expect(clippy::cast_precision_loss, reason = "the API has no other number")]
fn float(number: u64) -> Bson {
    Bson::Double(number as f64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::cloudforet::query::value::to_document;

    #[test]
    fn a_machine_is_told_part_by_part_with_ids_that_differ() {
        let named = |name: &str| Interface {
            name: name.to_owned(),
            addresses: vec!["10.0.0.7/24".to_owned()],
            ..Interface::default()
        };
        let mounted = |mount: &str| Disk {
            name: "/dev/vda1".to_owned(),
            mount: mount.to_owned(),
            size: 10,
            available: 4,
            ..Disk::default()
        };
        let machine = Machine {
            name: "laptop".to_owned(),
            disks: vec![mounted("/"), mounted("/data")],
            interfaces: vec![named("lo"), named("eth0")],
            containers: Some(vec![Container {
                id: "abc".to_owned(),
                ..Container::default()
            }]),
            ..Machine::default()
        };
        let told = resources(&machine);
        let of_type = |wanted: &str| {
            let all = told.iter().filter(|one| one.resource_type == wanted);
            all.count()
        };
        assert_eq!(of_type(resource::CLOUD_SERVICE_TYPE), 5);
        assert_eq!(of_type(resource::REGION), 1);
        let ids: BTreeSet<String> = told
            .iter()
            .filter(|one| one.resource_type == resource::CLOUD_SERVICE)
            .map(|one| {
                let resource = to_document(one.resource.as_ref().unwrap());
                let reference = resource.get_document("reference").unwrap();
                reference.get_str("resource_id").unwrap().to_owned()
            })
            .collect();
        let expected = [
            "docker/abc",
            "host/laptop",
            "host/laptop/disk/",
            "host/laptop/disk/data",
            "host/laptop/interface/eth0",
            "host/laptop/interface/lo",
            "host/laptop/processes",
        ];
        assert!(ids.iter().map(String::as_str).eq(expected), "{ids:?}");
    }
}
