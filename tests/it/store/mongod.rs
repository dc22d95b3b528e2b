//! A real `mongod`, for comparison.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

/// A running `mongod`; dropping it kills it.
pub(super) struct Mongod {
    pub(super) address: SocketAddr,
    process: Child,
    _folder: tempfile::TempDir,
}

impl Mongod {
    pub(super) async fn start() -> Self {
        let binary =
            std::env::var_os("LAB_MONGOD").map_or_else(|| PathBuf::from("mongod"), PathBuf::from);
        let folder = tempfile::tempdir().unwrap();
        // Free now; nobody else takes it in the moment until mongod does.
        let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let process = Command::new(&binary)
            .args(["--bind_ip", "127.0.0.1", "--nounixsocket", "--quiet", "--port", &port.to_string()])
            .arg("--dbpath")
            .arg(folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap_or_else(|error| {
                panic!(
                    "cannot start {}: {error}; hint: install MongoDB 6.0 (https://www.mongodb.com/docs/manual/installation/) or set LAB_MONGOD to its mongod",
                    binary.display()
                )
            });
        let mongod = Self {
            address: SocketAddr::from((Ipv4Addr::LOCALHOST, port)),
            process,
            _folder: folder,
        };
        mongod.wait().await;
        mongod
    }

    async fn wait(&self) {
        let uri = format!(
            "mongodb://{}/?directConnection=true&serverSelectionTimeoutMS=30000",
            self.address
        );
        let client = mongodb::Client::with_uri_str(uri).await.unwrap();
        client
            .database("admin")
            .run_command(bson::doc! { "ping": 1 })
            .await
            .expect("mongod answers");
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
