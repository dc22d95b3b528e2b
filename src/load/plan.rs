//! A request for load that was found good, with everything worked out that is the same for each of
//! its requests.

use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, HeaderMap, HeaderName, HeaderValue};
use http::header::{TRANSFER_ENCODING, UPGRADE};
use http::{Method, Request, Uri};
use http_body_util::Full;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use crate::model::{
    LoadRequest, MAX_LOAD_CONNECTIONS, MAX_LOAD_DURATION, MAX_LOAD_RATE, MAX_LOAD_TIMEOUT,
};
use crate::net::takes_any_server;

/// Asks the ingress which endpoint it chose. It never gets to the endpoint.
const TELL_ENDPOINT: HeaderName = HeaderName::from_static("x-lab-tell-endpoint");
/// What frames a message is the connection's business.
const FRAMING: [HeaderName; 4] = [CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE];

/// Where requests go.
#[derive(Clone, Debug)]
pub struct Door {
    /// The socket that is dialled.
    pub address: SocketAddr,
    /// The lab's CA, in PEM.
    pub authority: PathBuf,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum LoadPlanError {
    /// A number is out of its bounds.
    #[error("{what} must be {bounds}")]
    Bounds {
        /// Which one.
        what: &'static str,
        /// Its bounds, in words.
        bounds: String,
    },
    /// The URL cannot be used.
    #[error("{url:?} is no URL that can be requested: {reason}")]
    Url {
        /// As given.
        url: String,
        /// Why not.
        reason: String,
    },
    /// The method is none.
    #[error("{0:?} is no method")]
    Method(String),
    /// A header cannot be sent.
    #[error("the header {name:?} cannot be sent: {reason}")]
    Header {
        /// Its name.
        name: String,
        /// Why not.
        reason: &'static str,
    },
    /// The lab's own CA cannot be read.
    #[error("cannot read the lab's certificate {}", path.display())]
    Authority {
        /// Where it should be.
        path: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// TLS cannot be set up at all.
    #[error("cannot set up TLS")]
    Tls(#[from] rustls::Error),
}

/// What the generator needs.
#[derive(Debug)]
pub struct Plan {
    /// As it was asked for; without headers and body, which may hold secrets.
    pub(super) asked: LoadRequest,
    pub(super) address: SocketAddr,
    pub(super) tls: Option<(Arc<ClientConfig>, ServerName<'static>)>,
    /// Seconds between two requests.
    pub(super) interval: f64,
    pub(super) duration: Duration,
    pub(super) timeout: Duration,
    method: Method,
    /// With its host, as HTTP/2 wants it.
    uri: Uri,
    /// Its path alone, as HTTP/1.1 wants it.
    path: Uri,
    host: HeaderValue,
    headers: HeaderMap,
    body: Bytes,
}

impl Plan {
    /// Checks everything but whether the door is one of the lab's.
    pub fn new(request: LoadRequest, door: &Door) -> Result<Self, LoadPlanError> {
        check(&request)?;
        let bad_url = |reason: &str| LoadPlanError::Url {
            url: request.url.clone(),
            reason: reason.to_owned(),
        };
        let uri: Uri = request
            .url
            .parse()
            .map_err(|error: http::uri::InvalidUri| bad_url(&error.to_string()))?;
        let authority = uri.authority().ok_or_else(|| bad_url("it has no host"))?;
        if authority.as_str().contains('@') {
            return Err(bad_url("a user in it is not sent; use a header"));
        }
        let tls = if uri.scheme_str() == Some("https") {
            let name = authority.host().trim_matches(['[', ']']).to_owned();
            let name = ServerName::try_from(name).map_err(|error| bad_url(&error.to_string()))?;
            let config = client_config(&door.authority, request.insecure)?;
            Some((Arc::new(config), name))
        } else {
            None
        };
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let host = HeaderValue::from_str(authority.as_str());
        Ok(Self {
            address: door.address,
            tls,
            interval: request.rate.recip(),
            duration: Duration::from_millis(request.duration_ms),
            timeout: Duration::from_millis(request.timeout_ms),
            method: Method::from_bytes(request.method.as_bytes())
                .map_err(|_| LoadPlanError::Method(request.method.clone()))?,
            path: path.parse().map_err(|_| bad_url("its path"))?,
            host: host.map_err(|_| bad_url("its host"))?,
            headers: headers(&request)?,
            body: Bytes::from(request.body.clone()),
            asked: LoadRequest {
                headers: std::collections::BTreeMap::new(),
                body: String::new(),
                ..request
            },
            uri,
        })
    }

    /// When a request is due, from the start on.
    pub(super) fn due(&self, index: u64) -> Duration {
        #[expect(
            clippy::cast_precision_loss,
            reason = "an hour at the highest rate has 18 million requests"
        )]
        Duration::from_secs_f64(index as f64 * self.interval)
    }

    /// One of the requests.
    pub(super) fn request(&self, two: bool) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.headers_mut() = self.headers.clone();
        if two {
            *request.uri_mut() = self.uri.clone();
        } else {
            *request.uri_mut() = self.path.clone();
            request.headers_mut().insert(HOST, self.host.clone());
        }
        request
    }
}

fn check(request: &LoadRequest) -> Result<(), LoadPlanError> {
    let bounds = |what, bounds: String| Err(LoadPlanError::Bounds { what, bounds });
    // A request in an hour at least: slower is no load, and 0 would never come.
    if !(1.0 / 3600.0..=MAX_LOAD_RATE).contains(&request.rate) {
        return bounds(
            "the rate",
            format!("at most {MAX_LOAD_RATE} a second, and more than 0"),
        );
    }
    if !(1..=MAX_LOAD_DURATION).contains(&request.duration_ms) {
        return bounds("the duration", "between 1ms and 1h".to_owned());
    }
    if !(1..=MAX_LOAD_CONNECTIONS).contains(&request.connections) {
        let text = format!("between 1 and {MAX_LOAD_CONNECTIONS}");
        return bounds("the number of connections", text);
    }
    if !(1..=MAX_LOAD_TIMEOUT).contains(&request.timeout_ms) {
        return bounds("the timeout", "between 1ms and 3m".to_owned());
    }
    Ok(())
}

fn headers(request: &LoadRequest) -> Result<HeaderMap, LoadPlanError> {
    let mut headers = HeaderMap::new();
    for (name, value) in &request.headers {
        let bad = |reason| LoadPlanError::Header {
            name: name.clone(),
            reason,
        };
        let parsed = HeaderName::try_from(name).map_err(|_| bad("it is no header's name"))?;
        if FRAMING.contains(&parsed) {
            return Err(bad("it belongs to the connection"));
        }
        if parsed == HOST {
            return Err(bad("the URL names the host"));
        }
        let value = HeaderValue::try_from(value).map_err(|_| bad("its value"))?;
        headers.append(parsed, value);
    }
    headers.insert(TELL_ENDPOINT, HeaderValue::from_static("1"));
    Ok(headers)
}

/// Trust in the lab's CA alone, or in anybody; HTTP/2 and HTTP/1.1 are offered.
fn client_config(authority: &Path, insecure: bool) -> Result<ClientConfig, LoadPlanError> {
    let mut config = if insecure {
        takes_any_server()?
    } else {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots(authority)?)
            .with_no_client_auth()
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

fn roots(authority: &Path) -> Result<RootCertStore, LoadPlanError> {
    let unreadable = |source| LoadPlanError::Authority {
        path: authority.to_owned(),
        source,
    };
    let mut store = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(authority)
        .map_err(|error| unreadable(io::Error::other(error)))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(io::Error::other(error)))?;
        store.add(certificate)?;
    }
    Ok(store)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(change: impl FnOnce(&mut LoadRequest)) -> Result<Plan, LoadPlanError> {
        let mut request = LoadRequest::new("http://shop.lab.localhost:8080/a?b=c");
        change(&mut request);
        let door = Door {
            address: SocketAddr::from(([127, 0, 0, 1], 8080)),
            authority: PathBuf::from("/nonexistent"),
        };
        Plan::new(request, &door)
    }

