//! Who listens on a port: `/proc/net/tcp` gives the socket's inode, `/proc/*/fd` its process.
//!
//! Linux only, and only for processes this user may look at; elsewhere there is no answer.

use std::fmt::{self, Write as _};
use std::fs;
use std::net::SocketAddr;

/// A process that listens somewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// As `ps` shows it.
    pub name: String,
    /// Process id.
    pub pid: u32,
}

impl fmt::Display for Holder {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} (process {})", self.name, self.pid)
    }
}

/// The process that listens on this port at this address or at the wildcard.
pub fn holder_of(address: SocketAddr) -> Option<Holder> {
    let inodes: Vec<String> = ["/proc/net/tcp", "/proc/net/tcp6"]
        .into_iter()
        .filter_map(|table| fs::read_to_string(table).ok())
        .flat_map(|table| listening_inodes(&table, address))
        .collect();
    if inodes.is_empty() {
        return None;
    }
    fs::read_dir("/proc")
        .ok()?
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| holds(*pid, &inodes))
        .map(|pid| Holder {
            name: fs::read_to_string(format!("/proc/{pid}/comm"))
                .map(|name| name.trim().to_owned())
                .unwrap_or_default(),
            pid,
        })
}

/// Inodes of listening sockets that are in the way, as `socket:[N]` links spell them. A line is
/// `sl local remote state tx:rx tr:tm retrnsmt uid timeout inode …` with hexadecimal addresses.
fn listening_inodes(table: &str, address: SocketAddr) -> Vec<String> {
    const LISTEN: &str = "0A";
    let mut found: Vec<(bool, String)> = table
        .lines()
        .skip(1)
        .filter_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (host, port) = fields.get(1)?.split_once(':')?;
            let same_port = u16::from_str_radix(port, 16).ok()? == address.port();
            let wildcard = host.bytes().all(|digit| digit == b'0');
            let same_host = host == hex_address(address);
            let any = wildcard || same_host || address.ip().is_unspecified();
            (same_port && any && *fields.get(3)? == LISTEN)
                .then(|| Some((same_host, format!("socket:[{}]", fields.get(9)?))))?
        })
        .collect();
    found.sort_by_key(|(same_host, _)| !same_host);
    found.into_iter().map(|(_, inode)| inode).collect()
}

/// The kernel prints each 32-bit word of an address in the machine's byte order.
fn hex_address(address: SocketAddr) -> String {
    let octets = match address {
        SocketAddr::V4(address) => address.ip().octets().to_vec(),
        SocketAddr::V6(address) => address.ip().octets().to_vec(),
    };
    let mut text = String::with_capacity(octets.len() * 2);
    for word in octets.chunks_exact(4) {
        let word = u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
        // Writing to a String cannot fail.
        let _ = write!(text, "{word:08X}");
    }
    text
}

/// Whether a process has one of these sockets open.
fn holds(pid: u32, inodes: &[String]) -> bool {
    fs::read_dir(format!("/proc/{pid}/fd")).is_ok_and(|files| {
        files
            .filter_map(|file| fs::read_link(file.ok()?.path()).ok())
            .any(|link| {
                inodes
                    .iter()
                    .any(|inode| link.as_os_str() == inode.as_str())
            })
    })
}
