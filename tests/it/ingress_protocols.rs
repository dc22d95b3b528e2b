//! What passes through unchanged: HTTP/2, streams, trailers, `WebSocket`s.

use std::convert::Infallible;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper::{HeaderMap, Request, Response};
use lab::model::AppProtocol;
use tokio_tungstenite::tungstenite::Message;

use crate::ingress_support::*;

#[tokio::test]
async fn every_pair_of_versions_works() {
    for protocol in [AppProtocol::Http, AppProtocol::H2c] {
        let path = Path::start_with(&[echo_pod().await], protocol, |_| {});
        let (expected, host) = match protocol {
            AppProtocol::H2c => ("HTTP/2.0", format!("POST http://{HOST}/x?y HTTP/2.0")),
            _ => ("HTTP/1.1", format!("host: {HOST}\n")),
        };
        let body = "b".repeat(300_000);
        for _ in 0..3 {
            let request = |uri: String| {
                Request::builder()
                    .method("POST")
                    .uri(uri)
                    .body(Full::from(body.clone()))
                    .unwrap()
            };
            let mut over_h1 = request("/x?y".to_owned());
            over_h1.headers_mut().insert("host", HOST.parse().unwrap());
            let over_h2 = request(format!("https://{HOST}/x?y"));
            let (mut h1, mut h2) = (path.h1().await, path.h2().await);
            for answer in [
                text(h1.send_request(over_h1).await.unwrap()).await,
                text(h2.send_request(over_h2).await.unwrap()).await,
            ] {
                assert!(answer.lines().next().unwrap().ends_with(expected));
                assert!(answer.contains(&host), "{host} in {}", &answer[..600]);
                assert!(answer.ends_with(&body));
            }
        }
    }
}

#[tokio::test]
async fn the_first_event_of_a_stream_arrives_before_its_last() {
    let (events, receiver) = tokio::sync::mpsc::channel::<&'static str>(1);
    let receiver = std::sync::Arc::new(tokio::sync::Mutex::new(Some(receiver)));
    let streaming = pod(move |_| {
        let receiver = std::sync::Arc::clone(&receiver);
        async move {
            let receiver = receiver.lock().await.take().unwrap();
            let frames = futures_util::stream::unfold(receiver, |mut receiver| async {
                let text = receiver.recv().await?;
                Some((
                    Ok::<_, Infallible>(Frame::data(Bytes::from(text))),
                    receiver,
                ))
            });
            Response::builder()
                .header("content-type", "text/event-stream")
                .body(BodyExt::boxed(StreamBody::new(frames)))
                .unwrap()
        }
    })
    .await;
    let path = Path::start(&[streaming]);
    let mut client = path.h1().await;
    events.send("data: 1\n\n").await.unwrap();
    let mut response = client.send_request(get("/")).await.unwrap();
    let mut next = async || {
        let frame = response.frame().await?.unwrap();
        Some(frame.into_data().unwrap())
    };
    assert_eq!(next().await.unwrap(), "data: 1\n\n");
    events.send("data: 2\n\n").await.unwrap();
    assert_eq!(next().await.unwrap(), "data: 2\n\n");
    drop(events);
    assert_eq!(next().await, None);
}

#[tokio::test]
async fn grpc_trailers_pass_both_ways() {
    let grpc = pod(|request: Request<hyper::body::Incoming>| async move {
        assert_eq!(request.headers()["te"], "trailers");
        let message = request.into_body().collect().await.unwrap().to_bytes();
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", "5".parse().unwrap());
        trailers.insert("grpc-message", "ERROR_NOT_FOUND: x".parse().unwrap());
        let body = Full::new(message).with_trailers(async move { Some(Ok(trailers)) });
        Response::builder()
            .header("content-type", "application/grpc")
            .body(BodyExt::boxed(body))
            .unwrap()
    })
    .await;
    let path = Path::start_with(&[grpc], AppProtocol::H2c, |_| {});
    let request = Request::builder()
        .method("POST")
        .uri(format!("https://{HOST}/inventory.v1.Server/list"))
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(Full::from("\0\0\0\0\u{2}hi"))
        .unwrap();
    let response = path.h2().await.send_request(request).await.unwrap();
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key("grpc-status"));
    let body = response.into_body().collect().await.unwrap();
    let trailers = body.trailers().unwrap();
    assert_eq!(trailers["grpc-status"], "5");
    assert_eq!(trailers["grpc-message"], "ERROR_NOT_FOUND: x");
    assert_eq!(body.to_bytes(), "\0\0\0\0\u{2}hi");
}

#[tokio::test]
async fn a_websocket_talks_through() {
    let echo = rude_pod(|stream| async move {
        let mut socket = tokio_tungstenite::accept_async(stream).await.unwrap();
        while let Some(Ok(message)) = socket.next().await {
            if message.is_text() && socket.send(message).await.is_err() {
                return;
            }
        }
    })
    .await;
    let path = Path::start(&[echo]);
    let stream = path.tls(HOST, &["http/1.1"]).await.unwrap();
    let url = format!("wss://{HOST}/socket");
    let (mut socket, response) = tokio_tungstenite::client_async(url, stream).await.unwrap();
    assert_eq!(response.status(), 101);
    for text in ["one", "two"] {
        socket.send(Message::text(text)).await.unwrap();
        let answer = socket.next().await.unwrap().unwrap();
        assert_eq!(answer, Message::text(text));
    }
    socket.close(None).await.unwrap();
}
