//! Headers on their way through: hop-by-hop ones end here, forwarded ones begin here.
//!
//! Order matters: what the client lists in `Connection` is removed before anything is added, or it
//! could have our own headers removed.

use http::header::{
    CONNECTION, EXPECT, FORWARDED, HeaderName, HeaderValue, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, SERVER, TE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, header};

use super::connection::Client;
use crate::model::Flavour;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_FORWARDED_PORT: HeaderName = HeaderName::from_static("x-forwarded-port");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_SCHEME: HeaderName = HeaderName::from_static("x-forwarded-scheme");
const X_FORWARDED_SERVER: HeaderName = HeaderName::from_static("x-forwarded-server");
const X_ORIGINAL_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-original-forwarded-for");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Asks which endpoint was chosen; answered in [`ENDPOINT`], and no business of the endpoint's.
pub(super) const TELL_ENDPOINT: HeaderName = HeaderName::from_static("x-lab-tell-endpoint");
/// The pod, or the address of one that the lab does not run.
pub(super) const ENDPOINT: HeaderName = HeaderName::from_static("x-lab-endpoint");
const X_SCHEME: HeaderName = HeaderName::from_static("x-scheme");

/// What ends here beside `Connection`. Most heads have none of them, and a look is cheaper than seven
/// hashes.
static HOP_BY_HOP: [HeaderName; 7] = [
    KEEP_ALIVE,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    PROXY_CONNECTION,
    TE,
    TRANSFER_ENCODING,
    UPGRADE,
];

