//! What the ingress answers itself, and what it tries again.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http_body_util::Full;
use hyper::Request;
use lab::ingress::Sampler;
use lab::model::{AppProtocol, Span, SpanKind};
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
    let trace = response.headers()["x-lab-trace"]
        .to_str()
        .unwrap()
        .to_owned();
    let status = response.status().as_u16();
    let text = text(response).await;
    assert!(
        text.ends_with(&format!("\nwhy: lab trace {trace}\n")),
        "{text}"
    );
    (status, code, text)
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

/// The attributes of an ingress' span, which must be the second one of the film.
fn seen([balancer, span]: [Span; 2]) -> (String, serde_json::Map<String, serde_json::Value>) {
    assert_eq!(balancer.kind, SpanKind::LoadBalancer);
    assert_eq!(
        (span.kind, span.parent),
        (SpanKind::Ingress, Some(balancer.id))
    );
    (span.trace.to_string(), span.attributes)
}

/// The sampler is off in these tests, so whatever is filmed is filmed because it failed.
#[tokio::test]
async fn what_fails_is_filmed_although_nobody_asked_for_a_film() {
    let mut path = Path::start(&[nobody()]);
    let (_, _, text) = ask(&path, HOST).await;
    let (trace, it) = seen(path.film().await);
    assert!(text.contains(&trace), "{text} {trace}");
    assert_eq!(it["error_code"], "connect");
    assert_eq!(it["filmed"], "afterwards");
    assert_eq!((&it["path"], &it["host"]), (&"/x".into(), &HOST.into()));
    assert_eq!(
        (&it["service"], &it["pod"]),
        (&"web:80".into(), &"web-0".into())
    );
    assert_eq!(it["candidates"], serde_json::json!(["web-0"]));
    assert!(
        it["route_why"]
            .as_str()
            .unwrap()
            .contains("the host is equal")
    );

    ask(&path, "unknown.test").await;
    let (_, it) = seen(path.film().await);
    assert_eq!(it["error_code"], "no-rule");
    assert!(!it["losers"].as_array().unwrap().is_empty(), "{it:?}");
    assert_eq!(it.get("service"), None);

    path.endpoints(&[echo_pod().await]);
    assert_eq!(path.get("/").await.0, 200);
    assert!(path.events.try_recv().is_err(), "what succeeds has no film");
}

#[tokio::test]
async fn what_cannot_even_be_read_is_filmed() {
    let mut path = Path::start(&[]);
    let mut stream = tokio::net::TcpStream::connect(path.http).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost : a\r\n\r\n")
        .await
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (trace, it) = seen(path.film().await);
    assert!(
        answer.contains(&format!("x-lab-trace: {trace}")),
        "{answer}"
    );
    assert_eq!(it["error_code"], "bad-request");
    assert_eq!(it.get("method"), None);
}

#[tokio::test]
async fn who_wants_no_trace_gets_a_film_of_a_failure_under_the_same_id() {
    let mut path = Path::start(&[]);
    let id = "4bf92f3577b34da6a3ce929d0e0e4736";
    let request = Request::builder()
        .uri("/")
        .header("host", HOST)
        .header("traceparent", format!("00-{id}-00f067aa0ba902b7-00"))
        .body(Full::default())
        .unwrap();
    let response = path.h1().await.send_request(request).await.unwrap();
    assert_eq!(response.headers()["x-lab-trace"], id);
    drop(response);
    assert_eq!(seen(path.film().await).0, id);
}

#[tokio::test]
async fn a_flood_of_failures_makes_few_films() {
    let path = Path::start_with(&[], AppProtocol::Http, |settings| {
        settings.failures = Arc::new(Sampler::new(1));
    });
    let mut sender = path.h1().await;
    let mut filmed = 0;
    for _ in 0..200 {
        let request = Request::builder().uri("/").header("host", HOST);
        let response = sender.send_request(request.body(Full::default()).unwrap());
        let response = response.await.unwrap();
        assert_eq!(response.headers()["x-lab-error"], "no-endpoint");
        filmed += usize::from(response.headers().contains_key("x-lab-trace"));
        let text = text(response).await;
        assert!(filmed > 0 && text.starts_with("503"), "{text}");
    }
    assert!(filmed < 50, "{filmed}");
}

#[tokio::test]
async fn a_browser_is_led_to_the_dashboard() {
    let mut path = Path::start_with(&[], AppProtocol::Http, |settings| {
        settings.dashboard = Some("http://127.0.0.1:4/".to_owned());
    });
    let request = Request::builder()
        .uri("/%3Cb%3E")
        .header("host", "a.test")
        .header("accept", "text/html,*/*")
        .body(Full::default())
        .unwrap();
    let response = path.h1().await.send_request(request).await.unwrap();
    let page = text(response).await;
    let (trace, _) = seen(path.film().await);
    assert!(
        page.contains(&format!("href=\"http://127.0.0.1:4/#/film/{trace}\"")),
        "{page}"
    );
    assert!(!page.contains("<b>"), "{page}");
}
