//! The one way of a request: check, find the route, prepare the head, exchange.

use std::rc::Rc;

use http::header::{HOST, HeaderValue, LOCATION, SET_COOKIE};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};

use super::body::{Counted, Filmed};
use super::connection::Client;
use super::exchange::{Limits, exchange};
use super::failure::{Asked, Failure};
use super::film::Film;
use super::filters::{self, Plan, Stop, Subject};
use super::refuse::{self, Refusal, Target};
use super::view::Backend;
use super::{balance, headers};
use crate::model::{Canary, Flavour, Question, Route, RouteAction};
use crate::wire::{Body, Interim};

/// Answers one request.
pub(super) async fn handle(
    client: &Client,
    request: Request<Body>,
    interim: Interim,
) -> Response<Body> {
    let asked = Asked::of(request.headers());
    let mut film = Rolling(Film::begin(client, &request));
    match forward(client, request, &interim, &mut film.0).await {
        Ok(response) => response,
        Err(failure) => failure.respond(asked, film.0.take()),
    }
}

/// A film without an answer yet. A client that goes away drops it, and that is told too.
struct Rolling(Option<Box<Film>>);

impl Drop for Rolling {
    fn drop(&mut self) {
        if let Some(mut film) = self.0.take() {
            film.abandoned();
            film.finish(0, false);
        }
    }
}

async fn forward(
    client: &Client,
    request: Request<Body>,
    interim: &Interim,
    film: &mut Option<Box<Film>>,
) -> Result<Response<Body>, Failure> {
    let target = refuse::check(&request)?;
    let view = client.views().latest();
    if client.misdirected(&target.host, &view.routes) {
        return Err(Failure::Misdirected {
            host: target.host.into_owned(),
        });
    }
    let question = Question {
        host: &target.host,
        path: &target.path,
        method: request.method().as_str(),
        headers: request.headers(),
        query: request.uri().query(),
        tls: client.tls.is_some(),
    };
    if let Some(film) = film {
        film.routed(&view, &question);
    }
    let Some(route) = view.routes.find(&question) else {
        return Err(no_route(&target));
    };
    if route.redirect_https && client.tls.is_none() {
        let answer = to_https(client, route, &target, &request);
        return Ok(answered(answer, film.take()));
    }
    let written = request
        .uri()
        .path_and_query()
        .map_or("/", |both| both.as_str());
    let subject = Subject {
        client,
        view: &view,
        route,
        question,
        target: &target,
        written,
        length: request.body().length(),
    };
    let mut plan = Plan::default();
    let backend = match decide(route, &subject, &mut plan).await {
        Ok(backend) => backend,
        Err(Stop::Answer(answer)) => return Ok(answered(*answer, film.take())),
        Err(Stop::Failure(failure)) => return Err(failure),
    };
    let pick = balance::pick(&backend, &subject);
    if let Some(film) = film {
        film.picked(pick.algorithm);
        film.filtered(&plan.done);
    }
    let path = match plan.path(route, &target.path) {
        Some(path) => Some(filters::with_query(&path, request.uri().query())?),
        None => changed_path(&target, &request)?,
    };
    let asked_host = match request.headers().get(HOST) {
        Some(host) => host.clone(),
        None => HeaderValue::from_str(target.authority).map_err(|_| Refusal::BadHost)?,
    };
    let host = plan
        .host()
        .or_else(|| backend.own_host(pick.index))
        .unwrap_or_else(|| asked_host.clone());
    let websocket =
        request.version() == Version::HTTP_11 && refuse::is_websocket(request.headers());
    let limits = Limits {
        first: Some(pick.index),
        interim: Some(interim),
        ..limits(client, route)
    };
    let asked = plan.asked(&request);
    let (mut head, body) = request.into_parts();
    head.extensions.clear();
    headers::to_endpoint(&mut head.headers, client, asked_host, websocket);
    plan.prepare(&mut head.headers);
    if let Some(film) = film {
        film.propagate(&mut head.headers);
    }
    let h2 = backend.endpoints[0].pool.spoken.is_h2() && !websocket;
    address(&mut head, host, path, h2)?;
    let body = plan.limit(Counted::wrap(body, film.as_deref()));
    let body = plan.mirror(&head, body, &view).await;
    let response = exchange(&backend, &head, body, &limits, websocket, film).await?;
    let mut response = finish(response, film.take());
    if let Some(cookie) = pick.cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    if plan.is_done() {
        return Ok(response);
    }
    Ok(plan.finish(response, asked.as_ref(), &view).await)
}

/// The backend that gets the request, with an endpoint, after all filters have let it pass.
async fn decide<'r>(
    route: &'r Route,
    subject: &Subject<'_>,
    plan: &mut Plan<'r>,
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