/// Prepares a request's headers for the endpoint. `host` is what the client asked for.
pub(super) fn to_endpoint(
    headers: &mut HeaderMap,
    client: &Client,
    host: HeaderValue,
    websocket: bool,
) {
    let trailers = headers
        .get(TE)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"trailers"));
    remove_hop_by_hop(headers);
    // Answered by this hop already.
    headers.remove(EXPECT);
    if trailers {
        headers.insert(TE, HeaderValue::from_static("trailers"));
    }
    let original = headers.get(X_FORWARDED_FOR).cloned();
    remove_spoofed(
        headers,
        matches!(client.settings().flavour, Flavour::Nginx(_)),
    );
    let secure = client.tls.is_some();
    headers.insert(X_FORWARDED_FOR, client.address.clone());
    headers.insert(X_REAL_IP, client.address.clone());
    match client.settings().flavour {
        Flavour::Traefik(_) => {
            headers.insert(
                X_FORWARDED_PROTO,
                HeaderValue::from_static(match (secure, websocket) {
                    (true, true) => "wss",
                    (true, false) => "https",
                    (false, true) => "ws",
                    (false, false) => "http",
                }),
            );
            headers.insert(X_FORWARDED_PORT, port_of(&host, secure));
            headers.insert(X_FORWARDED_SERVER, client.replica_name());
        }
        Flavour::Nginx(_) => {
            let scheme = HeaderValue::from_static(if secure { "https" } else { "http" });
            headers.insert(X_FORWARDED_PROTO, scheme.clone());
            headers.insert(X_FORWARDED_SCHEME, scheme.clone());
            headers.insert(X_SCHEME, scheme);
            headers.insert(X_FORWARDED_PORT, HeaderValue::from(client.local.port()));
            if let Some(original) = original {
                headers.insert(X_ORIGINAL_FORWARDED_FOR, original);
            }
            if !headers.contains_key(X_REQUEST_ID) {
                let id = format!("{:032x}", fastrand::u128(..));
                if let Ok(id) = HeaderValue::try_from(id) {
                    headers.insert(X_REQUEST_ID, id);
                }
            }
        }
    }
    headers.insert(X_FORWARDED_HOST, host);
    if websocket {
        headers.insert(CONNECTION, HeaderValue::from_static("Upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
    }
}

/// Prepares a response's headers for the client.
pub(super) fn to_client(headers: &mut HeaderMap) {
    remove_hop_by_hop(headers);
    // Lab: conformance wants one, and neither Traefik nor every backend writes it.
    headers
        .entry(SERVER)
        .or_insert(HeaderValue::from_static("lab"));
}

/// Removes what is meant for one connection only (RFC 9110 section 7.6.1).
pub(super) fn remove_hop_by_hop(headers: &mut HeaderMap) {
    if headers.contains_key(CONNECTION) {
        let listed: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .map(str::trim)
            // The usual ones name no header that would be left.
            .filter(|token| {
                !["close", "keep-alive"]
                    .iter()
                    .any(|usual| token.eq_ignore_ascii_case(usual))
            })
            .filter_map(|token| HeaderName::try_from(token).ok())
            // Without Host there is no request any more, and framing is not the client's to remove.
            .filter(|name| *name != header::HOST && *name != header::CONTENT_LENGTH)
            .collect();
        for name in listed {
            headers.remove(name);
        }
        headers.remove(CONNECTION);
    }
    if headers.keys().any(|name| HOP_BY_HOP.contains(name)) {
        for name in &HOP_BY_HOP {
            headers.remove(name);
        }
    }
}

/// Removes what only a proxy may say, in all spellings that a backend could take for it.
fn remove_spoofed(headers: &mut HeaderMap, underscores: bool) {
    if !headers
        .keys()
        .any(|name| is_spoofed(name.as_str(), underscores))
    {
        return;
    }
    let names: Vec<HeaderName> = headers
        .keys()
        .filter(|name| is_spoofed(name.as_str(), underscores))
        .cloned()
        .collect();
    for name in names {
        headers.remove(name);
    }
}

/// `underscores`: whether every name with an underscore goes, as NGINX does.
fn is_spoofed(name: &str, underscores: bool) -> bool {
    /// Without their first letters `x-forwarded-`.
    const MANAGED: [&str; 10] = [
        "for", "host", "port", "proto", "scheme", "server", "prefix", "uri", "method", "ssl",
    ];
    let bytes = name.as_bytes();
    if bytes.contains(&b'_') {
        return underscores || is_spoofed(&name.replace('_', "-"), false);
    }
    if bytes[0] != b'x' {
        return name == FORWARDED.as_str();
    }
    match name.strip_prefix("x-forwarded-") {
        Some(rest) => MANAGED.contains(&rest) || rest.starts_with("tls-client-cert"),
        None => ["x-real-ip", "x-scheme", "x-original-forwarded-for"].contains(&name),
    }
}

/// The port the client dialled, as far as it says so.
fn port_of(host: &HeaderValue, secure: bool) -> HeaderValue {
    let named = host
        .to_str()
        .ok()
        .and_then(|host| host.rsplit_once(':')?.1.parse::<u16>().ok());
    match named {
        Some(port) => HeaderValue::from(port),
        None => HeaderValue::from_static(if secure { "443" } else { "80" }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_proxy_may_say_where_a_request_came_from() {
        for name in [
            "x-forwarded-for",
            "x_forwarded_proto",
            "x-forwarded_host",
            "forwarded",
            "x_real_ip",
        ] {
            assert!(is_spoofed(name, false), "{name}");
        }
        for name in ["x-request-id", "user_agent", "x-forwarded-user", "accept"] {
            assert!(!is_spoofed(name, false), "{name}");
        }
        assert!(is_spoofed("user_agent", true));
    }

    #[test]
    fn what_connection_lists_is_removed() {
        let mut headers = HeaderMap::new();
        headers.insert(
            CONNECTION,
            HeaderValue::from_static("close, X-Secret, host"),
        );
        headers.insert("x-secret", HeaderValue::from_static("1"));
        headers.insert(header::HOST, HeaderValue::from_static("a"));
        headers.insert(PROXY_CONNECTION, HeaderValue::from_static("keep-alive"));
        remove_hop_by_hop(&mut headers);
        assert_eq!(headers.len(), 1, "{headers:?}");
        assert!(headers.contains_key(header::HOST));
    }
}
