//! Which way a request goes: the checks, its rule, its filters, its endpoint.

use std::rc::Rc;

use http::header::{HOST, HeaderValue};
use http::uri::PathAndQuery;
use http::{Request, Version};

use super::account::Account;
use super::afterwards::Reached;
use super::balance::{self, Pick};
use super::connection::Client;
use super::elsewhere::{append_slash, to_https};
use super::failure::Failure;
use super::faults;
use super::film::Film;
use super::filters::{self, Plan, Stop, Subject};
use super::refuse::{self, Refusal, Target};
use super::view::{Backend, View};
use crate::model::{Canary, Route, RouteAction};
use crate::wire::Body;

/// How a request goes on, and what its head is to say.
pub(super) struct Way<'v> {
    pub(super) route: &'v Route,
    pub(super) plan: Plan<'v>,
    pub(super) backend: Rc<Backend>,
    pub(super) pick: Pick,
    /// Another path than the client wrote.
    pub(super) path: Option<PathAndQuery>,
    /// As the client wrote it.
    pub(super) asked_host: HeaderValue,
    /// As the endpoint is to see it.
    pub(super) host: HeaderValue,
    pub(super) websocket: bool,
}

/// Checks the request, and finds its rule and its endpoint.
pub(super) async fn find<'v>(
    client: &Client,
    view: &'v View,
    request: &Request<Body>,
    film: &mut Option<Box<Film>>,
    account: &Account<'_>,
    reached: &mut Option<Box<Reached>>,
) -> Result<Way<'v>, Stop> {
    let target = refuse::check(request).map_err(Failure::from)?;
    if !view.faults.is_empty() {
        Box::pin(faults::at_ingress(client, view, film)).await?;
    }
    if client.misdirected(&target.host, &view.routes) {
        let host = target.host.into_owned();
        return Err(Failure::Misdirected { host }.into());
    }
    let question = target.question(request, client.tls.is_some());
    if let Some(film) = film {
        film.routed(view, &question);
    }
    let Some(route) = view.routes.find(&question) else {
        return Err(no_route(&target).into());
    };
    if let Some(film) = film {
        film.follows(route);
    }
    if route.redirect_https && client.tls.is_none() {
        let answer = to_https(client, route, &target, request);
        return Err(Stop::Answer(Box::new(answer)));
    }
    let written = request
        .uri()
        .path_and_query()
        .map_or("/", |both| both.as_str());
    let subject = Subject {
        client,
        view,
        route,
        question,
        target: &target,
        written,
        length: request.body().length(),
    };
    let mut plan = Plan::default();
    let backend = match decide(route, &subject, &mut plan, account).await {
        Ok(backend) => backend,
        Err(Stop::Answer(answer)) => {
            if let Some(film) = film {
                film.filtered(&plan.done);
            }
            return Err(Stop::Answer(answer));
        }
        Err(Stop::Failure(failure)) => {
            *reached = Some(Reached::boxed(route, plan.done, None));
            return Err(failure.into());
        }
    };
    let pick = balance::pick(&backend, &subject);
    if let Some(film) = film {
        film.picked(pick.algorithm);
        film.filtered(&plan.done);
    }
    let query = request.uri().query();
    let path = match plan.path(route, &target.path) {
        Some(path) => Some(filters::with_query(&path, query).map_err(Failure::from)?),
        None => changed_path(&target, request).map_err(Failure::from)?,
    };
    let asked_host = match request.headers().get(HOST) {
        Some(host) => host.clone(),
        None => {
            HeaderValue::from_str(target.authority).map_err(|_| Failure::from(Refusal::BadHost))?
        }
    };
    let host = plan
        .host()
        .or_else(|| backend.own_host(pick.index))
        .unwrap_or_else(|| asked_host.clone());
    Ok(Way {
        route,
        plan,
        pick,
        path,
        asked_host,
        host,
        websocket: request.version() == Version::HTTP_11 && refuse::is_websocket(request.headers()),
        backend,
    })
}

/// The backend that gets the request, with an endpoint, after all filters have let it pass.
async fn decide<'r>(
    route: &'r Route,
    subject: &Subject<'_>,
    plan: &mut Plan<'r>,
    account: &Account<'_>,
) -> Result<Rc<Backend>, Stop> {
    plan.run(&route.filters, subject).await?;
    let shares = match &route.action {
        RouteAction::Forward(shares) => shares,
        RouteAction::AppendSlash => {
            return Err(Stop::Answer(Box::new(append_slash(&subject.question))));
        }
        RouteAction::Unavailable { reason, status } => {
            let (reason, status) = (reason.clone(), *status);
            return Err(Failure::Unavailable { reason, status }.into());
        }
    };
    let chosen = match &route.canary {
        Some(canary) if to_canary(canary, subject, plan) => Some(canary.backend),
        _ => {
            let share = balance::kept(shares, subject).or_else(|| balance::share(shares));
            if let Some(share) = share {
                plan.run(&share.filters, subject).await?;
            }
            share.and_then(|share| share.backend)
        }
    };
    let Some(chosen) = chosen else {
        let reason = "the share of requests that this one fell into leads nowhere".to_owned();
        return Err(Failure::Unavailable {
            reason,
            status: 500,
        }
        .into());
    };
    let backend = subject.view.backend(chosen);
    account.is_for(backend);
    if !backend.endpoints.is_empty() {
        return Ok(Rc::clone(backend));
    }
    Err(if route.empty_is_404 {
        no_route(subject.target).into()
    } else {
        let service = backend.service.clone();
        Failure::NoEndpoint { service }.into()
    })
}

fn no_route(target: &Target<'_>) -> Failure {
    Failure::NoRoute {
        host: target.host.to_string(),
        path: target.path.to_string(),
    }
}

/// Whether this request is for the canary; the film is told why.
fn to_canary(canary: &Canary, subject: &Subject<'_>, plan: &mut Plan<'_>) -> bool {
    let (goes, why) = balance::canary(canary, &subject.question);
    let what = if goes {
        "to the canary"
    } else {
        "not to the canary"
    };
    plan.done.push(format!("{what}: {why}"));
    goes
}

/// The path in the form it was matched, with its query; `None` if the client sent it like that.
fn changed_path<B>(
    target: &Target<'_>,
    request: &Request<B>,
) -> Result<Option<PathAndQuery>, Refusal> {
    if target.path == request.uri().path() {
        return Ok(None);
    }
    let text = with_query(&target.path, request);
    PathAndQuery::try_from(text)
        .map(Some)
        .map_err(|_| crate::model::PathRefusal::BadCharacter.into())
}

pub(super) fn with_query<B>(path: &str, request: &Request<B>) -> String {
    match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}
