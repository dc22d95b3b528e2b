//! What a route does with a request beside forwarding it.
//!
//! Filters run in the order in which the route lists them. Each may answer the request, and each
//! may leave something to be done to the request's head, to its body, or to the response: that is
//! collected in a [`Plan`], for the head is still being read while filters run. A route without
//! filters costs nothing; what asks others lies in boxes, so that it costs no room either.

mod access;
mod cors;
mod error_pages;
mod forward_auth;
mod headers;
mod limits;
mod mirror;
mod password;
mod redirect;
mod rewrite;

use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use http::{Request, Response, StatusCode};

use super::connection::Client;
use super::failure::Failure;
use super::refuse::{Refusal, Target};
use super::view::View;
use crate::model::{ErrorPages, Filter, HeaderChanges, Mirror, Question, Rewrite, Route};
use crate::wire::Body;

pub(super) use limits::Tables;

/// A request as filters see it.
pub(super) struct Subject<'r> {
    pub(super) client: &'r Client,
    pub(super) view: &'r View,
    pub(super) route: &'r Route,
    pub(super) question: Question<'r>,
    pub(super) target: &'r Target<'r>,
    /// Path and query as the client wrote them.
    pub(super) written: &'r str,
    /// What its body declares, if it does.
    pub(super) length: Option<u64>,
}

/// What is left to do when every filter has let a request pass.
#[derive(Default)]
pub(super) struct Plan<'r> {
    request_headers: Vec<&'r HeaderChanges>,
    response_headers: Vec<&'r HeaderChanges>,
    /// Set on the request, from a filter's own knowledge.
    told: Vec<(HeaderName, HeaderValue)>,
    /// Set on the response.
    answered: Vec<(HeaderName, HeaderValue)>,
    rewrite: Option<&'r Rewrite>,
    mirrors: Vec<&'r Mirror>,
    error_pages: Option<&'r ErrorPages>,
    body_limit: Option<u64>,
    /// Places that the request takes as long as it lasts.
    places: Vec<limits::Place>,
    /// For the film: what was done, in words.
    pub(super) done: Vec<String>,
}

/// Why a request does not pass.
pub(super) enum Stop {
    /// A filter has an answer of its own.
    Answer(Box<Response<Body>>),
    Failure(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failure(failure)
    }
}

/// An answer without a body.
fn empty(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::Empty);
    *response.status_mut() = status;
    response
}

/// A refusal with a status and a reason.
fn refusal(status: StatusCode, code: &'static str, reason: impl Into<String>) -> Stop {
    Stop::Failure(Failure::Filtered {
        status,
        code,
        reason: reason.into(),
    })
}

impl<'r> Plan<'r> {
    /// Runs filters; what they leave to be done is added.
    pub(super) async fn run(
        &mut self,
        filters: &'r [Filter],
        subject: &Subject<'_>,
    ) -> Result<(), Stop> {
        for filter in filters {
            self.step(filter, subject).await?;
        }
        Ok(())
    }

    async fn step(&mut self, filter: &'r Filter, subject: &Subject<'_>) -> Result<(), Stop> {
        match filter {
            Filter::RequestHeaders(changes) => self.request_headers.push(changes),
            Filter::ResponseHeaders(changes) => self.response_headers.push(changes),
            Filter::Redirect(redirect) => redirect::apply(redirect, subject)?,
            Filter::Rewrite(rewrite) => {
                self.done.push("rewrites the request".to_owned());
                self.rewrite = Some(rewrite);
            }
            Filter::Mirror(mirror) => self.mirrors.push(mirror),
            Filter::Cors(cors) => self.answered.extend(cors::apply(cors, subject)?),
            Filter::Sources(sources) => access::sources(sources, subject)?,
            Filter::BasicAuth(auth) => {
                let user = access::basic(auth, subject)?;
                self.done
                    .push(format!("user {user} has the right password"));
            }
            Filter::ForwardAuth(auth) => {
                self.told
                    .extend(Box::pin(forward_auth::ask(auth, subject)).await?);
                self.done.push(format!("{} lets it pass", auth.url));
            }
            Filter::RateLimit(limit) => limits::rate(limit, subject)?,
            Filter::Connections(limit) => self.places.push(limits::take(*limit, subject)?),
            Filter::BodyLimit(limit) => {
                if subject.length.is_some_and(|length| length > *limit) {
                    return Err(Failure::TooLarge { limit: *limit }.into());
                }
                self.body_limit = Some(*limit);
            }
            Filter::ErrorPages(pages) => self.error_pages = Some(pages),
            Filter::ClientCertificate(wanted) => {
                self.told.extend(access::certificate(wanted, subject)?);
            }
            Filter::AnyOf(filters) => {
                let mut last = Ok(());
                for filter in filters {
                    last = Box::pin(self.step(filter, subject)).await;
                    if last.is_ok() {
                        break;
                    }
                }
                last?;
            }
        }
        Ok(())
    }

