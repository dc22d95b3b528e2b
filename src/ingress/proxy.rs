//! The one way of a request: find where it goes, prepare its head, exchange.

use http::header::{HOST, HeaderValue, SET_COOKIE};
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{Request, Response, StatusCode, Uri, Version};

use super::account::Account;
use super::afterwards::{self, Reached};
use super::body::{Counted, Filmed};
use super::connection::Client;
use super::exchange::{Limits, exchange};
use super::failure::{Asked, Failure};
use super::film::Film;
use super::filters::Stop;
use super::refuse::Refusal;
use super::way::{Way, find};
use super::{faults, headers};
use crate::model::Route;
use crate::wire::{Body, Interim};

/// Answers one request.
pub(super) async fn handle(
    client: &Client,
    mut request: Request<Body>,
    interim: Interim,
) -> Response<Body> {
    let asked = Asked::of(request.headers());
    let account = Account::open(client, request.method());
    let mut film = Rolling(Film::begin(client, &request, account.begun));
    let recorded = film.0.as_ref().and_then(|film| film.heads());
    let mut reached = None;
    let answer = forward(
        client,
        &mut request,
        &interim,
        &mut film.0,
        &account,
        &mut reached,
    );
    let (answer, status) = match answer.await {
        Ok(response) => {
            let status = response.status();
            (response, status)
        }
        Err(failure) => {
            let status = failure.status();
            let film = afterwards::film(client, &request, film.0.take(), &account, reached);
            let dashboard = client.settings().dashboard.as_deref();
            (failure.respond(asked, film, dashboard), status)
        }
    };
    account.close(status);
    if let Some(recorded) = recorded {
        recorded.are(answer.headers());
    }
    answer
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

/// The endpoint's answer, or a filter's. Of a request that fails, `request` still has what the client
/// asked for (its body aside), and `reached` how far it got; both are for a film that is made
/// afterwards, and cost nothing before.
async fn forward(
    client: &Client,
    request: &mut Request<Body>,
    interim: &Interim,
    film: &mut Option<Box<Film>>,
    account: &Account<'_>,
    reached: &mut Option<Box<Reached>>,
) -> Result<Response<Body>, Failure> {
    let view = client.views().latest();
    let way = match find(client, &view, request, film, account, reached).await {
        Ok(way) => way,
        Err(Stop::Answer(answer)) => return Ok(answered(*answer, film.take())),
        Err(Stop::Failure(failure)) => return Err(failure),
    };
    let Way {
        route,
        plan,
        backend,
        pick,
        ..
    } = way;
    let mut limits = Limits {
        first: Some(pick.index),
        interim: Some(interim),
        tried: Some(&account.tried),
        ..limits(client, route)
    };
    let asked = plan.asked(request);
    let (mut head, body) = std::mem::take(request).into_parts();
    head.extensions.clear();
    limits.tell = head.headers.remove(headers::TELL_ENDPOINT).is_some();
    headers::to_endpoint(&mut head.headers, client, way.asked_host, way.websocket);
    plan.prepare(&mut head.headers);
    if let Some(film) = film {
        film.propagate(&mut head.headers);
    }
    if !view.faults.is_empty() {
        let broken = faults::at_endpoint(&view, &backend, pick.index, &limits, film);
        if let Err(failure) = Box::pin(broken).await {
            *request = Request::from_parts(head, Body::Empty);
            *reached = Some(Reached::boxed(route, plan.done, Some(pick.algorithm)));
            return Err(failure);
        }
    }
    let h2 = backend.endpoints[0].pool.spoken.is_h2() && !way.websocket;
    let written = address(&mut head, way.host, way.path, h2)?;
    let body = plan.limit(Counted::wrap(body, film.as_deref()));
    let body = plan.mirror(&head, body, &view).await;
    let response = match exchange(&backend, &head, body, &limits, way.websocket, film).await {
        Ok(response) => response,
        Err(failure) => {
            head.uri = written.unwrap_or(head.uri);
            *request = Request::from_parts(head, Body::Empty);
            *reached = Some(Reached::boxed(route, plan.done, Some(pick.algorithm)));
            return Err(failure);
        }
    };
    let mut response = finish(response, film.take());
    if let Some(cookie) = pick.cookie {
        response.headers_mut().append(SET_COOKIE, cookie);
    }
    if plan.is_done() {
        return Ok(response);
    }
    Ok(plan.finish(response, asked.as_ref(), &view).await)
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
        tried: None,
        tell: false,
    }
}

/// Writes target and version as the endpoint's protocol wants them, and gives back the target as it
/// was if it is another one now.
fn address(
    head: &mut Parts,
    host: HeaderValue,
    path: Option<PathAndQuery>,
    h2c: bool,
) -> Result<Option<Uri>, Refusal> {
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
        let uri = Uri::from_parts(parts).map_err(|_| Refusal::BadHost)?;
        head.headers.remove(HOST);
        head.version = Version::HTTP_2;
        Ok(Some(std::mem::replace(&mut head.uri, uri)))
    } else {
        head.headers.insert(HOST, host);
        head.version = Version::HTTP_11;
        Ok(path.map(|path| std::mem::replace(&mut head.uri, Uri::from(path))))
    }
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
    address(head, host.ok_or(Refusal::NoHost)?, path, h2).map(drop)
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
