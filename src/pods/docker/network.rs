//! The pod network: a subnet whose first half is for pods and whose second half is for ClusterIPs,
//! as K3s has 10.42.0.0/16 and 10.43.0.0/16.

use std::fmt;
use std::net::Ipv4Addr;

use bollard::models::{Ipam, IpamConfig, NetworkCreateRequest};

use super::connect::{Daemon, Wanting, status};
use super::leftovers::Labels;
use crate::pods::{PodError, PodNetwork};

/// Widest and narrowest subnet: a /22 still has 512 addresses in each half.
const PREFIXES: std::ops::RangeInclusive<u8> = 15..=22;

/// An IPv4 range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Subnet {
    first: u32,
    prefix: u8,
}

impl Subnet {
    pub(super) fn new(address: Ipv4Addr, prefix: u8) -> Self {
        let first = address.to_bits() & mask(prefix);
        Self { first, prefix }
    }

    /// `10.42.0.0/15`, with nothing set after the prefix.
    fn parse(text: &str) -> Option<Self> {
        let (address, prefix) = text.split_once('/')?;
        let address: Ipv4Addr = address.parse().ok()?;
        let prefix: u8 = prefix.parse().ok().filter(|prefix| *prefix <= 32)?;
        let subnet = Self::new(address, prefix);
        (subnet.first == address.to_bits()).then_some(subnet)
    }

    /// Ranges to try: the configured one alone, or K3s' own and then its neighbours, for further
    /// labs on one machine.
    pub(super) fn candidates(configured: Option<&str>) -> Result<Vec<Self>, PodError> {
        let Some(text) = configured else {
            let ten = (42..=62)
                .step_by(2)
                .map(|second| Ipv4Addr::new(10, second, 0, 0));
            // For a host that routes all of 10.0.0.0/8 somewhere (a VPN).
            let private = (24..=30)
                .step_by(2)
                .map(|second| Ipv4Addr::new(172, second, 0, 0));
            return Ok(ten
                .chain(private)
                .map(|first| Self::new(first, 15))
                .collect());
        };
        match Self::parse(text) {
            Some(subnet) if PREFIXES.contains(&subnet.prefix) => Ok(vec![subnet]),
            _ => Err(PodError::BadSubnet {
                subnet: text.to_owned(),
            }),
        }
    }

    fn size(self) -> u64 {
        1 << (32 - u32::from(self.prefix))
    }

    fn overlaps(self, other: Self) -> bool {
        let prefix = self.prefix.min(other.prefix);
        self.first & mask(prefix) == other.first & mask(prefix)
    }

    /// The host's address on the bridge.
    pub(super) fn gateway(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.first + 1)
    }

    /// The half that pods get their addresses from.
    fn pods(self) -> Self {
        Self {
            first: self.first,
            prefix: self.prefix + 1,
        }
    }

    /// The half for ClusterIPs.
    pub(super) fn pod_network(self) -> PodNetwork {
        let size = u32::try_from(self.pods().size()).unwrap_or(u32::MAX);
        let cluster_ips = self.first + size;
        PodNetwork {
            cluster_ips: Ipv4Addr::from_bits(cluster_ips),
            size,
            dns: Ipv4Addr::from_bits(cluster_ips + PodNetwork::DNS_OFFSET),
            dns_port: 53,
        }
    }
}

impl fmt::Display for Subnet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "{}/{}",
            Ipv4Addr::from_bits(self.first),
            self.prefix
        )
    }
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

/// Creates the network in the first free range. `fixed`: the one range was configured.
pub(super) async fn create(
    daemon: &Daemon,
    labels: &Labels,
    candidates: Vec<Subnet>,
    fixed: bool,
) -> Result<(String, Subnet), PodError> {
    let name = labels.network_name();
    let mut taken = in_use(daemon).await?;
    // Routes of this host say nothing about a daemon elsewhere.
    if daemon.is_local() {
        taken.extend(host_routes());
    }
    let mut refusal = None;
    for subnet in candidates {
        if let Some((_, holder)) = taken.iter().find(|(other, _)| other.overlaps(subnet)) {
            refusal.get_or_insert_with(|| in_use_error(subnet, holder));
            continue;
        }
        match daemon
            .docker
            .create_network(request(&name, labels, subnet))
            .await
        {
            Ok(_) => return Ok((name, subnet)),
            // Another lab was faster, or the daemon knows of something that this host does not.
            Err(error) if status(&error) == Some(403) || error.to_string().contains("overlap") => {
                refusal.get_or_insert_with(|| in_use_error(subnet, &error.to_string()));
            }
            Err(error) => return Err(error).wanting(|| format!("create the network {name:?}")),
        }
    }
    let refused = refusal.unwrap_or(PodError::NotPrepared);
    if !fixed {
        tracing::warn!("no default range for the pod network is free");
    }
    Err(refused)
}

