//! `lab port-forward`: from a port of this machine to one pod, for as long as that lives.

use std::io;
use std::net::SocketAddr;

use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

/// Why a port-forward ends.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// Nobody listens there any more.
    #[error("lost the pod at {address}: {source}")]
    Lost {
        /// Where it was.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// The port of this machine.
    #[error("cannot accept a connection")]
    Accept(#[from] io::Error),
}

/// Gives every connection to the pod at this address; ends when the pod cannot be dialled.
pub async fn forward(listener: TcpListener, address: SocketAddr) -> Result<(), ForwardError> {
    let mut open = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (client, _) = accepted?;
                let lost = |source| ForwardError::Lost { address, source };
                let pod = TcpStream::connect(address).await.map_err(lost)?;
                open.spawn(carry(client, pod));
            }
            Some(_) = open.join_next() => {}
        }
    }
}

async fn carry(mut client: TcpStream, mut pod: TcpStream) {
    // Small messages must not wait to fill a segment.
    let _ = client.set_nodelay(true).and(pod.set_nodelay(true));
    // Either end may break it off, which is no matter of ours.
    let _ = tokio::io::copy_bidirectional(&mut client, &mut pod).await;
}
