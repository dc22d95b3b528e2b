//! A real `mongod` for one test, with its data in a temporary folder.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

/// A running server; ends with this value.
#[derive(Debug)]
pub(crate) struct Mongod {
    child: Child,
    address: SocketAddr,
    _data: TempDir,
}

impl Mongod {
    /// Starts `LAB_MONGOD`, else `mongod` on the `PATH`, and waits until it accepts connections.
    pub(crate) async fn start() -> Self {
        let data = tempfile::Builder::new()
            .prefix("lab-mongod-")
            .tempdir()
            .unwrap();
        // It has no way to tell which port it got for 0, so one that is free now is reserved.
        let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap();
        let child = Command::new(executable())
            .args([
                "--bind_ip",
                "127.0.0.1",
                "--nounixsocket",
                "--quiet",
                "--port",
            ])
            .arg(address.port().to_string())
            .args(["--wiredTigerCacheSizeGB", "0.25", "--dbpath"])
            .arg(data.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        let mongod = Self {
            child,
            address,
            _data: data,
        };
        let uri = format!("{}/?directConnection=true", mongod.url());
        let client = mongodb::Client::with_uri_str(uri).await.unwrap();
        let ping = bson::doc! { "ping": 1 };
        let answered = client.database("admin").run_command(ping).await;
        answered.expect("mongod answers");
        mongod
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its connection string.
    pub(crate) fn url(&self) -> String {
        format!("mongodb://{}", self.address)
    }
}

impl Drop for Mongod {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn executable() -> PathBuf {
    if let Some(path) = std::env::var_os("LAB_MONGOD") {
        return path.into();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&folders)
        .map(|folder| folder.join("mongod"))
        .find(|path| path.is_file())
        .expect("mongod on the PATH (hint: install MongoDB Community Server, or set LAB_MONGOD)")
}
