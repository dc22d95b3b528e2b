//! Answers of the proxy's own that send a client elsewhere.

use http::header::{HeaderValue, LOCATION};
use http::{Method, Request, Response, StatusCode};

use super::connection::Client;
use super::refuse::Target;
use super::way::with_query;
use crate::model::{Flavour, Question, Route};
use crate::wire::Body;

/// To the same place under HTTPS. The host is one that has a rule with a certificate, never just
/// any that a client wrote.
pub(super) fn to_https<B>(
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
pub(super) fn append_slash(question: &Question<'_>) -> Response<Body> {
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
