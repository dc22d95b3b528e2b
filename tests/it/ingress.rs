//! The ingress' plain work: routing, headers, redirects, films, reuse, drain.

use std::collections::HashMap;

use http_body_util::{BodyExt, Full};
use hyper::{Request, Response};
use lab::model::SpanKind;

use crate::ingress_support::*;

#[tokio::test]
async fn a_request_reaches_the_pod_with_forwarded_headers() {
    let path = Path::start(&[echo_pod().await]);
    let request = Request::builder()
        .method("POST")
        .uri("/a/../b?q=1")
        .header("host", HOST)
        .header("connection", "keep-alive, x-secret, x-forwarded-for")
        .header("x-secret", "1")
        .header("x-forwarded-for", "6.6.6.6")
        .header("x_forwarded_proto", "gopher")
        .header("forwarded", "for=6.6.6.6")
        .header("x-kept", "yes")
        .body(Full::from("hello"))
        .unwrap();
    let answer = text(path.h1().await.send_request(request).await.unwrap()).await;
    assert!(answer.starts_with("POST /b?q=1 HTTP/1.1\n"), "{answer}");
    assert!(answer.ends_with("hello"), "{answer}");
    for line in [
        "x-forwarded-for: 127.0.0.1\n",
        "x-real-ip: 127.0.0.1\n",
        "x-forwarded-proto: https\n",
        "x-forwarded-port: 443\n",
        "x-forwarded-server: traefik-0\n",
        "x-kept: yes\n",
        "content-length: 5\n",
    ] {
        assert!(answer.contains(line), "{line} in {answer}");
    }
    for gone in ["6.6.6.6", "gopher", "x-secret", "connection", "traceparent"] {
        assert!(!answer.contains(gone), "{gone} in {answer}");
    }
}

#[tokio::test]
async fn certificates_follow_the_name_that_the_client_sends() {
    let path = Path::start(&[echo_pod().await]);
    assert!(path.tls(HOST, &[]).await.is_ok());
    assert!(path.tls("other.lab.localhost", &[]).await.is_ok());
    let error = path.tls("a.b.lab.localhost", &[]).await.unwrap_err();
    assert!(error.to_string().contains("certificate"), "{error}");
}

#[tokio::test]
async fn clear_text_is_redirected_only_for_hosts_with_a_rule() {
    let path = Path::start(&[echo_pod().await]);
    let ask = async |method: &str, host: &str| {
        let stream = tokio::net::TcpStream::connect(path.http).await.unwrap();
        let io = hyper_util::rt::TokioIo::new(stream);
        let (mut sender, connection) = hyper::client::conn::http1::handshake(io).await.unwrap();
        tokio::spawn(connection);
        let request = Request::builder()
            .method(method)
            .uri("/a?b=c")
            .header("host", host)
            .body(Full::<bytes::Bytes>::default())
            .unwrap();
        let response = sender.send_request(request).await.unwrap();
        let location = response.headers().get("location").cloned();
        (
            response.status().as_u16(),
            location.map(|value| value.to_str().unwrap().to_owned()),
        )
    };
    let expected = format!("https://{HOST}:{}/a?b=c", path.https.port());
    assert_eq!(ask("GET", HOST).await, (301, Some(expected.clone())));
    assert_eq!(ask("POST", HOST).await, (308, Some(expected)));
    assert_eq!(ask("GET", "evil.example").await, (404, None));
}