    #[test]
    fn each_protocol_gets_the_form_that_it_wants() {
        let plan = plan(|_| {}).unwrap();
        let one = plan.request(false);
        assert_eq!(one.uri(), "/a?b=c");
        assert_eq!(one.headers()[HOST], "shop.lab.localhost:8080");
        let two = plan.request(true);
        assert_eq!(two.uri(), "http://shop.lab.localhost:8080/a?b=c");
        assert!(!two.headers().contains_key(HOST));
    }

    #[test]
    fn requests_are_due_at_the_rate_and_do_not_drift() {
        let plan = plan(|request| request.rate = 3.0).unwrap();
        assert_eq!(plan.due(0), Duration::ZERO);
        assert_eq!(plan.due(3 * 3600).as_millis(), 3_600_000);
    }

    #[test]
    fn what_is_out_of_bounds_is_named_with_its_bounds() {
        type Change = fn(&mut LoadRequest);
        let cases: [(Change, &str); 9] = [
            (|it| it.rate = 5001.0, "the rate must be at most 5000"),
            (|it| it.rate = 0.0, "the rate"),
            (|it| it.rate = f64::NAN, "the rate"),
            (
                |it| it.duration_ms = 3_600_001,
                "the duration must be between 1ms and 1h",
            ),
            (
                |it| it.connections = 501,
                "connections must be between 1 and 500",
            ),
            (|it| it.timeout_ms = 0, "the timeout"),
            (|it| it.method = "GE T".into(), "\"GE T\" is no method"),
            (
                |it| drop(it.headers.insert("Content-Length".into(), "1".into())),
                "belongs to the connection",
            ),
            (|it| it.url = "/a".into(), "it has no host"),
        ];
        for (change, expected) in cases {
            let error = plan(change).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
