//! The built-in store on a free port.

use std::net::SocketAddr;
use std::path::PathBuf;

use lab::net::Trigger;
use lab::stores::redis::{Settings, StoreError, serve};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running store; dropping it gives the signal.
pub(super) struct Store {
    pub(super) address: SocketAddr,
    trigger: Trigger,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Store {
    pub(super) async fn start(data: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (trigger, shutdown) = Trigger::new();
        let task = tokio::spawn(serve(listener, Settings { data }, shutdown));
        Self {
            address,
            trigger,
            task,
        }
    }

    pub(super) async fn stop(self) {
        self.trigger.trigger();
        self.task.await.unwrap().unwrap();
    }
}
