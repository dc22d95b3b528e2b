//! What the proxies lead to: a pod that answers every request with 1,000 bytes, over HTTP/1.1 or
//! HTTP/2 without TLS. It lives in this process, whose CPU time is not counted.

use std::convert::Infallible;
use std::net::SocketAddr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::TcpListener;

use super::Failed;

static BODY: [u8; 1_000] = [b'x'; 1_000];

/// Starts one; where it listens.
pub(crate) async fn start() -> Result<SocketAddr, Failed> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = stream.set_nodelay(true);
                let server = auto::Builder::new(TokioExecutor::new());
                // A client that goes away is the end of a window, and no error.
                let _ = server
                    .serve_connection(TokioIo::new(stream), service_fn(answer))
                    .await;
            });
        }
    });
    Ok(address)
}

async fn answer(
    request: Request<Incoming>,
) -> Result<Response<impl hyper::body::Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    let grpc = request.uri().path().starts_with("/grpc");
    request.into_body().collect().await?;
    // gRPC's status comes behind the body.
    let trailers = async move {
        let mut trailers = HeaderMap::new();
        trailers.insert("grpc-status", hyper::header::HeaderValue::from_static("0"));
        grpc.then_some(Ok(trailers))
    };
    let body = Full::new(Bytes::from_static(&BODY));
    let mut response = Response::new(body.with_trailers(trailers));
    let kind = if grpc {
        "application/grpc"
    } else {
        "text/plain"
    };
    response.headers_mut().insert(
        "content-type",
        hyper::header::HeaderValue::from_static(kind),
    );
    if !grpc {
        response
            .headers_mut()
            .insert("content-length", BODY.len().into());
    }
    Ok(response)
}
