//! The built-in store on a free port.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use lab::model::Event;
use lab::net::Trigger;
use lab::stores::mongo::{Settings, StoreError, serve};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// A running store; dropping it gives the signal.
pub(super) struct Store {
    pub(super) address: SocketAddr,
    pub(super) events: Arc<Mutex<Vec<Event>>>,
    trigger: Trigger,
    task: JoinHandle<Result<(), StoreError>>,
}

impl Store {
    pub(super) async fn start(data: Option<PathBuf>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let events = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&events);
        let (trigger, shutdown) = Trigger::new();
        let settings = Settings {
            data,
            pod: "mongodb-0".to_owned(),
            emit: Box::new(move |event| seen.lock().unwrap().push(event)),
        };
        let task = tokio::spawn(serve(listener, settings, shutdown));
        Self {
            address,
            events,
            trigger,
            task,
        }
    }

    pub(super) async fn client(&self) -> mongodb::Client {
        client(self.address).await
    }

    pub(super) async fn stop(self) {
        self.trigger.trigger();
        self.task.await.unwrap().unwrap();
    }

    /// Ends it without a word, as a crash of the task would.
    pub(super) async fn abort(self) {
        self.task.abort();
        assert!(self.task.await.unwrap_err().is_cancelled());
    }
}

pub(super) async fn client(address: SocketAddr) -> mongodb::Client {
    let uri = format!(
        "mongodb://{address}/?directConnection=true&serverSelectionTimeoutMS=5000&retryWrites=false"
    );
    mongodb::Client::with_uri_str(uri).await.unwrap()
}
