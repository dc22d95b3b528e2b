//! The inside of a resource: the `data` that a collector would have found.

use bson::{Document, doc};
use fastrand::Rng;

use super::catalog::{Offer, Place, Shape};

const LINUX: [&str; 5] = [
    "Ubuntu 22.04",
    "Ubuntu 24.04",
    "Amazon Linux 2023",
    "Debian 12",
    "Rocky Linux 9",
];
const WINDOWS: [&str; 2] = ["Windows Server 2019", "Windows Server 2022"];
const ENGINES: [(&str, &str); 4] = [
    ("mysql", "8.0.39"),
    ("postgres", "16.4"),
    ("mariadb", "10.11.9"),
    ("sqlserver", "2022"),
];
const RUNTIMES: [&str; 4] = ["python3.12", "nodejs20", "java21", "go1.22"];

/// What was found, and the addresses that it has.
pub(crate) struct Details {
    pub(crate) data: Document,
    pub(crate) ip_addresses: Vec<String>,
}

/// Makes up the inside of one resource. The same random numbers make the same inside.
pub(crate) fn make(offer: &Offer, place: &Place, size: &str, id: &str, rng: &mut Rng) -> Details {
    let mut ip_addresses = Vec::new();
    let data = match offer.shape {
        Shape::Server => {
            ip_addresses = addresses(rng);
            server(place, size, id, &ip_addresses, rng)
        }
        Shape::Database => database(size, rng),
        Shape::Bucket => doc! {
            "object_count": rng.i32(0..2_000_000),
            "size_bytes": rng.i64(0..4_000_000_000_000),
            "versioning": rng.bool(),
            "encryption": "AES256",
            "public": rng.u8(..) < 20,
        },
        Shape::Disk => doc! {
            "size_gb": one_of(rng, &[20, 50, 100, 200, 500, 1000]),
            "type": size,
            "state": if rng.u8(..) < 220 { "in-use" } else { "available" },
            "encrypted": rng.bool(),
            "iops": 3000,
        },
        Shape::Network => doc! {
            "cidr": format!("10.{}.0.0/16", rng.u8(..)),
            "subnet_count": rng.i32(1..9),
            "is_default": rng.u8(..) < 60,
        },
        Shape::LoadBalancer => {
            ip_addresses.push(public_address(rng));
            doc! {
                "type": size,
                "scheme": if rng.bool() { "internet-facing" } else { "internal" },
                "listeners": [{ "protocol": "HTTPS", "port": 443 }, { "protocol": "HTTP", "port": 80 }],
                "target_count": rng.i32(1..12),
            }
        }
        Shape::Function => doc! {
            "runtime": one_of(rng, &RUNTIMES),
            "memory_mb": one_of(rng, &[128, 256, 512, 1024]),
            "timeout_seconds": one_of(rng, &[3, 30, 60, 900]),
            "invocations_per_day": rng.i32(0..250_000),
        },
        Shape::Cluster => doc! {
            "version": one_of(rng, &["1.30", "1.31", "1.32"]),
            "node_count": rng.i32(2..24),
            "status": "ACTIVE",
            "endpoint": format!("https://{id}.{}.example.net", place.code),
        },
        Shape::Plain => doc! { "status": "Deployed", "origins": rng.i32(1..4) },
    };
    Details { data, ip_addresses }
}

fn server(place: &Place, size: &str, id: &str, ip_addresses: &[String], rng: &mut Rng) -> Document {
    let windows = rng.u8(..) < 50;
    let system = if windows {
        one_of(rng, &WINDOWS)
    } else {
        one_of(rng, &LINUX)
    };
    let state = match rng.u8(..) {
        0..=209 => "RUNNING",
        210..=245 => "STOPPED",
        _ => "PENDING",
    };
    let cores = one_of(rng, &[1, 2, 4, 8, 16]);
    doc! {
        "compute": {
            "instance_id": id,
            "instance_name": id,
            "instance_state": state,
            "instance_type": size,
            "az": format!("{}{}", place.code, one_of(rng, &["a", "b", "c"])),
            "keypair": "ops",
            "security_groups": [{ "name": "default" }, { "name": "web" }],
        },
        "os": {
            "os_type": if windows { "WINDOWS" } else { "LINUX" },
            "os_distro": system.split(' ').next().unwrap_or_default().to_lowercase(),
            "os_arch": "x86_64",
            "details": system,
        },
        "hardware": { "core": cores, "memory": cores * one_of(rng, &[2, 4, 8]) },
        "nics": [{ "device_index": 0, "ip_addresses": ip_addresses.first() }],
        "disks": [{ "device": "/dev/sda1", "size": one_of(rng, &[20, 50, 100]) }],
        "ip_addresses": ip_addresses.to_vec(),
        "launched_at": format!("2025-{:02}-{:02}T0{}:00:00.000Z", rng.u8(1..13), rng.u8(1..29), rng.u8(..10)),
    }
}

fn database(size: &str, rng: &mut Rng) -> Document {
    let (engine, version) = one_of(rng, &ENGINES);
    doc! {
        "engine": engine,
        "engine_version": version,
        "instance_class": size,
        "storage_gb": one_of(rng, &[20, 100, 250, 500]),
        "multi_az": rng.bool(),
        "status": if rng.u8(..) < 235 { "available" } else { "stopped" },
        "port": if engine == "postgres" { 5432 } else { 3306 },
    }
}

/// A private address, and for some a public one.
fn addresses(rng: &mut Rng) -> Vec<String> {
    let mut addresses = vec![format!(
        "10.{}.{}.{}",
        rng.u8(..),
        rng.u8(..),
        rng.u8(4..250)
    )];
    if rng.u8(..) < 90 {
        addresses.push(public_address(rng));
    }
    addresses
}

/// From the ranges that are set aside for documentation, so nobody's machine is named.
fn public_address(rng: &mut Rng) -> String {
    let network = one_of(rng, &["192.0.2", "198.51.100", "203.0.113"]);
    format!("{network}.{}", rng.u8(1..255))
}

fn one_of<T: Copy>(rng: &mut Rng, of: &[T]) -> T {
    of[rng.usize(..of.len())]
}
