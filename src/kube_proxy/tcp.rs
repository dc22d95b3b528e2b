//! The listener of one TCP Service port.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;

use super::backends::Backends;
use super::connection::{self, Drawn};
use super::port::{Shared, Update, bind_message};
use crate::balance::Balancer;

/// The kernel cuts it to `net.core.somaxconn`, whose default is this.
const BACKLOG: u32 = 4096;

/// Before accepting again when the process has no file descriptor left: the connection stays in
/// the queue, and trying at once would spin.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// The state of the task: what may be given away, and the door, while there is something to give.
struct Door {
    listen: SocketAddr,
    shared: Shared,
    backends: Arc<Backends>,
    balancer: Balancer,
    listener: Option<TcpListener>,
    /// Stands where the door would be while everything that comes is to be dropped.
    wall: Option<Wall>,
    /// Whether the last accept failed, so that a lasting failure is logged once.
    failing: bool,
}

/// A listener whose queue is full, and its one connection that fills it: the kernel drops every
/// further SYN, so a client waits until it gives up, as in front of a DROP rule. A kernel that holds
/// longer queues lets some more in, who hear nothing either.
struct Wall {
    _listener: TcpListener,
    _filling: TcpStream,
}

/// Serves one Service port until its handle is dropped.
pub(super) async fn serve(listen: SocketAddr, mut updates: mpsc::Receiver<Update>, shared: Shared) {
    let Some(first) = updates.recv().await else {
        return;
    };
    let mut door = Door {
        listen,
        balancer: shared.balancer(&first.backends),
        shared,
        backends: Arc::clone(&first.backends),
        listener: None,
        wall: None,
        failing: false,
    };
    door.apply(first).await;
    loop {
        tokio::select! {
            update = updates.recv() => match update {
                Some(update) => door.apply(update).await,
                None => break,
            },
            accepted = accept(door.listener.as_ref()) => door.take(accepted).await,
        }
    }
    door.close();
}

/// Never returns while the door is closed.
async fn accept(listener: Option<&TcpListener>) -> io::Result<(TcpStream, SocketAddr)> {
    match listener {
        Some(listener) => listener.accept().await,
        None => std::future::pending().await,
    }
}

impl Door {
    async fn apply(&mut self, update: Update) {
        let Update { backends, applied } = update;
        if !backends.drops {
            self.wall = None;
        }
        let result = if backends.addresses.is_empty() {
            // What is in the queue was accepted while there were endpoints and gets one of those.
            self.close();
            if backends.drops && self.wall.is_none() {
                self.build_wall().await
            } else {
                Ok(())
            }
        } else if self.listener.is_some() {
            Ok(())
        } else {
            self.open()
        };
        self.balancer.configure(backends.mode, backends.affinity);
        self.backends = backends;
        // Nobody waits any more when the proxy is being stopped.
        let _ = applied.send(result);
    }

    fn open(&mut self) -> Result<(), String> {
        match listen(self.listen, BACKLOG) {
            Ok(listener) => {
                self.listener = Some(listener);
                Ok(())
            }
            Err(error) => Err(bind_message(self.listen, &error)),
        }
    }

    async fn build_wall(&mut self) -> Result<(), String> {
        let built = async {
            // A queue of none holds one.
            let listener = listen(self.listen, 0)?;
            let filling = TcpStream::connect(self.listen).await?;
            Ok(Wall {
                _listener: listener,
                _filling: filling,
            })
        };
        match built.await {
            Ok(wall) => {
                self.wall = Some(wall);
                Ok(())
            }
            Err(error) => Err(bind_message(self.listen, &error)),
        }
    }

    /// Empties the queue before the listener goes, for the kernel resets what is left in it.
    fn close(&mut self) {
        // The kernel's own word, for the runtime learns of new connections only later.
        let Some(Ok(listener)) = self.listener.take().map(TcpListener::into_std) else {
            return;
        };
        while let Ok((stream, client)) = listener.accept() {
            let adopted = stream
                .set_nonblocking(true)
                .and_then(|()| TcpStream::from_std(stream));
            match adopted {
                Ok(stream) => self.give_away(stream, client),
                Err(error) => tracing::debug!(%client, %error, "connection lost"),
            }
        }
    }

    async fn take(&mut self, accepted: io::Result<(TcpStream, SocketAddr)>) {
        match accepted {
            Ok((stream, client)) => {
                self.failing = false;
                self.give_away(stream, client);
            }
            // It was closed again while it waited; there may be others behind it.
            Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
            Err(error) => {
                if !self.failing {
                    tracing::warn!(listen = %self.listen, %error, "cannot accept");
                }
                self.failing = true;
                tokio::time::sleep(PAUSE_AFTER_ERROR).await;
            }
        }
    }

    fn give_away(&mut self, stream: TcpStream, client: SocketAddr) {
        if !self.backends.admit(client.ip()) {
            tracing::debug!(%client, "not in loadBalancerSourceRanges");
            return;
        }
        let addresses = &self.backends.addresses;
        let draw = self
            .balancer
            .select(addresses, client.ip(), self.shared.clock.now());
        // Without endpoints there is no listener, hence no connection.
        if let Some((index, selection)) = draw {
            let drawn = Drawn {
                client,
                cluster_ip: self.listen,
                backends: Arc::clone(&self.backends),
                index,
                selection,
                at: connection::now(),
            };
            tokio::spawn(connection::run(stream, drawn, self.shared.clone()));
        }
    }
}

fn listen(address: SocketAddr, backlog: u32) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    // Connections of an earlier listener may still be in TIME_WAIT. Windows gives the option
    // another meaning, which would let two programs share the port.
    #[cfg(unix)]
    socket.set_reuseaddr(true)?;
    // For the connections, see `connection::run`.
    socket.set_nodelay(true)?;
    socket.bind(address)?;
    socket.listen(backlog)
}
