//! Copies of requests for another backend. Nobody waits for their answers.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::request::Parts;
use http_body_util::BodyExt as _;

use crate::ingress::exchange::{Limits, exchange};
use crate::ingress::proxy::readdress;
use crate::ingress::view::View;
use crate::model::Mirror;
use crate::wire::Body;

/// Bodies that are larger are not copied: a copy is held in memory until it is sent.
const LARGEST: u64 = 1024 * 1024;
/// A copy that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(60);

/// Sends the copies that the dice want, and gives back the body.
pub(super) async fn send(mirrors: &[&Mirror], head: &Parts, body: Body, view: &View) -> Body {
    let wanted: Vec<usize> = mirrors
        .iter()
        .filter(|mirror| fastrand::u32(0..mirror.denominator.max(1)) < mirror.numerator)
        .map(|mirror| mirror.backend)
        .collect();
    if wanted.is_empty() {
        return body;
    }
    let (body, copy) = match whole(body).await {
        Ok(bytes) => (Body::from(bytes.clone()), bytes),
        Err(body) => {
            tracing::debug!("a request body is too large to be copied");
            return body;
        }
    };
    for backend in wanted {
        let backend = std::rc::Rc::clone(view.backend(backend));
        if backend.endpoints.is_empty() {
            continue;
        }
        let mut head = head.clone();
        // Its endpoints may speak another protocol than the request's own.
        if let Err(error) = readdress(&mut head, backend.endpoints[0].pool.spoken.is_h2()) {
            tracing::debug!(%error, "a copy cannot be addressed");
            continue;
        }
        let body = Body::from(copy.clone());
        tokio::task::spawn_local(async move {
            let limits = Limits {
                response: Some(PATIENCE),
                read: Some(PATIENCE),
                ..Limits::default()
            };
            match exchange(&backend, &head, body, &limits, false, &mut None).await {
                // Read to its end, so that its connection can be used again.
                Ok(response) => _ = whole(response.into_body()).await,
                Err(error) => tracing::debug!(%error, "a copy was not taken"),
            }
        });
    }
    body
}

/// A body of which all is known, or as it was if it is too large or of unknown length.
async fn whole(body: Body) -> Result<Bytes, Body> {
    if body.is_end() {
        return Ok(Bytes::new());
    }
    if body.length().is_none_or(|length| length > LARGEST) {
        return Err(body);
    }
    let mut body = body;
    let mut all = BytesMut::new();
    while let Some(frame) = body.frame().await {
        match frame {
            Ok(frame) => {
                if let Some(data) = frame.data_ref() {
                    all.extend_from_slice(data);
                }
            }
            // It breaks off for its reader in the same way.
            Err(_) => return Err(body),
        }
    }
    Ok(all.freeze())
}
