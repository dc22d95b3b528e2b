//! The Docker network: pods in the lower half, ClusterIPs in the upper half.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Serialize, Serializer};

/// The smallest network in which both halves hold a lab: 2 × 126 addresses.
const LONGEST_PREFIX: u8 = 24;
/// 10.0.0.0/8 is the largest private network there is.
const SHORTEST_PREFIX: u8 = 8;

/// `docker.subnet`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SubnetChoice {
    /// K3s' own, or the next one that is free.
    Auto,
    /// This one or none.
    #[serde(untagged)]
    Fixed(Subnet),
}

/// An IPv4 network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Subnet {
    /// First address; all host bits are zero.
    pub address: Ipv4Addr,
    /// Bits of the network part, 8–24.
    pub prefix: u8,
}

impl fmt::Display for Subnet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for Subnet {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "must be \"auto\" or a private IPv4 network such as \"10.60.0.0/15\"";
        let (address, prefix) = text.split_once('/').ok_or(FORM)?;
        let address: Ipv4Addr = address.parse().map_err(|_| FORM)?;
        let prefix: u8 = prefix.parse().map_err(|_| FORM)?;
        if !(SHORTEST_PREFIX..=LONGEST_PREFIX).contains(&prefix) {
            return Err("must have a prefix of 8 to 24 bits");
        }
        if address.to_bits() << prefix != 0 {
            return Err("has bits set behind its prefix");
        }
        if !address.is_private() {
            return Err("must be a private network (10/8, 172.16/12 or 192.168/16)");
        }
        Ok(Self { address, prefix })
    }
}

impl Serialize for Subnet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_private_network_is_refused() {
        for bad in [
            "",
            "10.0.0.0",
            "10.1.0.0/8",
            "10.0.0.0/25",
            "8.0.0.0/8",
            "10.0.0.0/-1",
        ] {
            assert!(bad.parse::<Subnet>().is_err(), "{bad}");
        }
    }
}
