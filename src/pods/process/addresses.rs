//! Loopback addresses of one lab: a block of 127.42.0.0/16 for pods and the same block of
//! 127.43.0.0/16 for ClusterIPs.
//!
//! A block is a /22: 64 labs on one machine, a thousand pods each. It is claimed by a listener
//! that the kernel closes with the process, however that ends; nothing is left to clean up.

use std::collections::HashSet;
use std::io;
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};

use crate::pods::{PodError, PodNetwork};

/// Pods live in 127.42.0.0/16, like K3s' 10.42.0.0/16.
const PODS: Ipv4Addr = Ipv4Addr::new(127, 42, 0, 0);
/// ClusterIPs live in 127.43.0.0/16, like K3s' 10.43.0.0/16.
const CLUSTER_IPS: Ipv4Addr = Ipv4Addr::new(127, 43, 0, 0);
/// A /22.
const BLOCK_SIZE: u32 = 1024;
/// Blocks in a /16.
const BLOCKS: u32 = 64;
/// The listener that claims a block is at its first address and this port: unprivileged, outside
/// the ephemeral ranges of Linux and Windows, and no well-known service's.
const CLAIM_PORT: u16 = 4243;
/// The first pod is at `.2`: `.1` holds the claim, like the gateway of a pod network.
const FIRST_POD: u32 = 2;

/// The addresses of one lab.
#[derive(Debug)]
pub struct AddressBlock {
    /// Block number; `None` where only 127.0.0.1 exists.
    block: Option<Claim>,
    used: HashSet<Ipv4Addr>,
    /// Addresses rotate, so that a new pod does not get the address of one that just ended.
    next: u32,
}

#[derive(Debug)]
struct Claim {
    number: u32,
    _listener: TcpListener,
}

impl AddressBlock {
    /// Claims a block: the first one for the lab called `lab`, one by name for others, and the
    /// next free one if that is taken.
    pub fn claim(lab: &str) -> Result<Self, PodError> {
        let preferred = if lab == super::DEFAULT_LAB {
            0
        } else {
            1 + fnv(lab) % (BLOCKS - 1)
        };
        for offset in 0..BLOCKS {
            let number = (preferred + offset) % BLOCKS;
            let address = Ipv4Addr::from_bits(PODS.to_bits() + number * BLOCK_SIZE + 1);
            match TcpListener::bind(SocketAddrV4::new(address, CLAIM_PORT)) {
                Ok(listener) => {
                    let claim = Claim {
                        number,
                        _listener: listener,
                    };
                    return Ok(Self::of(Some(claim)));
                }
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
                // The host has 127.0.0.1 only (macOS): every listener gets its own port.
                Err(_) => return Ok(Self::of(None)),
            }
        }
        Err(PodError::NoAddress {
            what: "block of loopback addresses",
            whom: format!(
                "lab {lab:?} ({BLOCKS} labs run already, or something else listens on port {CLAIM_PORT} of every address)"
            ),
        })
    }

    fn of(block: Option<Claim>) -> Self {
        Self {
            block,
            used: HashSet::new(),
            next: FIRST_POD,
        }
    }

    /// Where ClusterIPs and DNS of this lab live.
    pub fn network(&self) -> PodNetwork {
        let Some(claim) = &self.block else {
            return PodNetwork {
                cluster_ips: Ipv4Addr::LOCALHOST,
                size: 1,
                dns: Ipv4Addr::LOCALHOST,
                dns_port: 0,
            };
        };
        let first = CLUSTER_IPS.to_bits() + claim.number * BLOCK_SIZE;
        PodNetwork {
            cluster_ips: Ipv4Addr::from_bits(first),
            size: BLOCK_SIZE,
            dns: Ipv4Addr::from_bits(first + PodNetwork::DNS_OFFSET),
            dns_port: 0,
        }
    }

    /// An address for a pod; `None` when all are in use.
    pub(super) fn take(&mut self) -> Option<Ipv4Addr> {
        let Some(claim) = &self.block else {
            return Some(Ipv4Addr::LOCALHOST);
        };
        let first = PODS.to_bits() + claim.number * BLOCK_SIZE;
        for _ in 0..BLOCK_SIZE {
            let offset = self.next;
            self.next = if offset + 2 < BLOCK_SIZE {
                offset + 1
            } else {
                FIRST_POD
            };
            let address = Ipv4Addr::from_bits(first + offset);
            // Legal addresses, but people take `.0` and `.255` for mistakes.
            if !matches!(address.octets()[3], 0 | 255) && self.used.insert(address) {
                return Some(address);
            }
        }
        None
    }

    /// Gives an address back.
    pub(super) fn free(&mut self, address: Ipv4Addr) {
        self.used.remove(&address);
    }
}

/// FNV-1a: stable over versions and machines, unlike the standard hasher.
fn fnv(text: &str) -> u32 {
    text.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_labs_get_different_blocks() {
        let one = AddressBlock::claim("addresses-test").unwrap();
        let two = AddressBlock::claim("addresses-test").unwrap();
        assert_ne!(one.network().cluster_ips, two.network().cluster_ips);
        let number = one.block.as_ref().unwrap().number;
        drop(one);
        let again = AddressBlock::claim("addresses-test").unwrap();
        assert_eq!(again.block.as_ref().unwrap().number, number);
    }

    #[test]
    fn addresses_rotate_and_skip_the_odd_ones() {
        let mut block = AddressBlock::claim("addresses-rotate").unwrap();
        let first = block.take().unwrap();
        block.free(first);
        assert_ne!(block.take().unwrap(), first, "not reused at once");
        let mut all = HashSet::new();
        while let Some(address) = block.take() {
            assert!(!matches!(address.octets()[3], 0 | 255));
            assert!(all.insert(address));
        }
        assert!(all.len() > 1000, "{}", all.len());
        block.free(first);
        assert!(all.contains(&first));
        assert_eq!(block.take(), Some(first));
    }
}
