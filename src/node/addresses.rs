//! Which ClusterIPs the interface has, and which it should have.

use std::collections::BTreeSet;
use std::io;
use std::net::IpAddr;

#[cfg(target_os = "linux")]
use super::netlink::Interface;
use super::{InterfaceChoice, NodeError};

/// The addresses that this node has added to its interface.
#[derive(Debug)]
pub(super) struct Addresses {
    /// `None`: nothing is to be added.
    interface: Option<Interface>,
    added: BTreeSet<IpAddr>,
}

impl Addresses {
    pub(super) fn on(choice: &InterfaceChoice) -> Result<Self, NodeError> {
        let found = match choice {
            InterfaceChoice::Holding(address) => Interface::holding(*address).map(Some),
            InterfaceChoice::Named(name) => Interface::named(name).map(Some),
            InterfaceChoice::Untouched => Ok(None),
        };
        let interface = found.map_err(|source| NodeError::Interface {
            choice: match choice {
                InterfaceChoice::Holding(address) => format!("the one that has {address}"),
                InterfaceChoice::Named(name) => name.clone(),
                InterfaceChoice::Untouched => String::new(),
            },
            source,
        })?;
        Ok(Self {
            interface,
            added: BTreeSet::new(),
        })
    }

    pub(super) fn add(&mut self, address: IpAddr) -> io::Result<()> {
        if let Some(interface) = &self.interface
            && !self.added.contains(&address)
        {
            interface.add(address)?;
            self.added.insert(address);
        }
        Ok(())
    }

    /// Adds what is missing and returns what could not be added, in words.
    pub(super) fn add_all(&mut self, wanted: &BTreeSet<IpAddr>) -> Vec<String> {
        let problem = |(address, error)| format!("cannot add {address} to the interface: {error}");
        wanted
            .iter()
            .filter_map(|address| Some((address, self.add(*address).err()?)))
            .map(problem)
            .collect()
    }

    /// Removes what is no longer wanted.
    ///
    /// Lab: open connections to a ClusterIP that is removed stand still, where kube-proxy's would
    /// go on; the kernel delivers nothing to an address that is not there.
    pub(super) fn keep_only(&mut self, wanted: &BTreeSet<IpAddr>) {
        let Some(interface) = &self.interface else {
            return;
        };
        self.added.retain(|address| {
            let stays = wanted.contains(address);
            if !stays && let Err(error) = interface.remove(*address) {
                tracing::warn!(%address, %error, "cannot remove an address");
            }
            stays
        });
    }
}

/// Where there is no netlink there is no node but for tests on loopback.
#[cfg(not(target_os = "linux"))]
#[derive(Debug)]
struct Interface;

#[cfg(not(target_os = "linux"))]
impl Interface {
    fn holding(_: IpAddr) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn named(_: &str) -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn add(&self, _: IpAddr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    fn remove(&self, _: IpAddr) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
