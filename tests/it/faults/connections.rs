//! What `kube_proxy` does to connections through a ClusterIP, new and open ones.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use super::*;
use crate::eventually;
use crate::support::lab::service;

/// What nobody waits for longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Long enough for an answer that comes, on a busy machine too.
const SILENCE: Duration = Duration::from_millis(700);

/// Answers each byte with the same byte.
const ECHO: &str = r#"
[cloudforet]
enabled = false
[services.echo]
command = ["python3", "echo.py", "{address}", "{port}"]
working_directory = "."
port = 9000
readiness = { tcp = 9000 }
grace = "1s"
"#;
const PROGRAM: &str = "
import socketserver, sys
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while True:
            data = self.request.recv(100)
            if not data:
                return
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True
Server((sys.argv[1], int(sys.argv[2])), Echo).serve_forever()
";

fn started() -> (Lab, SocketAddr) {
    let lab = Lab::new("process", ECHO);
    lab.file("echo.py", PROGRAM);
    lab.up();
    let status = lab.status();
    let echo = service(&status, "echo");
    let port = &echo["ports"][0];
    let address = match port["listen"].as_str() {
        Some(listen) => listen.parse().unwrap(),
        None => format!("{}:{}", echo["cluster_ip"].as_str().unwrap(), port["port"])
            .parse()
            .unwrap(),
    };
    (lab, address)
}

/// One byte there and back; the time that it took, or how it failed.
async fn ask(stream: &mut TcpStream) -> std::io::Result<Duration> {
    let begun = Instant::now();
    stream.write_all(b"?").await?;
    stream.read_u8().await?;
    Ok(begun.elapsed())
}

async fn dial(address: SocketAddr) -> TcpStream {
    timeout(PATIENCE, TcpStream::connect(address))
        .await
        .unwrap()
        .unwrap()
}

#[tokio::test]
async fn a_delay_is_felt_on_open_and_on_new_connections_alike() {
    let (lab, address) = started();
    let pod = ready_pods(&lab, "echo").pop().unwrap();
    let mut open = dial(address).await;
    let prompt = |took: Duration| (took < Duration::from_millis(400)).then_some(());
    eventually!("it is prompt", prompt(ask(&mut open).await.unwrap()));
    for target in ["echo", &pod] {
        add(&lab, &["delay", target, "--by", "400ms"]);
        let delayed = |took: Duration| (took >= Duration::from_millis(400)).then_some(());
        eventually!("it is felt", delayed(ask(&mut open).await.unwrap()));
        let mut new = dial(address).await;
        assert!(ask(&mut new).await.unwrap() >= Duration::from_millis(400));
        let told: Value = serde_json::from_str(&lab.ok(&["-o", "json", "connections"])).unwrap();
        assert!(told.to_string().contains("delay by 400 ms"), "{told}");
        undo(&lab);
        for stream in [&mut open, &mut new] {
            eventually!("it is over", prompt(ask(stream).await.unwrap()));
        }
    }
    lab.down();
}

#[tokio::test]
async fn a_reset_cuts_open_connections_and_refuses_new_ones_until_undone() {
    let (lab, address) = started();
    let mut open = dial(address).await;
    ask(&mut open).await.unwrap();
    add(&lab, &["reset", "echo"]);
    let end = timeout(PATIENCE, open.read_u8()).await.unwrap();
    assert_eq!(end.unwrap_err().kind(), std::io::ErrorKind::ConnectionReset);
    // The reset may be there before the client knows that it is connected.
    let asked = async || -> std::io::Result<Duration> {
        let mut new = TcpStream::connect(address).await?;
        ask(&mut new).await
    };
    assert!(timeout(PATIENCE, asked()).await.unwrap().is_err());
    undo(&lab);
    eventually!("it answers again", asked().await.ok());
    lab.down();
}

#[tokio::test]
async fn dropped_bytes_arrive_when_the_fault_is_undone() {
    let (lab, address) = started();
    let mut open = dial(address).await;
    ask(&mut open).await.unwrap();
    add(&lab, &["drop", "echo"]);
    // The connection learns of it a moment after the lab has.
    let silent = async |stream: &mut TcpStream| timeout(SILENCE, ask(stream)).await.is_err();
    eventually!("it falls silent", silent(&mut open).await.then_some(()));
    let mut new = dial(address).await;
    assert!(silent(&mut new).await, "a new one is no better");
    undo(&lab);
    for stream in [&mut open, &mut new] {
        let byte = timeout(PATIENCE, stream.read_u8()).await.unwrap();
        assert_eq!(byte.unwrap(), b'?');
    }
    lab.down();
}

#[tokio::test]
async fn a_full_queue_keeps_new_connections_out_and_leaves_open_ones_alone() {
    let (lab, address) = started();
    let pod = ready_pods(&lab, "echo").pop().unwrap();
    let mut open = dial(address).await;
    ask(&mut open).await.unwrap();
    add(&lab, &["full", "echo"]);
    // A queue of none still lets one or two in, who hear nothing.
    let mut waiting = Vec::new();
    let mut kept_out = async || match timeout(SILENCE, TcpStream::connect(address)).await {
        Ok(connected) => {
            let mut stream = connected.unwrap();
            let silent = timeout(SILENCE, ask(&mut stream)).await.is_err();
            waiting.push(stream);
            silent.then_some(())
        }
        Err(_) => Some(()),
    };
    eventually!("nobody gets in", kept_out().await);
    ask(&mut open).await.unwrap();
    undo(&lab);
    let asked = async || {
        let mut new = timeout(SILENCE, TcpStream::connect(address))
            .await
            .ok()?
            .ok()?;
        timeout(SILENCE, ask(&mut new)).await.ok()?.ok()
    };
    eventually!("it answers again", asked().await);

    add(&lab, &["full", &pod]);
    let refused = async || {
        let mut new = dial(address).await;
        timeout(PATIENCE, ask(&mut new)).await.unwrap().err()
    };
    eventually!("the pod takes nobody", refused().await);
    ask(&mut open).await.unwrap();
    undo(&lab);
    eventually!("the pod takes somebody", asked().await);
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn calls_on_a_pinned_channel_feel_what_happens_to_their_pod() {
    let lab = Lab::start("process", "");
    let (https, url) = (lab.https(), lab.list_url());
    let token = lab.token().await;
    let list = async || {
        let begun = Instant::now();
        let body = serde_json::json!({});
        let answer = https.post(&url, Some(&token), &body).await.unwrap();
        (answer.status.as_u16(), begun.elapsed())
    };
    assert_eq!(list().await.0, 200);
    add(&lab, &["delay", "inventory", "--by", "1500ms"]);
    let felt = async || {
        let (status, took) = list().await;
        assert_eq!(status, 200);
        (took >= Duration::from_millis(1500)).then_some(())
    };
    eventually!("the open channel is slow", felt().await);
    let film = lab.ok(&["trace", &url]);
    assert!(film.contains("broken on purpose: fault"), "{film}");
    undo(&lab);
    // The channel is opened again by whoever needs it.
    add(&lab, &["reset", "inventory"]);
    let broken = async || (list().await.0 != 200).then_some(());
    eventually!("calls fail", broken().await);
    undo(&lab);
    let mended = async || (list().await.0 == 200).then_some(());
    eventually!("calls succeed", mended().await);
    lab.down();
}
