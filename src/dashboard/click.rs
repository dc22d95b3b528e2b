//! `POST /api/click`: sends one request through the load balancer, as `lab trace` does, so that a page
//! can show its film.

use std::time::Duration;

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use serde_json::json;

use super::caller::{Line, address, token};
use super::{AdminError, AdminState, Facts, scale};
use crate::model::{Click, ClickAnswer, SpanId, TraceId, Traceparent};
use crate::registry::Cluster;

/// For everything together; a film of a request that hangs is there all the same.
const PATIENCE: Duration = Duration::from_secs(10);
/// What is asked for if nothing is said: the way of it leads through everything.
const LIST: &str = "inventory/cloud-service/list";

/// Sends it and waits for the answer's head.
pub(super) async fn click(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<Json<ClickAnswer>, AdminError> {
    let click: Click = scale::read(&body)?;
    let facts = state.facts.borrow().clone();
    let cluster = state.registry.snapshot();
    let traceparent = Traceparent {
        trace: TraceId::from_random(fastrand::u128(..)),
        parent: SpanId::from_random(fastrand::u64(..)),
        sampled: true,
    };
    let sending = send(&click, &facts, &cluster, traceparent);
    let status = match tokio::time::timeout(PATIENCE, sending).await {
        Ok(sent) => Some(sent.map_err(AdminError::Failed)?),
        Err(_) => None,
    };
    Ok(Json(ClickAnswer {
        trace: traceparent.trace,
        status,
    }))
}

async fn send(
    click: &Click,
    facts: &Facts,
    cluster: &Cluster,
    traceparent: Traceparent,
) -> Result<u16, String> {
    let traceparent = traceparent.to_string();
    let urls = &facts.urls;
    let api = urls.console_api_v2.as_ref();
    let list = api.filter(|_| click.url.is_none() && facts.login.is_some());
    let everything = json!({});
    let (uri, message, token) = if let Some(api) = list {
        let token = token(facts, cluster).await?;
        (address(api, LIST)?, Some(&everything), Some(token))
    } else {
        let url = click.url.as_ref().or(urls.console.as_ref());
        let url = url.ok_or("the lab has no console; name a URL")?;
        let uri = url.parse().map_err(|_| format!("`{url}` is no URL"))?;
        (uri, None, None)
    };
    // A connection of its own, so that the film begins with one.
    let mut line = Line::open(&uri, cluster).await?;
    let sent = line.send(&uri, message, token.as_deref(), &traceparent);
    sent.await.map(|it| it.0)
}
