//! Which port a pod can have on this host.
//!
//! A port is tried by binding it for a moment. Somebody else may take it before the pod does; the
//! pod then ends with "address in use" and is started again, with another port.

use std::collections::HashSet;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};

/// Tries for a port that nobody else here holds; the kernel picks each at random.
const ATTEMPTS: usize = 50;
/// Added to a privileged port that an ordinary user cannot have: 80 becomes 8080.
const UNPRIVILEGED: u16 = 8000;

/// Ports that were given to commands which bind the wildcard address. Such a port is taken on
/// every address of the host, the pods' own included.
#[derive(Debug, Default)]
pub(super) struct WildcardPorts {
    used: HashSet<u16>,
    /// Ports of templates: a wildcard listener there would keep every later pod from its port.
    reserved: HashSet<u16>,
}

impl WildcardPorts {
    /// Keeps these ports from being given away.
    pub(super) fn reserve(&mut self, ports: &[u16]) {
        self.reserved.extend(ports);
    }

    /// A port that is free on all addresses, IPv4 and IPv6.
    pub(super) fn take(&mut self) -> Option<u16> {
        (0..ATTEMPTS).find_map(|_| {
            let port = free_port(IpAddr::V4(Ipv4Addr::UNSPECIFIED)).ok()?;
            let v6 = TcpListener::bind((Ipv6Addr::UNSPECIFIED, port));
            // A host without IPv6 cannot bind it at all, which is no conflict.
            if v6.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse) {
                return None;
            }
            (!self.reserved.contains(&port) && self.used.insert(port)).then_some(port)
        })
    }

    /// Gives a port back.
    pub(super) fn free(&mut self, port: u16) {
        self.used.remove(&port);
    }
}

/// The socket for `port` of a pod at `ip`: the port itself if it can be bound, else one nearby.
pub(super) fn listen_address(ip: Ipv4Addr, port: u16) -> Option<SocketAddr> {
    let ip = IpAddr::V4(ip);
    let wanted = |port| TcpListener::bind((ip, port)).is_ok().then_some(port);
    // With only one address for all pods, the template's port would go to whichever comes first.
    let own = if ip == IpAddr::V4(Ipv4Addr::LOCALHOST) {
        None
    } else {
        wanted(port).or_else(|| {
            let unprivileged = port.checked_add(UNPRIVILEGED)?;
            (port < 1024).then(|| wanted(unprivileged)).flatten()
        })
    };
    let port = own.or_else(|| free_port(ip).ok())?;
    Some(SocketAddr::new(ip, port))
}

fn free_port(ip: IpAddr) -> io::Result<u16> {
    TcpListener::bind((ip, 0))?
        .local_addr()
        .map(|address| address.port())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_falls_back_to_another() {
        let ip = Ipv4Addr::new(127, 44, 0, 1);
        let holder = TcpListener::bind((ip, 0)).unwrap();
        let taken = holder.local_addr().unwrap().port();
        let other = listen_address(ip, taken).unwrap();
        assert_ne!(other.port(), taken);
        let free = listen_address(Ipv4Addr::new(127, 44, 0, 2), taken).unwrap();
        assert_eq!(free.port(), taken);
    }

    #[test]
    fn wildcard_ports_are_given_once() {
        let mut ports = WildcardPorts::default();
        let given: HashSet<_> = (0..20).map(|_| ports.take().unwrap()).collect();
        assert_eq!(given.len(), 20);
    }
}
