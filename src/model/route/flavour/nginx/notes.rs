//! Every annotation of ingress-nginx, and what becomes of it here.

use super::super::AnnotationNote;
use super::PREFIX;

/// What becomes of an annotation.
enum Support {
    /// It does what ingress-nginx' documentation says.
    Read,
    /// The same, but for this.
    Partly(&'static str),
    /// It is accepted, because what it changes cannot be seen here, for this reason.
    Unseen(&'static str),
    /// It is told, for this reason.
    Missing(&'static str),
}

use Support::{Missing, Partly, Read, Unseen};

const STREAMED: &str = "bodies are streamed with bounded memory";
const SNIPPET: &str = "is raw NGINX configuration, which is never evaluated";
const CONFIG_MAP: &str = "needs a ConfigMap, which the lab does not have";
const ENDPOINT_TLS: &str = "is not supported: an endpoint's certificate is not looked at";
const FILMS: &str = "the lab shows requests as films";

/// Without their prefix, in the order of ingress-nginx' own list.
const ANNOTATIONS: &[(&str, Support)] = &[
    ("app-root", Read),
    ("affinity", Read),
    ("affinity-mode", Read),
    (
        "affinity-canary-behavior",
        Missing("is not supported: a canary is asked for each request"),
    ),
    ("auth-realm", Read),
    ("auth-secret", Read),
    ("auth-secret-type", Read),
    ("auth-type", Partly("digest answers 503")),
    ("auth-tls-secret", Read),
    ("auth-tls-verify-depth", Read),
    (
        "auth-tls-verify-client",
        Partly("optional_no_ca is optional"),
    ),
    (
        "auth-tls-error-page",
        Missing("is not supported: the answer is 400"),
    ),
    ("auth-tls-pass-certificate-to-upstream", Read),
    ("auth-tls-match-cn", Read),
    ("auth-url", Partly("http:// only; else 503")),
    (
        "auth-cache-key",
        Missing("is not supported: each request is asked about"),
    ),
    (
        "auth-cache-duration",
        Missing("is not supported: each request is asked about"),
    ),
    ("auth-keepalive", Unseen("connections are kept anyway")),
    (
        "auth-keepalive-share-vars",
        Unseen("connections are kept anyway"),
    ),
    (
        "auth-keepalive-requests",
        Unseen("connections are kept anyway"),
    ),
    (
        "auth-keepalive-timeout",
        Unseen("connections are kept anyway"),
    ),
    ("auth-proxy-set-headers", Missing(CONFIG_MAP)),
    ("auth-snippet", Missing(SNIPPET)),
    ("auth-method", Read),
    ("auth-signin", Read),
    ("auth-signin-redirect-param", Read),
    ("auth-response-headers", Read),
    ("auth-request-redirect", Missing("is not supported")),
    ("auth-always-set-cookie", Missing("is not supported")),
    (
        "enable-global-auth",
        Unseen("there is no global authentication"),
    ),
    ("backend-protocol", Partly("HTTP, HTTPS, GRPC and GRPCS")),
    ("canary", Read),
    ("canary-by-header", Read),
    ("canary-by-header-value", Read),
    ("canary-by-header-pattern", Read),
    ("canary-by-cookie", Read),
    ("canary-weight", Read),
    ("canary-weight-total", Read),
    ("client-body-buffer-size", Unseen(STREAMED)),
    ("configuration-snippet", Missing(SNIPPET)),
    (
        "custom-http-errors",
        Partly("together with default-backend"),
    ),
    ("custom-headers", Missing(CONFIG_MAP)),
    (
        "default-backend",
        Partly("for custom-http-errors; without endpoints the answer is 503"),
    ),
    (
        "disable-proxy-intercept-errors",
        Missing("is not supported"),
    ),
    ("enable-cors", Read),
    ("cors-allow-origin", Read),
    ("cors-allow-methods", Read),
    ("cors-allow-headers", Read),
    ("cors-expose-headers", Read),
    ("cors-allow-credentials", Read),
    ("cors-max-age", Read),
    ("denylist-source-range", Read),
    ("whitelist-source-range", Read),
    ("allowlist-source-range", Read),
    ("force-ssl-redirect", Read),
    ("ssl-redirect", Read),
    ("preserve-trailing-slash", Read),
    ("from-to-www-redirect", Read),
    (
        "http2-push-preload",
        Unseen("browsers have given up server push"),
    ),
    ("limit-connections", Read),
    ("limit-rps", Read),
    ("limit-rpm", Read),
    ("limit-burst-multiplier", Read),
    (
        "limit-whitelist",
        Missing("is not supported: the limits are for all clients"),
    ),
    ("limit-rate", Missing("is not supported")),
    ("limit-rate-after", Missing("is not supported")),
    ("permanent-redirect", Read),
    ("permanent-redirect-code", Read),
    ("temporal-redirect", Read),
    ("temporal-redirect-code", Read),
    ("relative-redirects", Missing("is not supported")),
    ("proxy-body-size", Read),
    ("proxy-cookie-domain", Missing("is not supported")),
    ("proxy-cookie-path", Missing("is not supported")),
    ("proxy-connect-timeout", Read),
    (
        "proxy-send-timeout",
        Partly("an endpoint of HTTP/2 has a minute"),
    ),
    ("proxy-read-timeout", Read),
    (
        "proxy-next-upstream",
        Partly("after invalid_header there is no other try"),
    ),
    ("proxy-next-upstream-timeout", Read),
    ("proxy-next-upstream-tries", Partly("0 (no limit) is 10")),
    ("proxy-request-buffering", Unseen(STREAMED)),
    ("proxy-redirect-from", Missing("is not supported")),
    ("proxy-redirect-to", Missing("is not supported")),
    ("proxy-http-version", Partly("1.1")),
    ("proxy-ssl-secret", Missing(ENDPOINT_TLS)),
    ("proxy-ssl-ciphers", Missing(ENDPOINT_TLS)),
    ("proxy-ssl-name", Missing(ENDPOINT_TLS)),
    ("proxy-ssl-protocols", Missing(ENDPOINT_TLS)),
    ("proxy-ssl-verify", Partly("off")),
    ("proxy-ssl-verify-depth", Missing(ENDPOINT_TLS)),
    ("proxy-ssl-server-name", Missing(ENDPOINT_TLS)),
    ("enable-rewrite-log", Unseen(FILMS)),
    ("enable-access-log", Unseen(FILMS)),
    ("rewrite-target", Read),
    ("use-regex", Read),
    ("satisfy", Read),
    ("server-alias", Read),
    ("server-snippet", Missing(SNIPPET)),
    ("stream-snippet", Missing(SNIPPET)),
    ("service-upstream", Read),
    (
        "session-cookie-change-on-failure",
        Unseen("a cookie whose endpoint is gone is always changed"),
    ),
    (
        "session-cookie-conditional-samesite-none",
        Missing("is not supported"),
    ),
    ("session-cookie-domain", Read),
    ("session-cookie-expires", Partly("as Max-Age is")),
    ("session-cookie-max-age", Read),
    ("session-cookie-name", Read),
    ("session-cookie-path", Read),
    ("session-cookie-samesite", Read),
    ("session-cookie-secure", Read),
    (
        "ssl-passthrough",
        Missing("is not supported: TLS ends at the ingress"),
    ),
    (
        "ssl-ciphers",
        Missing("is not supported: rustls has its own list"),
    ),
    (
        "ssl-prefer-server-ciphers",
        Missing("is not supported: rustls has its own order"),
    ),
    ("upstream-hash-by", Partly("variables of the request")),
    (
        "upstream-hash-by-subset",
        Missing("is not supported: a hash means one endpoint"),
    ),
    (
        "upstream-hash-by-subset-size",
        Missing("is not supported: a hash means one endpoint"),
    ),
    ("upstream-vhost", Read),
    ("x-forwarded-prefix", Read),
    ("load-balance", Read),
    ("proxy-buffering", Unseen(STREAMED)),
    ("proxy-buffers-number", Unseen(STREAMED)),
    ("proxy-buffer-size", Unseen(STREAMED)),
    ("proxy-busy-buffers-size", Unseen(STREAMED)),
    ("proxy-max-temp-file-size", Unseen(STREAMED)),
    ("connection-proxy-header", Missing("is not supported")),
    ("enable-opentelemetry", Unseen(FILMS)),
    ("opentelemetry-trust-incoming-span", Unseen(FILMS)),
    ("opentelemetry-operation-name", Unseen(FILMS)),
    (
        "enable-modsecurity",
        Missing("is not supported: there is no ModSecurity here"),
    ),
    (
        "enable-owasp-core-rules",
        Missing("is not supported: there is no ModSecurity here"),
    ),
    ("modsecurity-snippet", Missing(SNIPPET)),
    (
        "modsecurity-transaction-id",
        Missing("is not supported: there is no ModSecurity here"),
    ),
    ("mirror-target", Partly("a Service of the lab")),
    ("mirror-request-body", Partly("on")),
    (
        "mirror-host",
        Missing("is not supported: the copy has the Service's name"),
    ),
];

/// What a user should know about an annotation beside what its value says.
pub(in super::super) fn objection(name: &str) -> Option<&'static str> {
    let name = name.strip_prefix(PREFIX)?;
    let known = ANNOTATIONS.iter().find(|(known, _)| *known == name);
    match known {
        None => Some("is not known to ingress-nginx"),
        Some((_, Missing(reason))) => Some(reason),
        Some(_) => None,
    }
}

/// The list, for a document.
pub(in super::super) fn notes() -> Vec<AnnotationNote> {
    let note = |(name, support): &(&str, Support)| AnnotationNote {
        name: format!("{PREFIX}{name}"),
        supported: !matches!(support, Missing(_)),
        note: match support {
            Read => String::new(),
            Partly(text) | Missing(text) => (*text).to_owned(),
            Unseen(reason) => format!("changes nothing that can be seen: {reason}"),
        },
    };
    ANNOTATIONS.iter().map(note).collect()
}
