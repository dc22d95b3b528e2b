//! Requests that a client library would not send, byte by byte.

use http_body_util::Full;
use hyper::Request;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::ingress_support::*;
use crate::support::PATIENCE;

/// Status codes of all answers to what was written on one connection, and all bytes.
async fn write(path: &Path, request: &str) -> (Vec<u16>, String) {
    let mut stream = path.tls(HOST, &["http/1.1"]).await.unwrap();
    let request = request.replace('\n', "\r\n").replace("HOST", HOST);
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    let reading = stream.read_to_end(&mut answer);
    // All of them end the connection.
    let end = tokio::time::timeout(PATIENCE, reading).await;
    // It may end with a reset, for not all that was sent is read.
    let _ = end.unwrap_or_else(|_| panic!("{request:?} leaves the connection open"));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let codes = answer
        .match_indices("HTTP/1.1 ")
        .filter_map(|(at, _)| answer[at + 9..].get(..3)?.parse().ok())
        .collect();
    (codes, answer)
}

#[tokio::test]
async fn ambiguous_heads_are_refused() {
    let path = Path::start(&[echo_pod().await]);
    for request in [
        "GET / HTTP/1.1\n\n",
        "GET / HTTP/1.1\nHost: HOST\nHost: HOST\n\n",
        "GET / HTTP/1.1\nHost: HOST,other\n\n",
        "GET / HTTP/1.1\nHost: user@HOST\n\n",
        "GET / HTTP/1.1\nHost: HOST:99999\n\n",
        "GET http://other/ HTTP/1.1\nHost: HOST\n\n",
        "GET /%00 HTTP/1.1\nHost: HOST\n\n",
        "GET /%c0%ae HTTP/1.1\nHost: HOST\n\n",
        "GET /%zz HTTP/1.1\nHost: HOST\n\n",
        "GET / HTTP/1.1\nHost: HOST\nX : a\n\n",
        "GET / HTTP/1.1\nHost: HOST\nX: a\n b\n\n",
        "GET / HTTP/1.1\nHost: HOST\nX: a\0b\n\n",
        "GET / HTTP/1.1\nHost: HOST\nUpgrade: h2c\nConnection: Upgrade\n\n",
        "POST / HTTP/1.1\nHost: HOST\nTransfer-Encoding: xchunked\n\n0\n\n",
        "POST / HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked, gzip\n\n0\n\n",
        "POST / HTTP/1.1\nHost: HOST\nContent-Length: 5\nContent-Length: 6\n\nhello!",
        "POST / HTTP/1.1\nHost: HOST\nContent-Length: +5\n\nhello",
        "POST / HTTP/1.1\nHost: HOST\nContent-Length: -1\n\n",
    ] {
        let (codes, answer) = write(&path, request).await;
        assert_eq!(codes.first(), Some(&400), "{request:?} {answer}");
        assert_eq!(codes.len(), 1, "{request:?} {answer}");
    }
    let (codes, _) = write(&path, "TRACE / HTTP/1.1\nHost: HOST\nConnection: close\n\n").await;
    assert_eq!(codes, [405]);
}

#[tokio::test]
async fn two_lengths_never_become_two_requests_at_the_pod() {
    let path = Path::start(&[echo_pod().await]);
    let request = "POST /first HTTP/1.1\nHost: HOST\nContent-Length: 6\n\
                   Transfer-Encoding: chunked\n\n0\n\nGET /smuggled HTTP/1.1\nHost: HOST\n\n";
    let (codes, answer) = write(&path, request).await;
    assert_eq!(codes, [400], "{answer}");
    assert!(answer.contains("connection: close\r\n"), "{answer}");
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let path = Path::start(&[echo_pod().await]);
    let request = "GET /one HTTP/1.1\nHost: HOST\n\n\
                   POST /two HTTP/1.1\nHost: HOST\nTransfer-Encoding: chunked\n\n3\nabc\n0\n\n\
                   HEAD /three HTTP/1.1\nHost: HOST\n\n\
                   GET /four HTTP/1.1\nHost: HOST\nConnection: close\n\n";
    let (codes, answer) = write(&path, request).await;
    assert_eq!(codes, [200; 4], "{answer}");
    let places: Vec<_> = ["GET /one", "POST /two", "GET /four"]
        .iter()
        .map(|line| answer.find(line).unwrap())
        .collect();
    assert!(places.is_sorted(), "{answer}");
    assert!(!answer.contains("HEAD /three"), "{answer}");
    assert_eq!(answer.matches("connection: close\r\n").count(), 1);
    for header in ["\r\ndate: ", "\r\nserver: lab", "\r\ncontent-length: "] {
        assert_eq!(answer.matches(header).count(), 4, "{header} {answer}");
    }
}

#[tokio::test]
async fn a_client_that_goes_away_is_told_in_the_film() {
    let (arrived, mut arrivals) = tokio::sync::mpsc::channel(1);
    let waiting = rude_pod(move |stream| {
        let arrived = arrived.clone();
        async move {
            arrived.send(stream).await.unwrap();
        }
    })
    .await;
    let mut path = Path::start(&[waiting]);
    let mut client = path.h2().await;
    let request = Request::builder()
        .uri(format!("https://{HOST}/"))
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        )
        .body(Full::default())
        .unwrap();
    let asking = tokio::spawn(async move { client.send_request(request).await });
    let mut at_pod = arrivals.recv().await.unwrap();
    asking.abort();
    let [_, span] = path.film().await;
    assert_eq!(span.status, "499");
    // The request at the pod ends as well.
    let mut rest = Vec::new();
    at_pod.read_to_end(&mut rest).await.unwrap();
}
