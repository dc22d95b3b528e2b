//! The proxy on a thread of its own, as the kernel's is nobody else's: a connection is accepted,
//! dialled and copied without a word between threads, and nothing that the program does beside it
//! makes it wait.

use std::io;
use std::thread;

use tokio::sync::oneshot;

use super::{Settings, serve};
use crate::net::Shutdown;
use crate::registry::Reader;
use crate::trace::Tracer;

/// A proxy that runs. Dropping it ends it, and its connections at once.
#[derive(Debug)]
pub struct Running {
    /// Ends when the thread does.
    ended: oneshot::Receiver<()>,
    /// The thread ends when this is gone.
    _alive: oneshot::Sender<()>,
}

/// Runs [`serve`] on a thread. The error is that the system gives none, or no poller for it.
pub fn start(
    reader: Reader,
    tracer: Tracer,
    settings: Settings,
    shutdown: Shutdown,
) -> io::Result<Running> {
    let (alive, dropped) = oneshot::channel();
    let (ending, ended) = oneshot::channel();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    thread::Builder::new()
        .name("kube-proxy".to_owned())
        .spawn(move || {
            // Dropped at the end of the thread, whichever way it ends.
            let _ending: oneshot::Sender<()> = ending;
            runtime.block_on(async {
                tokio::select! {
                    () = serve(reader, tracer, settings, shutdown) => {}
                    _ = dropped => {}
                }
            });
        })?;
    Ok(Running {
        ended,
        _alive: alive,
    })
}

impl Running {
    /// Returns when the signal was given and every connection has ended or was cut.
    pub async fn ended(&mut self) {
        // Nothing is ever sent: the other end is dropped with the thread.
        let _ = (&mut self.ended).await;
    }
}
