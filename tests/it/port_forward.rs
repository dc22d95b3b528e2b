//! `lab port-forward`: one pod, dialled directly, and what happens when it goes.

use std::io::BufRead as _;
use std::net::SocketAddr;
use std::process::{Child, Stdio};

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::ingress_support::localhost;
use crate::support::lab::Lab;

/// A command that runs until it is killed, or the test ends.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says its name to whoever connects.
async fn named(name: &'static str) -> (SocketAddr, tokio::task::JoinHandle<()>) {
    let listener = TcpListener::bind(localhost()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let serving = async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            stream.write_all(name.as_bytes()).await.unwrap();
        }
    };
    (address, tokio::spawn(serving))
}

async fn heard(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).await.unwrap();
    text
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_goes_to_one_endpoint_until_it_is_gone() {
    let ((first, serving), (second, _)) = (named("first").await, named("second").await);
    let toml = format!(
        "cloudforet.enabled = false\n[services.names]\nendpoints = [\"{first}\", \"{second}\"]\nport = 80\napp_protocol = \"tcp\"\n"
    );
    let lab = Lab::start("process", &toml);
    let mut command = lab.command(&["port-forward", "names", "0:80"]);
    let child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut running = Running(child);
    let mut lines = std::io::BufReader::new(running.0.stdout.take().unwrap()).lines();
    let told = lines.next().unwrap().unwrap();
    let (own, pod) = told.split_once(" -> ").unwrap();
    assert!(pod.starts_with(&first.to_string()), "{told}");
    let own: SocketAddr = own.parse().unwrap();
    assert!(own.ip().is_loopback());
    for _ in 0..10 {
        assert_eq!(heard(own).await, "first", "nothing is balanced");
    }
    serving.abort();
    let _ = serving.await;
    assert_eq!(heard(own).await, "");
    assert_eq!(running.0.wait().unwrap().code(), Some(1));
    let mut told = String::new();
    std::io::Read::read_to_string(&mut running.0.stderr.take().unwrap(), &mut told).unwrap();
    assert!(
        told.contains("none to the 1 others") && told.contains("lost the pod"),
        "{told}"
    );
    for (arguments, why) in [
        (["port-forward", "names", "81"], "has no port 81; it has 80"),
        (
            ["port-forward", "nobody", "80"],
            "no Service and no pod nobody",
        ),
    ] {
        let refused = lab.run(&arguments);
        assert_eq!(refused.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&refused.stderr).contains(why));
    }
    lab.down();
}
