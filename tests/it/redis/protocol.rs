//! Bytes that are no requests, or hardly: the same bytes back as from a real `redis-server`.
//!
//! `tests/redis/protocol.txt` holds cases: what is sent (`"text"`, or `"text" * 70000`), what comes back,
//! and whether the connection is `open` or `closed` after that.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::client::{Client, quoted, unquoted};
use super::server::Store;
use crate::support::redis_server::RedisServer;

const CASES: &str = include_str!("../../redis/protocol.txt");
/// Answered behind everything else, when the connection is open.
const LAST: (&[u8], &[u8]) = (b"ECHO last\r\n", b"$4\r\nlast\r\n");

fn bytes(mut text: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    while let Some(start) = text.strip_prefix('"') {
        let (piece, rest) = unquoted(start);
        let rest = rest.trim_start();
        let (times, rest) = match rest.strip_prefix("* ") {
            None => (1, rest),
            Some(rest) => {
                let (times, rest) = rest.split_once(' ').unwrap_or((rest, ""));
                (times.parse().unwrap(), rest)
            }
        };
        bytes.extend(piece.repeat(times));
        text = rest;
    }
    bytes
}

async fn check(address: SocketAddr) {
    let mut seen = 0;
    for case in CASES.split("== ").skip(1) {
        let lines: Vec<&str> = case.lines().filter(|line| !line.is_empty()).collect();
        let [name, sent, expected, end] = lines.as_slice() else {
            panic!("a case has a name and three lines: {case}");
        };
        let mut client = Client::connect(address).await;
        client.send(&bytes(sent)).await;
        let found = if *end == "open" {
            client.send(LAST.0).await;
            let found = client.until(LAST.1).await;
            found.strip_suffix(LAST.1).unwrap().to_vec()
        } else {
            client.rest().await
        };
        assert_eq!(quoted(&found), quoted(&bytes(expected)), "{name}");
        seen += 1;
    }
    assert!(seen >= 20, "only {seen} cases");
}

#[tokio::test]
async fn redis_server_answers_malformed_requests_as_written() {
    let server = RedisServer::start().await;
    check(server.address()).await;
}

#[tokio::test]
async fn the_built_in_store_answers_malformed_requests_as_written() {
    let store = Store::start(None).await;
    check(store.address).await;
    store.stop().await;
}

/// What is announced takes no memory before it comes, and nobody else is disturbed.
#[tokio::test(flavor = "multi_thread")]
async fn random_bytes_disturb_nobody() {
    let store = Store::start(None).await;
    let mut bystander = Client::connect(store.address).await;
    let mut random = fastrand::Rng::with_seed(11);
    let pieces: [&[u8]; 9] = [
        b"*2\r\n",
        b"$3\r\nGET\r\n",
        b"$536870912\r\n",
        b"*2147483647\r\n",
        b"\0\xff\r",
        b"\n",
        b"\"",
        b"LPUSH a b\r\n",
        b"BLPOP none 0\r\n",
    ];
    for _ in 0..300 {
        let mut stream = TcpStream::connect(store.address).await.unwrap();
        for _ in 0..random.usize(1..8) {
            // The server may have closed the connection already.
            let _ = stream
                .write_all(pieces[random.usize(0..pieces.len())])
                .await;
        }
        drop(stream);
        assert_eq!(bystander.ask("PING").await, "+PONG");
    }
    drop(bystander);
    store.stop().await;
}
