//! What can go wrong with one request, and the one function that turns it into a response.

use std::time::Duration;

use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue};
use http::{Response, StatusCode};

use super::body::Filmed;
use super::film::Film;
use super::pool::DialError;
use super::refuse::Refusal;
use crate::model::TraceId;
use crate::wire::{Abort, Body, Last, Refused};

/// Why the proxy answers itself.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Refused(#[from] Refusal),
    #[error("{0}")]
    Unreadable(#[from] Refused),
    #[error("the request body is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("{reason}")]
    Filtered {
        status: StatusCode,
        code: &'static str,
        reason: String,
    },
    /// A filter's answer that is a refusal.
    #[error("{reason}")]
    Answered {
        response: Box<Response<Body>>,
        code: &'static str,
        reason: String,
    },
    #[error(
        "this connection was made for another name than {host}, which has another certificate, a listener of its own, or another way to ask for client certificates"
    )]
    Misdirected { host: String },
    #[error("no rule matches host \"{host}\" and path {path}")]
    NoRoute { host: String, path: String },
    #[error("{reason}")]
    Unavailable { reason: String, status: u16 },
    #[error("no endpoint of Service \"{service}\" is ready")]
    NoEndpoint { service: String },
    #[error("cannot connect to {endpoint}: {source}")]
    Connect { endpoint: String, source: DialError },
    #[error("{endpoint} closed the connection before it answered")]
    Closed { endpoint: String },
    #[error("{endpoint} did not answer in HTTP: {reason}")]
    BadResponse {
        endpoint: String,
        reason: &'static str,
    },
    #[error("{endpoint} did not answer within {limit:?}")]
    Timeout { endpoint: String, limit: Duration },
    #[error("the client's request body broke off")]
    ClientBody,
    #[error("{reason}")]
    Fault { status: u16, reason: String },
    #[error("{reason}")]
    Reset { reason: String },
}

/// What must be remembered of a request for an answer of the proxy's own.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    grpc: bool,
    html: bool,
}

impl Asked {
    /// Nothing is known of a request that could not be read.
    pub(super) const NOTHING: Self = Self {
        grpc: false,
        html: false,
    };

    pub(super) fn of(headers: &HeaderMap) -> Self {
        let starts = |value: &HeaderValue, start: &[u8]| value.as_bytes().starts_with(start);
        Self {
            grpc: headers
                .get(CONTENT_TYPE)
                .is_some_and(|value| starts(value, b"application/grpc")),
            // Browsers put it first.
            html: headers
                .get(ACCEPT)
                .is_some_and(|value| starts(value, b"text/html")),
        }
    }
}

