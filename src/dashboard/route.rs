//! `GET /api/route?url=…&method=…&header=…`: which rule would serve such a request, why no other one
//! does, and where it would go. Nothing is sent.
//!
//! The table is the one that the data path asks, so the answer is what a request would get now.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use http::header::{HOST, HeaderName};
use http::{HeaderMap, HeaderValue, Uri};

use super::{AdminError, AdminState};
use crate::model::{
    LosingRule, Question, Route, RouteAction, RuleAnswer, RuleDestination, RuleName, RuleQuestion,
    WeightedBackend, normalise_path,
};
use crate::registry::Cluster;

pub(super) async fn show(
    State(state): State<AdminState>,
    query: Result<Query<RuleQuestion>, QueryRejection>,
) -> Result<Json<RuleAnswer>, AdminError> {
    let Query(query) = query.map_err(|error| AdminError::Query(error.body_text()))?;
    let cluster = state.registry.snapshot();
    decide(&query, &cluster)
        .map(Json)
        .map_err(AdminError::Query)
}

fn decide(query: &RuleQuestion, cluster: &Cluster) -> Result<RuleAnswer, String> {
    let url = query.url.trim();
    let url = if url.contains("://") {
        url.to_owned()
    } else {
        format!("https://{url}")
    };
    let uri: Uri = url.parse().map_err(|_| format!("`{url}` is no URL"))?;
    let tls = match uri.scheme_str() {
        Some("https") => true,
        Some("http") => false,
        _ => return Err(format!("`{url}` is neither http:// nor https://")),
    };
    let host = uri.host().unwrap_or_default().trim_end_matches('.');
    let host = host.to_ascii_lowercase();
    if host.is_empty() {
        return Err(format!("`{url}` names no host"));
    }
    let path = normalise_path(uri.path()).map_err(|refusal| refusal.to_string())?;
    let mut headers = lines(&query.header)?;
    if let Some(Ok(authority)) = uri.authority().map(|it| it.as_str().parse()) {
        headers.entry(HOST).or_insert(authority);
    }
    let method = query.method.trim().to_ascii_uppercase();
    let question = Question {
        host: &host,
        path: &path,
        method: &method,
        headers: &headers,
        query: uri.query(),
        tls,
    };
    let decision = cluster.routes.explain(&question);
    let (outcome, goes_to) = match decision.winner {
        Some(route) => outcome(route, tls, cluster),
        None => ("404, code no-rule".to_owned(), Vec::new()),
    };
    let losers = decision.losers.into_iter().map(|loser| LosingRule {
        rule: rule(loser.route),
        reason: loser.reason,
    });
    Ok(RuleAnswer {
        winner: decision.winner.map(rule),
        why: decision.why,
        outcome,
        goes_to,
        losers: losers.collect(),
        path: path.into_owned(),
        tls,
        host,
    })
}

fn rule(route: &Route) -> RuleName {
    RuleName {
        route: route.name.clone(),
        ingress: route.ingress.clone(),
        priority: route.priority,
    }
}

/// What the rule does with a request, and the backends that may get it.
fn outcome(route: &Route, tls: bool, cluster: &Cluster) -> (String, Vec<RuleDestination>) {
    if route.redirect_https && !tls {
        return ("a redirect to https://".to_owned(), Vec::new());
    }
    match &route.action {
        RouteAction::AppendSlash => ("a redirect to the path with a slash".into(), Vec::new()),
        RouteAction::Unavailable { reason, status } => {
            (format!("{status}, code no-backend: {reason}"), Vec::new())
        }
        RouteAction::Forward(shares) => {
            let goes_to = destinations(shares, cluster);
            let nobody = goes_to.iter().all(|one| one.endpoints.is_empty());
            let outcome = match (nobody, route.empty_is_404) {
                (false, _) => "forwarded to one of the endpoints below",
                (true, false) => "503, code no-endpoint: no endpoint is ready",
                (true, true) => "404, code no-rule: Traefik has no router without endpoints",
            };
            (outcome.to_owned(), goes_to)
        }
    }
}

fn destinations(shares: &[WeightedBackend], cluster: &Cluster) -> Vec<RuleDestination> {
    let total: f64 = shares.iter().map(|share| f64::from(share.weight)).sum();
    let known = shares.iter().filter_map(|share| {
        let backend = cluster.routes.backends().get(share.backend?)?;
        let slice = cluster.slices.get(&backend.service);
        let endpoints = slice.into_iter().flat_map(|slice| slice.usable());
        let name = |endpoint: &crate::model::Endpoint| {
            let address = endpoint.addresses.get(backend.port_index)?;
            let pod = endpoint.pod.as_deref();
            Some(pod.map_or_else(
                || address.pod.to_string(),
                |pod| format!("{pod} {}", address.pod),
            ))
        };
        Some(RuleDestination {
            service: backend.service.clone(),
            port: backend.port,
            share: if total > 0.0 {
                f64::from(share.weight) * 100.0 / total
            } else {
                0.0
            },
            endpoints: endpoints.filter_map(name).collect(),
        })
    });
    known.collect()
}

/// Headers of a text, a line each.
fn lines(text: &str) -> Result<HeaderMap, String> {
    let mut headers = HeaderMap::new();
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let wrong = || format!("`{line}` is no header (it is written `name: value`)");
        let (name, value) = line.split_once(':').ok_or_else(wrong)?;
        let name: HeaderName = name.trim().parse().map_err(|_| wrong())?;
        let value: HeaderValue = value.trim().parse().map_err(|_| wrong())?;
        headers.append(name, value);
    }
    Ok(headers)
}
