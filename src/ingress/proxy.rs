//! The one way of a request: check, find the route, prepare the head, exchange.

use http::header::{HOST, HeaderValue, LOCATION};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Method, Request, Response, StatusCode, Uri, Version};
use hyper::body::Incoming;

use super::body::{RequestBody, ResponseBody};
use super::connection::Client;
use super::exchange::{Limits, exchange};
use super::failure::{Asked, Failure};
use super::film::Film;
use super::refuse::{self, Refusal, Target};
use super::{headers, tunnel};
use crate::model::{Flavour, Route, RouteAction, WeightedBackend};

/// Answers one request.
pub(super) async fn handle(client: &Client, request: Request<Incoming>) -> Response<ResponseBody> {
    let asked = Asked::of(request.headers());
    let mut film = Rolling(Film::begin(client, &request));
    match forward(client, request, &mut film.0).await {
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
    mut request: Request<Incoming>,
    film: &mut Option<Box<Film>>,
) -> Result<Response<ResponseBody>, Failure> {
    let target = refuse::check(&request)?;
    let view = client.views.latest();
    if let Some(film) = film {
        film.routed(&view, &target);
    }
    let Some(route) = view.routes.find(&target.host, &target.path) else {
        return Err(Failure::NoRoute {
            host: target.host.into_owned(),
            path: target.path.into_owned(),
        });
    };
    if route.redirect_https && client.tls.is_none() {
        return Ok(to_https(client, &target, &request, film.take()));
    }
    let backends = match &route.action {
        RouteAction::Forward(backends) => backends,
        RouteAction::AppendSlash => return Ok(append_slash(&target, &request, film.take())),
        RouteAction::Unavailable(reason) => return Err(Failure::Unavailable(reason.clone())),
    };
    let backend = view.backend(choose(backends));
    if backend.endpoints.is_empty() {
        return Err(Failure::NoEndpoint {
            service: backend.service.clone(),
        });
    }
    let path = changed_path(&target, &request)?;
    let host = match request.headers().get(HOST) {
        Some(host) => host.clone(),
        None => HeaderValue::from_str(target.authority).map_err(|_| Refusal::BadHost)?,
    };
    let websocket =
        request.version() == Version::HTTP_11 && refuse::is_websocket(request.headers());
    let upgrade = websocket.then(|| hyper::upgrade::on(&mut request));
    let (mut head, body) = request.into_parts();
    head.extensions.clear();
    headers::to_endpoint(&mut head.headers, client, host.clone(), websocket);
    if let Some(film) = film {
        film.propagate(&mut head.headers);
    }
    let h2c = backend.endpoints[0].pool.h2c && !websocket;
    address(&mut head, host, path, h2c)?;
    let limits = limits(client, route);
    if let Some(upgrade) = upgrade {
        return tunnel::open(client, backend, head, upgrade, limits, film).await;
    }
    let counter = film.as_ref().map(|film| film.counter());
    exchange(backend, head, RequestBody::new(body, counter), limits, film).await
}

/// The route's limits, or else the replica's.
fn limits(client: &Client, route: &Route) -> Limits {
    let settings = client.settings();
    Limits {
        response: route.timeouts.response.or(settings.response),
        read: settings.read,
    }
}

/// One of the backends, by weight.
fn choose(backends: &[WeightedBackend]) -> usize {
    if let [only] = backends {
        return only.backend;
    }
    let total: u32 = backends.iter().map(|backend| backend.weight).sum();
    let mut dice = fastrand::u32(0..total.max(1));
    for backend in backends {
        match dice.checked_sub(backend.weight) {
            Some(rest) => dice = rest,
            None => return backend.backend,
        }
    }
    backends[0].backend
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

/// To the same place under HTTPS. The host is one that has a rule with a certificate, never just
/// any that a client wrote.
fn to_https<B>(
    client: &Client,
    target: &Target<'_>,
    request: &Request<B>,
    film: Option<Box<Film>>,
) -> Response<ResponseBody> {
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
    let path = with_query(&target.path, request);
    redirect(status, format!("https://{}{port}{path}", target.host), film)
}

/// To the path with a slash at its end.
fn append_slash<B>(
    target: &Target<'_>,
    request: &Request<B>,
    film: Option<Box<Film>>,
) -> Response<ResponseBody> {
    let path = with_query(&format!("{}/", target.path), request);
    redirect(StatusCode::MOVED_PERMANENTLY, path, film)
}

fn redirect(
    status: StatusCode,
    location: String,
    film: Option<Box<Film>>,
) -> Response<ResponseBody> {
    let film = film.map(|mut film| {
        film.answered(status);
        film
    });
    let mut response = Response::new(ResponseBody::default().filmed(film));
    *response.status_mut() = status;
    // A checked host and a normalised path hold nothing that a header may not.
    if let Ok(location) = HeaderValue::try_from(location) {
        response.headers_mut().insert(LOCATION, location);
    }
    response
}