impl Failure {
    /// Status, gRPC status, and the code that scripts can rely on.
    fn codes(&self) -> (StatusCode, u8, &'static str) {
        const RESOURCE_EXHAUSTED: u8 = 8;
        const INTERNAL: u8 = 13;
        const UNAVAILABLE: u8 = 14;
        const UNIMPLEMENTED: u8 = 12;
        match self {
            Self::Refused(Refusal::Method) => {
                (StatusCode::METHOD_NOT_ALLOWED, UNIMPLEMENTED, "method")
            }
            Self::Refused(_) => (StatusCode::BAD_REQUEST, INTERNAL, "bad-request"),
            Self::Unreadable(refused) => (refused.status(), INTERNAL, "bad-request"),
            Self::TooLarge { .. } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                RESOURCE_EXHAUSTED,
                "too-large",
            ),
            Self::Filtered { status, code, .. } => (*status, filtered(*status), *code),
            Self::Answered { response, code, .. } => {
                (response.status(), filtered(response.status()), *code)
            }
            // grpc.github.io/grpc/core/md_doc_http-grpc-status-mapping: other codes are UNKNOWN.
            Self::Misdirected { .. } => (StatusCode::MISDIRECTED_REQUEST, 2, "misdirected"),
            Self::ClientBody => (StatusCode::BAD_REQUEST, INTERNAL, "request-body"),
            Self::NoRoute { .. } => (StatusCode::NOT_FOUND, UNIMPLEMENTED, "no-rule"),
            Self::Unavailable { status: 500, .. } => {
                (StatusCode::INTERNAL_SERVER_ERROR, UNAVAILABLE, "no-backend")
            }
            Self::Unavailable { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, "no-backend")
            }
            Self::NoEndpoint { .. } => {
                (StatusCode::SERVICE_UNAVAILABLE, UNAVAILABLE, "no-endpoint")
            }
            Self::Connect {
                source: DialError::Timeout(_),
                ..
            } => (StatusCode::GATEWAY_TIMEOUT, UNAVAILABLE, "connect-timeout"),
            // Traefik's answer for a certificate that it cannot verify.
            Self::Connect {
                source: DialError::Tls(_),
                ..
            } => (
                StatusCode::INTERNAL_SERVER_ERROR,
                UNAVAILABLE,
                "endpoint-tls",
            ),
            Self::Connect { .. } => (StatusCode::BAD_GATEWAY, UNAVAILABLE, "connect"),
            Self::Closed { .. } => (StatusCode::BAD_GATEWAY, UNAVAILABLE, "closed"),
            Self::BadResponse { .. } => (StatusCode::BAD_GATEWAY, UNAVAILABLE, "bad-response"),
            Self::Timeout { .. } => (StatusCode::GATEWAY_TIMEOUT, UNAVAILABLE, "timeout"),
            Self::Fault { status, .. } => {
                let status = StatusCode::from_u16(*status);
                let status = status.unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
                (status, UNAVAILABLE, "fault")
            }
            // Nothing of it is sent.
            Self::Reset { .. } => (StatusCode::BAD_GATEWAY, UNAVAILABLE, "fault"),
        }
    }

    /// The status that it means in HTTP; what speaks gRPC is told so with a status of its own.
    pub(super) fn status(&self) -> StatusCode {
        self.codes().0
    }

    /// The answer. The only place where a failure becomes a status. With a film it says where to read
    /// why: by `lab trace`, and at the dashboard's address.
    pub(super) fn respond(
        self,
        asked: Asked,
        film: Option<Box<Film>>,
        dashboard: Option<&str>,
    ) -> Response<Body> {
        let (status, grpc_status, code) = self.codes();
        let reason = self.to_string();
        let trace = film.as_ref().and_then(|film| film.trace());
        let film = film.map(|mut film| {
            film.failed(status, code, &reason);
            if let Self::NoEndpoint { service } = &self {
                film.nobody(service);
            }
            film
        });
        // Who sends such a request may mean something else by what follows.
        let last = matches!(self, Self::Refused(_));
        let reset = matches!(self, Self::Reset { .. });
        let mut response = match self {
            Self::Answered { mut response, .. } => {
                super::headers::to_client(response.headers_mut());
                response.map(|body| Filmed::wrap(body, film))
            }
            _ if asked.grpc => {
                let mut response = Response::new(Filmed::wrap(Body::Empty, film));
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
                headers.insert("grpc-status", HeaderValue::from(u16::from(grpc_status)));
                if let Ok(message) = HeaderValue::try_from(percent_encode(&reason)) {
                    headers.insert("grpc-message", message);
                }
                response
            }
            _ => {
                let (kind, text) = if asked.html {
                    let page = page(status, &reason, trace, dashboard);
                    ("text/html; charset=utf-8", page)
                } else {
                    ("text/plain; charset=utf-8", plain(status, &reason, trace))
                };
                let mut response = Response::new(Filmed::wrap(text.into(), film));
                *response.status_mut() = status;
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
                response
            }
        };
        if last {
            response.extensions_mut().insert(Last);
        }
        if reset {
            response.extensions_mut().insert(Abort);
        }
        let headers = response.headers_mut();
        headers.insert("x-lab-error", HeaderValue::from_static(code));
        let trace = trace.and_then(|trace| HeaderValue::try_from(trace.to_string()).ok());
        if let Some(trace) = trace {
            headers.insert("x-lab-trace", trace);
        }
        response
    }
}

/// The gRPC status that fits a refusal (gRPC over HTTP/2, "HTTP2 Status to gRPC Status").
fn filtered(status: StatusCode) -> u8 {
    match status {
        StatusCode::UNAUTHORIZED => 16,
        StatusCode::FORBIDDEN => 7,
        StatusCode::TOO_MANY_REQUESTS => 8,
        StatusCode::BAD_REQUEST => 13,
        _ => 14,
    }
}

fn plain(status: StatusCode, reason: &str, trace: Option<TraceId>) -> String {
    let why = trace.map_or_else(String::new, |trace| format!("why: lab trace {trace}\n"));
    format!("{status}: {reason}\n{why}")
}

fn page(
    status: StatusCode,
    reason: &str,
    trace: Option<TraceId>,
    dashboard: Option<&str>,
) -> String {
    let reason = reason
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    // Addresses and ids hold nothing that HTML reads in another way.
    let why = match (trace, dashboard) {
        (Some(trace), Some(dashboard)) => format!(
            "<p><a href=\"{dashboard}#/film/{trace}\">Why? The film of this request</a>, or in a \
             terminal: <code>lab trace {trace}</code></p>"
        ),
        (Some(trace), None) => format!("<p>Why? <code>lab trace {trace}</code></p>"),
        (None, _) => String::new(),
    };
    format!(
        "<!doctype html><html lang=\"en\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{status}</title><h1>{status}</h1><p>{reason}</p>{why}<hr><p>lab ingress</p>\n"
    )
}

/// As the gRPC wire format demands for `grpc-message`.
fn percent_encode(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b' '..=b'~' if byte != b'%' => char::from(byte).to_string(),
            _ => format!("%{byte:02X}"),
        })
        .collect()
}
