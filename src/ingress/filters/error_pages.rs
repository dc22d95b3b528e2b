//! Error pages from a Service (`custom-http-errors`).

use std::time::Duration;

use http::header::HeaderValue;
use http::{Method, Request, Response};

use super::Asked;
use crate::ingress::exchange::{Limits, exchange};
use crate::ingress::view::View;
use crate::model::ErrorPages;
use crate::wire::Body;

/// A page that takes longer is none, and the answer stays what it was.
const PATIENCE: Duration = Duration::from_secs(10);

/// The page for an answer, with the answer's status unless the page has one that is no 200.
pub(super) async fn replace(
    pages: &ErrorPages,
    response: Response<Body>,
    asked: &Asked,
    view: &View,
) -> Response<Body> {
    let backend = view.backend(pages.backend);
    if backend.endpoints.is_empty() {
        return response;
    }
    let mut request = Request::new(());
    *request.method_mut() = Method::GET;
    *request.uri_mut() = http::Uri::from_static("/");
    let headers = request.headers_mut();
    let [ingress, service, port] = &pages.facts;
    let status = response.status();
    let facts = [
        ("host", backend.service.as_str()),
        ("x-code", status.as_str()),
        ("x-original-uri", asked.uri.as_str()),
        ("x-namespace", "cloudforet"),
        ("x-ingress-name", ingress),
        ("x-service-name", service),
        ("x-service-port", port),
    ];
    for (name, value) in facts {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if let Some(format) = &asked.format {
        headers.insert("x-format", format.clone());
    }
    let (head, ()) = request.into_parts();
    let limits = Limits {
        response: Some(PATIENCE),
        read: Some(PATIENCE),
        ..Limits::default()
    };
    match exchange(backend, &head, Body::Empty, &limits, false, &mut None).await {
        Ok(mut page) => {
            if page.status().is_success() {
                *page.status_mut() = response.status();
            }
            crate::ingress::headers::to_client(page.headers_mut());
            page
        }
        Err(error) => {
            tracing::debug!(%error, "no error page");
            response
        }
    }
}
