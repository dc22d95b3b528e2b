//! The request that the command line describes, with curl's words.

use std::io::{self, Write};
use std::net::SocketAddr;

use bytes::Bytes;
use http::header::{self, HeaderName};
use http::{HeaderMap, HeaderValue, Method, Request, Uri, Version};
use http_body_util::Full;

use crate::model::Traceparent;

use super::words::clean;
use super::{TraceArgs, TraceError};

/// Paths of the console APIs that answer anybody, and a GET.
const OPEN: [&str; 3] = ["/", "/check", "/docs"];

/// How much of a body is shown.
const SHOWN: usize = 200;

/// A request that is ready but for its context and its login.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) method: Method,
    pub(super) uri: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Plan {
    pub(super) fn new(args: &TraceArgs) -> Result<Self, TraceError> {
        let uri = url(&args.url)?;
        let mut headers = HeaderMap::new();
        for line in &args.headers {
            let (name, value) = header_line(line)?;
            headers.append(name, value);
        }
        let data = match &args.data {
            Some(data) => Some(read_data(data)?),
            // What a console API wants is always a POST of JSON, also for reading.
            None if args.method.is_none() && is_api(&uri) => Some(Bytes::from_static(b"{}")),
            None => None,
        };
        let method = match &args.method {
            Some(method) => method
                .parse()
                .map_err(|_| TraceError::Usage(format!("`{method}` is no method")))?,
            None if data.is_some() => Method::POST,
            None => Method::GET,
        };
        if let Some(data) = &data {
            let kind = match data.first() {
                Some(b'{' | b'[') => "application/json",
                _ => "application/x-www-form-urlencoded",
            };
            default(&mut headers, header::CONTENT_TYPE, kind);
        }
        default(&mut headers, header::ACCEPT, "*/*");
        let agent = concat!("lab/", env!("CARGO_PKG_VERSION"));
        default(&mut headers, header::USER_AGENT, agent);
        Ok(Self {
            method,
            uri,
            headers,
            body: data.unwrap_or_default(),
        })
    }

    /// Whether a token has to be fetched first.
    pub(super) fn wants_login(&self, refused: bool) -> bool {
        !refused && is_api(&self.uri) && !self.headers.contains_key(header::AUTHORIZATION)
    }

    pub(super) fn authorize(&mut self, token: &str) -> Result<(), TraceError> {
        let mut value =
            HeaderValue::from_str(&format!("Bearer {token}")).map_err(|_| TraceError::Login {
                step: "token",
                reason: "it does not fit into a header".into(),
            })?;
        value.set_sensitive(true);
        self.headers.insert(header::AUTHORIZATION, value);
        Ok(())
    }

    /// The request, with an absolute URI.
    pub(super) fn request(&self, traceparent: Option<Traceparent>) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.uri.clone();
        *request.headers_mut() = self.headers.clone();
        if let Some(value) = traceparent.and_then(|it| it.to_string().parse().ok()) {
            request.headers_mut().insert("traceparent", value);
        }
        request
    }

    /// Says what is being sent; a token that was fetched is not shown.
    pub(super) fn describe(
        &self,
        err: &mut (dyn Write + Send),
        version: Version,
        address: SocketAddr,
        traceparent: Traceparent,
    ) -> io::Result<()> {
        writeln!(
            err,
            "> {} {} ({version:?}, to {address})",
            self.method, self.uri
        )?;
        writeln!(err, "> traceparent: {traceparent}")?;
        for (name, value) in &self.headers {
            let value = match value.to_str() {
                _ if value.is_sensitive() => "Bearer …",
                Ok(text) => text,
                Err(_) => "(not text)",
            };
            writeln!(err, "> {name}: {}", clean(value))?;
        }
        if !self.body.is_empty() {
            let text = String::from_utf8_lossy(&self.body);
            let shown: String = text.chars().take(SHOWN).collect();
            let more = if shown.len() < text.len() { " …" } else { "" };
            writeln!(err, "> {}{more}", clean(&shown))?;
        }
        Ok(())
    }
}

/// Whether a URL is one of a console API that wants JSON and a token. The hosts are those of the
/// charts (`console.api.example.com`) and of the lab (`console-api-v2.lab.localhost`).
fn is_api(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let named = host.starts_with("console-api") || host.contains(".api.");
    named && !OPEN.contains(&uri.path())
}

