//! What the ingress answers itself, and what it tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use lab::model::AppProtocol;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::ingress_support::*;

async fn ask(path: &Path, host: &str) -> (u16, String, String) {
    let request = Request::builder()
        .uri("/x")
        .header("host", host)
        .body(Full::default())
        .unwrap();
    let response = path.h1().await.send_request(request).await.unwrap();
    let code = response.headers()["x-lab-error"]
        .to_str()
        .unwrap()
        .to_owned();
    (response.status().as_u16(), code, text(response).await)
}

#[tokio::test]
async fn each_failure_has_its_status_and_its_reason() {
    let path = Path::start(&[]);
    let (status, code, reason) = ask(&path, "unknown.test").await;
    assert_eq!((status, code.as_str()), (404, "no-rule"));
    assert!(reason.contains("unknown.test"), "{reason}");

    let (status, code, reason) = ask(&path, "other.lab.localhost").await;
    assert_eq!((status, code.as_str()), (421, "misdirected"));
    assert!(reason.contains("another certificate"), "{reason}");

    let (status, code, reason) = ask(&path, HOST).await;
    assert_eq!((status, code.as_str()), (503, "no-endpoint"));
    assert!(reason.contains("Service \"web\""), "{reason}");

    path.endpoints(&[nobody()]);
    let (status, code, reason) = ask(&path, HOST).await;
    assert_eq!((status, code.as_str()), (502, "connect"));
    assert!(reason.contains("web-0"), "{reason}");

    let garbage = rude_pod(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
        let _ = stream.write_all(b"220 mail.example ESMTP\r\n\r\n").await;
    })
    .await;
    path.endpoints(&[garbage]);
    let (status, code, _) = ask(&path, HOST).await;
    assert_eq!((status, code.as_str()), (502, "bad-response"));

    let closes = rude_pod(|mut stream| async move {
        let _ = stream.read(&mut [0; 1024]).await;
    })
    .await;
    path.endpoints(&[closes]);
    let (status, code, _) = ask(&path, HOST).await;
    assert_eq!((status, code.as_str()), (502, "closed"));

    let (status, code, _) = ask(&path, "a,b").await;
    assert_eq!((status, code.as_str()), (400, "bad-request"));
}

#[tokio::test]
async fn silence_is_504() {
    let silent = rude_pod(|stream| async move {
        let _held = stream;
        std::future::pending::<()>().await;
    })
    .await;
    let path = Path::start_with(&[silent], AppProtocol::Http, |settings| {
        settings.response = Some(Duration::from_millis(50));
    });
    let (status, code, _) = ask(&path, HOST).await;
    assert_eq!((status, code.as_str()), (504, "timeout"));
}

#[tokio::test]
async fn grpc_gets_its_own_kind_of_failure() {
    let path = Path::start_with(&[], AppProtocol::H2c, |_| {});
    let request = Request::builder()
        .method("POST")
        .uri(format!("https://{HOST}/a.B/C"))
        .header("content-type", "application/grpc")
        .body(Full::default())
        .unwrap();
    let response = path.h2().await.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["grpc-status"], "14");
    assert_eq!(response.headers()["content-type"], "application/grpc");
}

#[tokio::test]
async fn a_dead_endpoint_is_passed_over() {
    let pods = [nobody(), echo_pod().await];
    let path = Path::start(&pods);
    for _ in 0..6 {
        assert_eq!(path.get("/").await.0, 200);
    }
}

#[tokio::test]
async fn a_kept_connection_that_dies_in_use_is_tried_again_for_get_only() {
    let connections = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&connections);
    // Answers one request on each connection and closes it when the second one comes.
    let fickle = rude_pod(move |mut stream| {
        counter.fetch_add(1, Ordering::SeqCst);
        async move {
            let _ = stream.read(&mut [0; 4096]).await;
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
                .await;
            let _ = stream.read(&mut [0; 4096]).await;
        }
    })
    .await;
    let path = Path::start(&[fickle]);
    assert_eq!(path.get("/").await.0, 200);
    assert_eq!(path.get("/").await.0, 200);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
    let post = Request::builder()
        .method("POST")
        .uri("/")
        .header("host", HOST)
        .body(Full::from("once"))
        .unwrap();
    let response = path.h1().await.send_request(post).await.unwrap();
    assert_eq!(response.status(), 502);
    assert_eq!(connections.load(Ordering::SeqCst), 2);
}
