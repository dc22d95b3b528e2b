//! A pod that keeps every byte it was sent and counts the requests it could read out of them.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::ingress_support::localhost;
use crate::support::raw::next;

/// What all pods of a test have seen and what they answer.
#[derive(Clone, Debug, Default)]
pub(super) struct Record {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    /// Head and body of each request, `@POOL` before it.
    requests: Vec<Vec<u8>>,
    reply: Option<Vec<u8>>,
    /// Answers that were not taken to their end.
    cut: usize,
}

impl Record {
    /// The answer from here on; `None` is a plain 200.
    pub(super) fn answer_with(&self, reply: Option<Vec<u8>>) {
        self.inner.lock().unwrap().reply = reply;
    }

    /// Takes the requests that were seen since the last look, in small letters.
    pub(super) fn take(&self) -> Vec<String> {
        let requests = std::mem::take(&mut self.inner.lock().unwrap().requests);
        let text = |request: Vec<u8>| {
            let text = String::from_utf8_lossy(&request).replace("\r\n", "\n");
            text.to_ascii_lowercase()
        };
        requests.into_iter().map(text).collect()
    }

    /// How many big answers were not taken to their end.
    pub(super) fn cut(&self) -> usize {
        self.inner.lock().unwrap().cut
    }

    fn note(&self, pool: &str, head: &[u8], body: &[u8]) {
        let mut request = format!("@{pool} ").into_bytes();
        request.extend(head);
        request.extend(body);
        request.push(b'\n');
        self.inner.lock().unwrap().requests.push(request);
    }
}

/// A body that fits into no buffer on the way.
const BIG: usize = 4 * 1024 * 1024;
/// A body that all buffers on the way together cannot hold.
const HUGE: usize = 64 * 1024 * 1024;
const PIECE: usize = 16 * 1024;

/// A pod of this pool. `/hang` is never answered, `/big` with a body of [`BIG`] bytes, `/huge` with one
/// of [`HUGE`].
pub(super) async fn start(pool: &'static str, record: Record) -> SocketAddr {
    let listener = TcpListener::bind(localhost()).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, pool, record.clone()));
        }
    });
    address
}

async fn serve(mut stream: TcpStream, pool: &str, record: Record) {
    let mut buffer = Vec::new();
    loop {
        let Some((head, body, whole)) = next(&mut stream, &mut buffer).await else {
            return;
        };
        record.note(pool, &head, &body);
        if !whole {
            return;
        }
        let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
        if text.contains("/hang") {
            continue;
        }
        if text.contains("/big") || text.contains("/huge") {
            let size = if text.contains("/big") { BIG } else { HUGE };
            let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {size}\r\n\r\n");
            if stream.write_all(head.as_bytes()).await.is_err() {
                return;
            }
            for _ in 0..size / PIECE {
                if stream.write_all(&[b'a'; PIECE]).await.is_err() {
                    record.inner.lock().unwrap().cut += 1;
                    return;
                }
            }
            continue;
        }
        let (reply, last) = match record.inner.lock().unwrap().reply.clone() {
            Some(reply) => (reply, true),
            None if text.starts_with("head ") => (b"HTTP/1.1 200 OK\r\n\r\n".to_vec(), false),
            None => (
                b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok".to_vec(),
                false,
            ),
        };
        if stream.write_all(&reply).await.is_err() || last {
            return;
        }
    }
}
