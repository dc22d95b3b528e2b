//! The PROXY protocol on the ingress' ports: who the client is, said by whoever stands in front.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use lab::ingress::{Sampler, Settings};
use lab::model::{AppProtocol, Flavour, ProxyProtocol, TraefikOptions};
use lab::net::proxy_header;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::ingress_support::{HOST, Path, echo_pod};

const CLIENT: &str = "192.0.2.7:40000";

async fn started(version: ProxyProtocol) -> Path {
    started_with(version, |_| {}).await
}

async fn started_with(version: ProxyProtocol, change: impl Fn(&mut Settings)) -> Path {
    let endpoint = echo_pod().await;
    Path::start_behind(version, &[endpoint], AppProtocol::Http, |settings| {
        settings.flavour = Flavour::Traefik(TraefikOptions {
            redirect_https: false,
            ..TraefikOptions::default()
        });
        settings.sampler = Arc::new(Sampler::new(100));
        change(settings);
    })
}

fn header(version: ProxyProtocol) -> Vec<u8> {
    let dialled = "198.51.100.1:80".parse().unwrap();
    proxy_header(version, CLIENT.parse().unwrap(), dialled)
}

fn request() -> String {
    format!("GET /seen HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n")
}

/// What comes back for these bytes, with the connection closed behind it.
async fn answer(address: SocketAddr, pieces: &[&[u8]]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    for piece in pieces {
        // A connection that was refused may be gone already.
        let _ = stream.write_all(piece).await;
    }
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    let _ = tokio::time::timeout(Duration::from_secs(20), reading)
        .await
        .unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn the_client_of_the_header_is_believed() {
    for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
        let mut path = started(version).await;
        let (header, request) = (header(version), request());
        let whole = [&header[..], request.as_bytes()].concat();
        let said = answer(path.http, &[&whole]).await;
        assert!(said.contains("x-forwarded-for: 192.0.2.7\n"), "{said}");
        // Byte by byte, and the request in a packet of its own.
        let mut pieces: Vec<&[u8]> = header.chunks(1).collect();
        pieces.push(request.as_bytes());
        let said = answer(path.http, &pieces).await;
        assert!(said.contains("x-forwarded-for: 192.0.2.7\n"), "{said}");
        let [balancer, _] = path.film().await;
        assert_eq!(balancer.attributes["seen_as"], CLIENT);
        assert_eq!(balancer.attributes["by_header"], "PROXY protocol");
    }
}

#[tokio::test]
async fn a_header_goes_before_tls() {
    let path = started(ProxyProtocol::V2).await;
    let mut stream = TcpStream::connect(path.https).await.unwrap();
    stream.write_all(&header(ProxyProtocol::V2)).await.unwrap();
    let mut stream = path.tls_over(stream, HOST, &["http/1.1"]).await.unwrap();
    stream.write_all(request().as_bytes()).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    assert!(said.contains("x-forwarded-for: 192.0.2.7\n"), "{said}");
}

#[tokio::test]
async fn a_balancer_that_speaks_for_itself_is_the_client() {
    let path = started(ProxyProtocol::V1).await;
    let whole = format!("PROXY UNKNOWN\r\n{}", request());
    let said = answer(path.http, &[whole.as_bytes()]).await;
    assert!(said.contains("x-forwarded-for: 127.0.0.1\n"), "{said}");
}

#[tokio::test]
async fn without_the_right_header_there_is_no_answer() {
    let other = header(ProxyProtocol::V2);
    let request = request();
    let twice = [&header(ProxyProtocol::V1)[..], &header(ProxyProtocol::V1)].concat();
    let path = started_with(ProxyProtocol::V1, |settings| {
        settings.proxy_header = Duration::from_millis(500);
    })
    .await;
    for (what, bytes) in [
        ("no header", request.as_bytes()),
        ("the other version", &other),
        ("half of one, then nothing", b"PROXY TCP4 192.0.2.7"),
        ("nothing at all", b""),
        (
            "a line without an end",
            &[b"PROXY UNKNOWN "[..].to_vec(), vec![b'x'; 5000]].concat(),
        ),
        (
            "an address that is none",
            b"PROXY TCP4 192.0.2.700 198.51.100.1 1 2\r\n",
        ),
    ] {
        assert_eq!(answer(path.http, &[bytes]).await, "", "{what}");
    }
    // The second one is no request.
    let said = answer(path.http, &[&twice]).await;
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
    // Others are served all the while.
    let whole = [&header(ProxyProtocol::V1)[..], request.as_bytes()].concat();
    let said = answer(path.http, &[&whole]).await;
    assert!(said.starts_with("HTTP/1.1 200"), "{said}");
}

#[tokio::test]
async fn without_the_setting_a_header_is_a_bad_request() {
    let path = started(ProxyProtocol::Off).await;
    let whole = [&header(ProxyProtocol::V1)[..], request().as_bytes()].concat();
    let said = answer(path.http, &[&whole]).await;
    assert!(said.starts_with("HTTP/1.1 400"), "{said}");
}