fn url(text: &str) -> Result<Uri, TraceError> {
    let wrong = |reason: &str| TraceError::Usage(format!("`{}` {reason}", clean(text)));
    // A fragment is never sent.
    let sent = text.split('#').next().unwrap_or_default();
    let full = if sent.contains("://") {
        sent.to_owned()
    } else {
        format!("https://{sent}")
    };
    let uri: Uri = full
        .parse()
        .map_err(|_| wrong("is no URL; hint: other than ASCII must be written as %XX"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err(wrong("is neither http:// nor https://"));
    }
    let host = uri.host().unwrap_or_default();
    if host.is_empty() {
        return Err(wrong("names no host"));
    }
    if uri.authority().is_some_and(|it| it.as_str().contains('@')) {
        return Err(wrong("has a user in it; hint: use -H 'Authorization: …'"));
    }
    Ok(uri)
}

fn header_line(line: &str) -> Result<(HeaderName, HeaderValue), TraceError> {
    let wrong = || {
        TraceError::Usage(format!(
            "`{}` is no header; hint: it is written `Name: value`",
            clean(line)
        ))
    };
    let (name, value) = line.split_once(':').ok_or_else(wrong)?;
    Ok((
        name.trim().parse().map_err(|_| wrong())?,
        value.trim().parse().map_err(|_| wrong())?,
    ))
}

fn read_data(data: &str) -> Result<Bytes, TraceError> {
    match data.strip_prefix('@') {
        None => Ok(Bytes::copy_from_slice(data.as_bytes())),
        Some(path) => std::fs::read(path)
            .map(Bytes::from)
            .map_err(|error| TraceError::Usage(format!("cannot read {path}: {error}"))),
    }
}

fn default(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers
        .entry(name)
        .or_insert(HeaderValue::from_static(value));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(url: &str) -> Plan {
        Plan::new(&TraceArgs {
            url: url.into(),
            ..TraceArgs::default()
        })
        .unwrap()
    }

    #[test]
    fn a_console_api_gets_a_post_of_json_and_a_login() {
        for url in [
            "https://console-api-v2.lab.localhost:8443/inventory/cloud-service/list",
            "https://console.api.example.com/inventory/cloud-service/list",
        ] {
            let plan = plan(url);
            assert_eq!(plan.method, Method::POST);
            assert_eq!(&plan.body[..], b"{}");
            assert_eq!(plan.headers["content-type"], "application/json");
            assert!(plan.wants_login(false));
            assert!(!plan.wants_login(true));
        }
    }

    #[test]
    fn anything_else_gets_a_plain_get() {
        for url in [
            "console.lab.localhost:8443/inventory",
            "https://console-api-v2.lab.localhost:8443/check",
        ] {
            let plan = plan(url);
            assert_eq!(plan.method, Method::GET);
            assert!(plan.body.is_empty());
            assert!(!plan.wants_login(false));
        }
    }

    #[test]
    fn headers_of_the_user_come_before_our_own() {
        let plan = Plan::new(&TraceArgs {
            url: "https://console-api.lab.localhost/a/b".into(),
            headers: vec!["User-Agent: me".into(), "authorization: Bearer x".into()],
            data: Some("a=b".into()),
            method: Some("PUT".into()),
            ..TraceArgs::default()
        })
        .unwrap();
        assert_eq!(plan.method, Method::PUT);
        assert_eq!(plan.headers["user-agent"], "me");
        assert_eq!(
            plan.headers["content-type"],
            "application/x-www-form-urlencoded"
        );
        assert!(!plan.wants_login(false));
    }

    #[test]
    fn what_makes_no_request_is_a_usage_error() {
        for (url, header) in [
            ("", "a: b"),
            ("ftp://a/", "a: b"),
            ("https://", "a: b"),
            ("https://a b/", "a: b"),
            ("https://me:secret@a/", "a: b"),
            ("https://a/", "no colon"),
            ("https://a/", "bad name: x"),
            ("https://a/", "a: b\nc"),
        ] {
            let result = Plan::new(&TraceArgs {
                url: url.into(),
                headers: vec![header.into()],
                ..TraceArgs::default()
            });
            assert!(
                matches!(result, Err(TraceError::Usage(_))),
                "{url} {header}"
            );
        }
    }
}
