//! One HTTP/1.1 request over one connection.

use std::net::SocketAddr;

use bytes::Bytes;
use http::{Method, Request, header};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::TcpStream;

use super::ClientError;
use crate::model::Refusal;

/// Sends it and gives the body of a good answer; a refusal becomes an error.
pub(super) async fn call(
    address: SocketAddr,
    token: &str,
    method: Method,
    target: &str,
    body: Vec<u8>,
) -> Result<Incoming, ClientError> {
    let unreachable = |source| ClientError::Unreachable { address, source };
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| unreachable(error.into()))?;
    // Requests are one small write; waiting to fill a segment would only cost time.
    let _ = stream.set_nodelay(true);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
        .await
        .map_err(|error| unreachable(error.into()))?;
    // Ends with the body that it carries; its errors arrive there.
    tokio::spawn(connection);
    let request = Request::builder()
        .method(method)
        .uri(target)
        .header(header::HOST, address.to_string())
        .header(header::AUTHORIZATION, format!("Bearer {token}"))
        .header(header::CONTENT_TYPE, "application/json")
        .body(Full::new(Bytes::from(body)))
        .map_err(|error| unreachable(error.into()))?;
    let answer = sender
        .send_request(request)
        .await
        .map_err(|error| unreachable(error.into()))?;
    let status = answer.status();
    if status.is_success() {
        return Ok(answer.into_body());
    }
    let text = collect(address, answer.into_body()).await?;
    let refusal = serde_json::from_slice(&text).unwrap_or_else(|_| Refusal {
        error: format!("the admin API answered {status}"),
        hint: None,
    });
    Err(ClientError::Refused {
        status: status.as_u16(),
        refusal,
    })
}

/// Reads a body that is one JSON document.
pub(super) async fn whole<T: DeserializeOwned>(
    address: SocketAddr,
    body: Incoming,
) -> Result<T, ClientError> {
    let text = collect(address, body).await?;
    serde_json::from_slice(&text).map_err(ClientError::Answer)
}

async fn collect(address: SocketAddr, body: Incoming) -> Result<Bytes, ClientError> {
    match body.collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) => Err(ClientError::Unreachable {
            address,
            source: error.into(),
        }),
    }
}
