//! Binds TCP listeners, and says who holds a port that is taken.

use std::io;
use std::net::SocketAddr;

use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;

use super::holder::{Holder, holder_of};

/// Connections the kernel keeps until they are accepted. Linux caps it at `somaxconn`, 4096 by
/// default; less loses connections in a burst.
const BACKLOG: i32 = 4096;

/// Why an address cannot be listened on.
#[derive(Debug, thiserror::Error)]
pub enum BindError {
    /// Somebody else listens there.
    #[error("{address} is in use{}\nhint: stop it, or choose another port (0 takes any free one)", by(.holder.as_ref()))]
    InUse {
        /// What was asked for.
        address: SocketAddr,
        /// Who has it, where that can be found out.
        holder: Option<Holder>,
    },
    /// The system does not let this user have the port.
    #[error(
        "no permission to listen on {address}\nhint: ports below {} need root or the capability CAP_NET_BIND_SERVICE (`sudo setcap cap_net_bind_service=+ep $(which lab)`); 8080 and 8443 need neither",
        first_unprivileged_port()
    )]
    Denied {
        /// What was asked for.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The address is none of this machine's.
    #[error("{address} is not an address of this machine")]
    NotHere {
        /// What was asked for.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// Anything else.
    #[error("cannot listen on {address}")]
    Other {
        /// What was asked for.
        address: SocketAddr,
        /// The system's error.
        #[source]
        source: io::Error,
    },
}

/// Listens on an address. Must be called inside a tokio runtime.
pub fn bind(address: SocketAddr) -> Result<TcpListener, BindError> {
    listen(address).map_err(|source| match source.kind() {
        io::ErrorKind::AddrInUse => BindError::InUse {
            address,
            holder: holder_of(address),
        },
        io::ErrorKind::PermissionDenied => BindError::Denied { address, source },
        io::ErrorKind::AddrNotAvailable => BindError::NotHere { address, source },
        _ => BindError::Other { address, source },
    })
}

fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    // Connections of a lab that just ended must not keep its port. On Windows the same option
    // would allow two listeners.
    #[cfg(not(windows))]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    TcpListener::from_std(socket.into())
}

fn by(holder: Option<&Holder>) -> String {
    holder.map_or_else(String::new, |holder| format!(" by {holder}"))
}

/// Linux' `ip_unprivileged_port_start`; elsewhere the classic border.
fn first_unprivileged_port() -> u16 {
    std::fs::read_to_string("/proc/sys/net/ipv4/ip_unprivileged_port_start")
        .ok()
        .and_then(|text| text.trim().parse().ok())
        .unwrap_or(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_taken_port_names_its_holder() {
        let first = bind("127.0.0.1:0".parse().unwrap()).unwrap();
        let error = bind(first.local_addr().unwrap()).unwrap_err().to_string();
        assert!(error.contains("is in use"), "{error}");
        #[cfg(target_os = "linux")]
        assert!(
            error.contains(&format!("(process {})", std::process::id())),
            "{error}"
        );
    }

    #[tokio::test]
    async fn a_foreign_address_is_told() {
        let error = bind("192.0.2.1:0".parse().unwrap()).unwrap_err();
        assert!(matches!(error, BindError::NotHere { .. }), "{error}");
    }
}