    /// The host that the endpoint is to see instead of the client's.
    pub(super) fn host(&self) -> Option<HeaderValue> {
        let host = self.rewrite?.host.as_deref()?;
        HeaderValue::from_str(host).ok()
    }

    /// The path that the endpoint is to see instead of the one that was matched.
    pub(super) fn path(&self, route: &Route, path: &str) -> Option<String> {
        rewrite::path(self.rewrite?, route, path)
    }

    /// What is done to the head on its way to the endpoint, behind the proxy's own headers.
    pub(super) fn prepare(&self, headers: &mut HeaderMap) {
        if let Some(prefix) = self
            .rewrite
            .and_then(|rewrite| rewrite.forwarded_prefix.as_deref())
            && let Ok(prefix) = HeaderValue::from_str(prefix)
        {
            headers.insert("x-forwarded-prefix", prefix);
        }
        for (name, value) in &self.told {
            headers.insert(name, value.clone());
        }
        for changes in &self.request_headers {
            headers::change(headers, changes);
        }
    }

    /// The body on its way to the endpoint.
    pub(super) fn limit(&self, body: Body) -> Body {
        match self.body_limit {
            Some(limit) if !body.is_end() => limits::Limited::wrap(body, limit),
            _ => body,
        }
    }

    /// Sends copies, and gives back the body.
    pub(super) async fn mirror(&self, head: &Parts, body: Body, view: &View) -> Body {
        if self.mirrors.is_empty() {
            return body;
        }
        Box::pin(mirror::send(&self.mirrors, head, body, view)).await
    }

    /// The response on its way to the client.
    pub(super) async fn finish(
        self,
        response: Response<Body>,
        asked: Option<&Asked>,
        view: &View,
    ) -> Response<Body> {
        let mut response = match (self.error_pages, asked) {
            (Some(pages), Some(asked)) if pages.statuses.contains(&response.status().as_u16()) => {
                Box::pin(error_pages::replace(pages, response, asked, view)).await
            }
            _ => response,
        };
        for (name, value) in self.answered {
            response.headers_mut().insert(name, value);
        }
        for changes in &self.response_headers {
            headers::change(response.headers_mut(), changes);
        }
        if self.places.is_empty() {
            return response;
        }
        response.map(|body| limits::Held::wrap(body, self.places))
    }

    /// What an error page would need of the request, if there may be one.
    pub(super) fn asked<B>(&self, request: &Request<B>) -> Option<Asked> {
        self.error_pages.map(|_| Asked {
            uri: request.uri().path().to_owned(),
            format: request.headers().get(http::header::ACCEPT).cloned(),
        })
    }

    /// Whether nothing is to be done to the response.
    pub(super) fn is_done(&self) -> bool {
        self.answered.is_empty()
            && self.response_headers.is_empty()
            && self.error_pages.is_none()
            && self.places.is_empty()
    }
}

/// What an error page is told of the request.
pub(super) struct Asked {
    pub(super) uri: String,
    pub(super) format: Option<HeaderValue>,
}

/// A path that a filter made, with the query that the client sent.
pub(super) fn with_query(
    path: &str,
    query: Option<&str>,
) -> Result<http::uri::PathAndQuery, Refusal> {
    let text = match query {
        Some(query) => format!("{path}?{query}"),
        None => path.to_owned(),
    };
    http::uri::PathAndQuery::try_from(text)
        .map_err(|_| crate::model::PathRefusal::BadCharacter.into())
}