#[tokio::test]
async fn requests_take_turns_and_reuse_connections() {
    let pods = [echo_pod().await, echo_pod().await, echo_pod().await];
    let mut path = Path::start(&pods);
    let mut client = path.h1().await;
    let mut served = HashMap::new();
    for number in 0..30 {
        let mut request = get("/");
        let trace = format!("00-{:032x}-00f067aa0ba902b7-01", number + 1);
        request
            .headers_mut()
            .insert("traceparent", trace.parse().unwrap());
        client.ready().await.unwrap();
        let answer = text(client.send_request(request).await.unwrap()).await;
        let [balancer, span] = path.film().await;
        assert_eq!(balancer.kind, SpanKind::LoadBalancer);
        assert_eq!(span.kind, SpanKind::Ingress);
        assert_eq!(span.parent, Some(balancer.id));
        assert!(
            answer.contains(&format!(
                "traceparent: 00-{:032x}-{}-01",
                number + 1,
                span.id
            )),
            "{answer}"
        );
        assert_eq!(span.status, "200");
        assert_eq!(
            span.attributes["route"],
            "Host(`console.lab.localhost`) && PathPrefix(`/`)"
        );
        assert_eq!(span.attributes["response_bytes"], answer.len());
        assert_eq!(span.attributes["sni"], HOST);
        let expected = if number < 3 { "new" } else { "reused" };
        assert_eq!(
            span.attributes["upstream_connection"], expected,
            "request {number}"
        );
        let remote = span.outbound.unwrap().remote;
        *served.entry(remote).or_insert(0) += 1;
    }
    assert_eq!(served.len(), 3);
    assert!(served.values().all(|&count| count == 10), "{served:?}");
}

#[tokio::test]
async fn endpoints_that_come_and_go_under_load_lose_no_request() {
    let pods = [echo_pod().await, echo_pod().await, echo_pod().await];
    let path = std::sync::Arc::new(Path::start(&pods[..1]));
    let load: Vec<_> = (0..4)
        .map(|_| {
            let path = std::sync::Arc::clone(&path);
            tokio::spawn(async move {
                let mut client = path.h1().await;
                for _ in 0..150 {
                    client.ready().await.unwrap();
                    let response = client.send_request(get("/")).await.unwrap();
                    assert_eq!(response.status(), 200);
                    text(response).await;
                }
            })
        })
        .collect();
    for round in 0..60 {
        path.endpoints(&pods[round % 2..=(round % 3).max(round % 2)]);
        tokio::task::yield_now().await;
        tokio::time::sleep(std::time::Duration::from_millis(3)).await;
    }
    for client in load {
        client.await.unwrap();
    }
}

#[tokio::test]
async fn a_stopping_replica_finishes_what_it_began() {
    let (release, held) = tokio::sync::watch::channel(false);
    let (arrived, mut arrivals) = tokio::sync::mpsc::channel(1);
    let slow = pod(move |_| {
        let (mut held, arrived) = (held.clone(), arrived.clone());
        async move {
            arrived.send(()).await.unwrap();
            held.wait_for(|go| *go).await.unwrap();
            Response::new(Full::from("done").boxed())
        }
    })
    .await;
    let mut path = Path::start(&[slow]);
    let mut client = path.h1().await;
    let mut h2 = path.h2().await;
    let url = format!("https://{HOST}/");
    let answers = tokio::spawn(async move {
        let over_h2 = Request::builder().uri(url).body(Full::default()).unwrap();
        tokio::join!(client.send_request(get("/")), h2.send_request(over_h2))
    });
    arrivals.recv().await.unwrap();
    arrivals.recv().await.unwrap();
    path.trigger.trigger();
    let stopped = tokio::spawn(path.replica.take().unwrap().stopped());
    release.send_replace(true);
    let (first, second) = answers.await.unwrap();
    let first = first.unwrap();
    assert_eq!(first.headers()["connection"], "close");
    assert_eq!(text(first).await, "done");
    assert_eq!(text(second.unwrap()).await, "done");
    stopped.await.unwrap();
    assert!(tokio::net::TcpStream::connect(path.https).await.is_err());
}

#[tokio::test]
async fn the_sampler_starts_films_and_forwards_nothing_when_off() {
    let mut path = Path::start_with(
        &[echo_pod().await],
        lab::model::AppProtocol::Http,
        |settings| {
            settings.sampler.set(1);
        },
    );
    let (_, answer) = path.get("/").await;
    let [balancer, span] = path.film().await;
    assert_eq!(balancer.parent, None);
    assert!(answer.contains(&format!("traceparent: 00-{}-{}-01", span.trace, span.id)));
    assert_eq!(balancer.inbound, span.inbound);
}
