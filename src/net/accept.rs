//! Accepts connections: waits out errors that pass, and bounds how many are open.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// The first wait after an error such as EMFILE; doubles up to [`LONGEST_WAIT`]. Without a wait the
/// loop would spin, because the connection stays in the backlog.
const FIRST_WAIT: Duration = Duration::from_millis(5);
/// A file descriptor may be free again at any time.
const LONGEST_WAIT: Duration = Duration::from_secs(1);

/// A listener with a limit of open connections.
#[derive(Debug)]
pub struct Acceptor {
    listener: TcpListener,
    permits: Arc<Semaphore>,
    wait: Duration,
}

impl Acceptor {
    /// At most `limit` connections are open at a time; further ones wait in the backlog.
    pub fn new(listener: TcpListener, limit: usize) -> Self {
        Self {
            listener,
            permits: Arc::new(Semaphore::new(limit)),
            wait: FIRST_WAIT,
        }
    }

    /// The next connection, with the permit that must live as long as it. Cancel safe: a
    /// connection is lost only after it was returned.
    pub async fn accept(&mut self) -> (TcpStream, SocketAddr, OwnedSemaphorePermit) {
        let permits = Arc::clone(&self.permits);
        let permit = permits
            .acquire_owned()
            .await
            .expect("the semaphore is never closed");
        loop {
            match self.listener.accept().await {
                Ok((stream, client)) => {
                    self.wait = FIRST_WAIT;
                    return (stream, client, permit);
                }
                // Gone before it was accepted: nobody's problem.
                Err(error) if error.kind() == std::io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    tracing::warn!(%error, wait = ?self.wait, "cannot accept");
                    tokio::time::sleep(self.wait).await;
                    self.wait = (self.wait * 2).min(LONGEST_WAIT);
                }
            }
        }
    }
}
