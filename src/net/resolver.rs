//! Names to addresses: the system's resolver, or a DNS server of one's own choice.

use std::io;
use std::net::{IpAddr, SocketAddr};

/// Resolves host names for a client.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    server: Option<SocketAddr>,
}

impl Resolver {
    /// The system's own resolver.
    pub fn system() -> Self {
        Self { server: None }
    }

    /// Asks this DNS server only.
    pub fn at(server: SocketAddr) -> Self {
        Self {
            server: Some(server),
        }
    }

    /// All addresses of `host`, at least one, each with `port`. Address literals are not looked up.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let found: Vec<_> = match self.server {
            None => tokio::net::lookup_host((host, port)).await?.collect(),
            Some(_) => Vec::new(),
        };
        if found.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("no address for {host}"),
            ));
        }
        Ok(found)
    }
}
