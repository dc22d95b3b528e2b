//! `WebSocket`s: after the endpoint agreed to switch, bytes are copied both ways and not read.

use http::request::Parts;
use http::{Request, Response, StatusCode};
use hyper::client::conn::http1;
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;

use super::body::{RequestBody, ResponseBody};
use super::connection::Client;
use super::exchange::{Limits, failure};
use super::failure::Failure;
use super::film::Film;
use super::headers;
use super::pool::DialError;
use super::view::Backend;

/// Asks an endpoint for a WebSocket over a connection of its own.
pub(super) async fn open(
    client: &Client,
    backend: &Backend,
    head: Parts,
    upgrade: OnUpgrade,
    limits: Limits,
    film: &mut Option<Box<Film>>,
) -> Result<Response<ResponseBody>, Failure> {
    let first = backend.next();
    let mut tried = 0;
    let (target, stream, pair) = loop {
        let index = (first + tried) % backend.endpoints.len();
        let target = &backend.endpoints[index];
        if let Some(film) = film {
            film.selected(backend, index, tried);
        }
        tried += 1;
        match target.pool.dial().await {
            Ok((stream, pair)) => break (target, stream, pair),
            Err(_) if tried < backend.endpoints.len() => {}
            Err(source) => {
                return Err(Failure::Connect {
                    endpoint: target.name.clone(),
                    source,
                });
            }
        }
    };
    if let Some(film) = film {
        film.connected(pair, false, false);
    }
    let (mut sender, connection) = http1::handshake::<_, RequestBody>(TokioIo::new(stream))
        .await
        .map_err(|error| Failure::Connect {
            endpoint: target.name.clone(),
            source: DialError::Handshake(error),
        })?;
    client.spawn(async move {
        if let Err(error) = connection.with_upgrades().await {
            tracing::debug!(%error, "connection of a tunnel ended");
        }
    });
    let request = Request::from_parts(head, RequestBody::empty());
    let response = sender
        .send_request(request)
        .await
        .map_err(|error| failure(target, &error))?;
    if let Some(film) = film {
        film.answered(response.status());
    }
    if response.status() != StatusCode::SWITCHING_PROTOCOLS {
        // A refusal: an ordinary response, over a connection that is not used again.
        let (mut parts, incoming) = response.into_parts();
        headers::to_client(&mut parts.headers);
        let body = ResponseBody::forwarded(incoming, limits.read).filmed(film.take());
        return Ok(Response::from_parts(parts, body));
    }
    let (parts, _) = {
        let mut response = response;
        let endpoint = hyper::upgrade::on(&mut response);
        client.spawn(async move {
            let (Ok(client), Ok(endpoint)) = (upgrade.await, endpoint.await) else {
                return;
            };
            let (mut client, mut endpoint) = (TokioIo::new(client), TokioIo::new(endpoint));
            if let Err(error) = tokio::io::copy_bidirectional(&mut client, &mut endpoint).await {
                tracing::debug!(%error, "tunnel ended");
            }
        });
        response.into_parts()
    };
    let body = ResponseBody::default().filmed(film.take());
    Ok(Response::from_parts(parts, body))
}