fn in_use_error(subnet: Subnet, holder: &str) -> PodError {
    PodError::SubnetInUse {
        subnet: subnet.to_string(),
        holder: holder.to_owned(),
    }
}

fn request(name: &str, labels: &Labels, subnet: Subnet) -> NetworkCreateRequest {
    NetworkCreateRequest {
        name: name.to_owned(),
        driver: Some("bridge".to_owned()),
        labels: Some(labels.role("network")),
        ipam: Some(Ipam {
            config: Some(vec![IpamConfig {
                subnet: Some(subnet.to_string()),
                ip_range: Some(subnet.pods().to_string()),
                gateway: Some(subnet.gateway().to_string()),
                ..IpamConfig::default()
            }]),
            ..Ipam::default()
        }),
        ..NetworkCreateRequest::default()
    }
}

/// Ranges of the daemon's networks.
async fn in_use(daemon: &Daemon) -> Result<Vec<(Subnet, String)>, PodError> {
    let networks = daemon.docker.list_networks(None).await;
    let networks = networks.wanting(|| "list the networks".to_owned())?;
    let mut found = Vec::new();
    for network in networks {
        let name = network.name.unwrap_or_default();
        let ranges = network
            .ipam
            .and_then(|ipam| ipam.config)
            .unwrap_or_default();
        for range in ranges {
            if let Some(subnet) = range.subnet.as_deref().and_then(Subnet::parse) {
                found.push((subnet, format!("the Docker network {name:?} ({subnet})")));
            }
        }
    }
    Ok(found)
}

/// Routes of this host, the default one left out. Empty where there is no `/proc`.
fn host_routes() -> Vec<(Subnet, String)> {
    let table = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    parse_routes(&table)
}

/// `/proc/net/route`: interface, destination, …, mask in column 8; addresses in host byte order.
fn parse_routes(table: &str) -> Vec<(Subnet, String)> {
    let address = |hex: &str| u32::from_str_radix(hex, 16).ok().map(u32::from_be);
    let route = |line: &str| {
        let columns: Vec<_> = line.split_whitespace().collect();
        let destination = address(columns.get(1)?)?;
        let prefix = u8::try_from(address(columns.get(7)?)?.count_ones()).ok()?;
        let subnet = Subnet::new(Ipv4Addr::from_bits(destination), prefix);
        (prefix > 0).then(|| (subnet, format!("the route {subnet} of {}", columns[0])))
    };
    table.lines().skip(1).filter_map(route).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_what_k3s_has() {
        let subnet = Subnet::candidates(None).unwrap()[0];
        assert_eq!(subnet.to_string(), "10.42.0.0/15");
        assert_eq!(subnet.pods().to_string(), "10.42.0.0/16");
        assert_eq!(subnet.gateway().to_string(), "10.42.0.1");
        let network = subnet.pod_network();
        assert_eq!(network.dns.to_string(), "10.43.0.10");
        assert_eq!(network.cluster_ip(0).unwrap().to_string(), "10.43.0.11");
    }

    #[test]
    fn a_subnet_that_cannot_be_used_names_its_key() {
        for bad in [
            "",
            "10.42.0.0",
            "10.42.0.1/15",
            "10.42.0.0/8",
            "10.42.0.0/23",
            "::/15",
            "x/15",
            "10.42.0.0/99",
        ] {
            let error = Subnet::candidates(Some(bad)).unwrap_err();
            assert!(error.to_string().contains("[docker] subnet"), "{error}");
        }
        assert_eq!(Subnet::candidates(Some("192.168.4.0/22")).unwrap().len(), 1);
    }

    #[test]
    fn overlap_is_seen_in_both_directions() {
        let subnet = |text| Subnet::parse(text).unwrap();
        assert!(subnet("10.42.0.0/15").overlaps(subnet("10.0.0.0/8")));
        assert!(subnet("10.0.0.0/8").overlaps(subnet("10.42.0.0/15")));
        assert!(subnet("10.42.0.0/15").overlaps(subnet("10.43.7.0/24")));
        assert!(!subnet("10.42.0.0/15").overlaps(subnet("10.44.0.0/15")));
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn routes_are_read_without_the_default_one() {
        let table = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\n\
            eth0\t00000000\t0100A8C0\t0003\t0\t0\t0\t00000000\n\
            tun0\t00002A0A\t00000000\t0001\t0\t0\t0\t0000FFFF\n";
        let routes = parse_routes(table);
        assert_eq!(routes.len(), 1);
        assert_eq!(routes[0].1, "the route 10.42.0.0/16 of tun0");
    }
}