/// A filter's answer as the client gets it.
fn answered(mut response: Response<Body>, film: Option<Box<Film>>) -> Response<Body> {
    headers::to_client(response.headers_mut());
    let film = film.map(|mut film| {
        film.answered(response.status());
        film
    });
    response.map(|body| Filmed::wrap(body, film))
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

/// The endpoint's response as the client gets it.
fn finish(response: Response<Body>, film: Option<Box<Film>>) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    if parts.status != StatusCode::SWITCHING_PROTOCOLS {
        headers::to_client(&mut parts.headers);
    }
    let film = film.map(|mut film| {
        film.answered(parts.status);
        film
    });
    let body = match body {
        // A tunnel is not watched.
        Body::Tunnel(_) => {
            drop(Filmed::wrap(Body::Empty, film));
            body
        }
        body => Filmed::wrap(body, film),
    };
    Response::from_parts(parts, body)
}

/// The route's limits, or else the replica's.
fn limits<'r>(client: &Client, route: &'r Route) -> Limits<'r> {
    let settings = client.settings();
    let own = &route.timeouts;
    Limits {
        connect: own.connect,
        send: own.send,
        response: own.response.or(settings.response),
        read: own.read.or(settings.read),
        request: own.request,
        retry: route.retry.as_ref(),
        first: None,
        interim: None,
    }
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

fn with_query<B>(path: &str, request: &Request<B>) -> String {
    match request.uri().query() {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    }
}

/// Writes target and version as the endpoint's protocol wants them.
fn address(
    head: &mut Parts,
    host: HeaderValue,
    path: Option<PathAndQuery>,
    h2c: bool,
) -> Result<(), Refusal> {
    let path = path.or_else(|| {
        let foreign = h2c || head.uri.authority().is_some();
        foreign
            .then(|| head.uri.path_and_query().cloned())
            .flatten()
    });
    if h2c {
        let mut parts = http::uri::Parts::default();
        parts.scheme = Some(Scheme::HTTP);
        parts.authority = Some(Authority::try_from(host.as_bytes()).map_err(|_| Refusal::BadHost)?);
        parts.path_and_query = path;
        head.uri = Uri::from_parts(parts).map_err(|_| Refusal::BadHost)?;
        head.headers.remove(HOST);
        head.version = Version::HTTP_2;
    } else {
        if let Some(path) = path {
            head.uri = Uri::from(path);
        }
        head.headers.insert(HOST, host);
        head.version = Version::HTTP_11;
    }
    Ok(())
}

/// Writes a head that was prepared for one protocol as another one wants it.
pub(super) fn readdress(head: &mut Parts, h2: bool) -> Result<(), Refusal> {
    if (head.version == Version::HTTP_2) == h2 {
        return Ok(());
    }
    let host = match head.uri.authority() {
        Some(authority) => HeaderValue::from_str(authority.as_str()).ok(),
        None => head.headers.get(HOST).cloned(),
    };
    let path = head.uri.path_and_query().cloned();
    address(head, host.ok_or(Refusal::NoHost)?, path, h2)
}

/// To the same place under HTTPS. The host is one that has a rule with a certificate, never just
/// any that a client wrote.
fn to_https<B>(
    client: &Client,
    route: &Route,
    target: &Target<'_>,
    request: &Request<B>,
) -> Response<Body> {
    let settings = client.settings();
    let safe = matches!(*request.method(), Method::GET | Method::HEAD);
    let status = match settings.flavour {
        Flavour::Traefik(_) if safe => StatusCode::MOVED_PERMANENTLY,
        _ => StatusCode::PERMANENT_REDIRECT,
    };
    let port = match settings.https_port {
        443 => String::new(),
        port => format!(":{port}"),
    };
    let mut path = with_query(&target.path, request);
    if route.redirect_drops_slash && path.ends_with('/') {
        path.pop();
    }
    redirect(status, format!("https://{}{port}{path}", target.host))
}

/// To the path with a slash at its end.
fn append_slash(question: &Question<'_>) -> Response<Body> {
    let path = match question.query {
        Some(query) => format!("{}/?{query}", question.path),
        None => format!("{}/", question.path),
    };
    redirect(StatusCode::MOVED_PERMANENTLY, path)
}

fn redirect(status: StatusCode, location: String) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    // A checked host and a normalised path hold nothing that a header may not.
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size_of_future<'c, F>(_: impl FnOnce(&'c Client, Request<Body>, Interim) -> F) -> usize {
        size_of::<F>()
    }

    /// It is moved about for every request, and was more than twice as large once.
    #[test]
    fn a_request_needs_little_room() {
        let size = size_of_future(handle);
        assert!(size <= 4 * 1024 + 512, "{size}");
    }
}
