//! What the annotations of one Ingress say about each of its locations.

use std::time::Duration;

use super::super::super::super::{AppProtocol, Ingress};
use super::super::super::compile::Compiler;
use super::super::super::{Filter, PathChange, Redirect, Retry, Rewrite, RouteTimeouts, Template};
use super::super::NginxOptions;
use super::super::annotations::{Annotations, size};
use super::access::{Access, access};
use super::canary::{self, CanaryRule};
use super::{PREFIX, cors, pages};

/// Request bodies that are let through where nothing is said: NGINX's own default.
const BODY: u64 = 1 << 20;
/// ingress-nginx' defaults, in seconds.
const CONNECT: Duration = Duration::from_secs(5);
const SEND: Duration = Duration::from_secs(60);
const READ: Duration = Duration::from_secs(60);
const TRIES: u32 = 3;
/// Lab: `0` means any number of tries to NGINX, which has a list of endpoints to come to the end
/// of.
const MOST_TRIES: u32 = 10;

/// Which requests in clear text an Ingress wants redirected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Https {
    Never,
    IfTls,
    Always,
}

/// What the annotations of one Ingress say.
pub(super) struct Settings {
    pub(super) https: Https,
    pub(super) preserve_slash: bool,
    /// `app-root`, and where a permanent or temporal redirect leads.
    pub(super) redirects: Vec<Redirect>,
    /// `rewrite-target`, in the language of [`PathChange::Captures`].
    pub(super) target: Option<Target>,
    pub(super) regex: bool,
    pub(super) rewrite: Rewrite,
    pub(super) body: Option<u64>,
    pub(super) cors: Option<Filter>,
    pub(super) access: Access,
    pub(super) mirror: Option<Filter>,
    pub(super) pages: Option<pages::Pages>,
    pub(super) timeouts: RouteTimeouts,
    pub(super) retry: Retry,
    /// What endpoints speak, and whether over TLS; the Service port says if this does not.
    pub(super) protocol: Option<(AppProtocol, bool)>,
    pub(super) canary: Option<CanaryRule>,
    pub(super) aliases: Vec<String>,
    pub(super) www: bool,
}

/// A `rewrite-target`.
pub(super) struct Target {
    /// As written.
    pub(super) text: String,
    /// With `${1}` for captures.
    pub(super) expansion: String,
}

impl Settings {
    /// Reads them and tells what cannot be used.
    pub(super) fn read(
        ingress: &Ingress,
        options: &NginxOptions,
        compiler: &mut Compiler<'_>,
    ) -> Self {
        let mut annotations = Annotations::of_ingress(ingress, PREFIX);
        let read = &mut annotations;
        let https = if read.flag("force-ssl-redirect").unwrap_or(false) {
            Https::Always
        } else if read.flag("ssl-redirect").unwrap_or(options.redirect_https) {
            Https::IfTls
        } else {
            Https::Never
        };
        let everything = everything(read);
        let target = target(read);
        let rewrite = rewrite(read, target.is_some());
        let settings = Self {
            https,
            preserve_slash: read.flag("preserve-trailing-slash").unwrap_or(false),
            redirects: app_root(read).into_iter().chain(everything).collect(),
            regex: read.flag("use-regex").unwrap_or(false),
            target,
            rewrite,
            body: match read.parsed("proxy-body-size", "a size such as \"8m\", or \"0\"", size) {
                Some(0) => None,
                Some(bytes) => Some(bytes),
                None => Some(BODY),
            },
            cors: cors::read(read),
            access: access(read, compiler),
            mirror: pages::mirror(read, compiler),
            pages: pages::read(read, compiler),
            timeouts: timeouts(read),
            retry: retry(read),
            protocol: protocol(read),
            canary: canary::read(read),
            aliases: aliases(read),
            www: read.flag("from-to-www-redirect").unwrap_or(false),
        };
        only(read, "proxy-http-version", &["1.1"], "HTTP/1.1 is spoken");
        only(
            read,
            "proxy-ssl-verify",
            &["off"],
            "an endpoint's certificate is not looked at",
        );
        only(
            read,
            "mirror-request-body",
            &["on"],
            "the body is copied too",
        );
        compiler.diagnostics.extend(annotations.into_problems());
        settings
    }

    /// Whether every request is redirected, so that none reaches the redirect to HTTPS.
    pub(super) fn redirects_all(&self) -> bool {
        let mut redirects = self.redirects.iter();
        redirects.any(|redirect| redirect.only_path.is_none())
    }

    /// What is done with requests and responses of a location, in the order of NGINX's phases.
    pub(super) fn filters(&self) -> Vec<Filter> {
        let mut filters: Vec<_> = self.access.certificate.iter().cloned().collect();
        filters.extend(self.body.map(Filter::BodyLimit));
        filters.extend(self.cors.clone());
        filters.extend(self.redirects.iter().cloned().map(Filter::Redirect));
        filters.extend(self.access.limits.iter().cloned());
        filters.extend(self.access.checks.iter().cloned());
        filters.extend(self.mirror.clone());
        filters
    }
}

/// Tells a value other than the one that is always so.
fn only(read: &mut Annotations<'_>, name: &str, values: &[&str], instead: &str) {
    if read.text(name).is_some_and(|text| !values.contains(&text)) {
        read.ignored(name, instead);
    }
}

/// `app-root`: the front page is elsewhere.
fn app_root(read: &mut Annotations<'_>) -> Option<Redirect> {
    let root = read.parsed("app-root", "a path", |text| {
        (text.starts_with('/') && !text.starts_with("//")).then(|| text.to_owned())
    })?;
    Some(Redirect {
        path: Some(PathChange::Full(root)),
        status: 302,
        only_path: Some("/".to_owned()),
        ..Redirect::default()
    })
}

/// `temporal-redirect`, else `permanent-redirect`.
fn everything(read: &mut Annotations<'_>) -> Option<Redirect> {
    let mut one = |name: &str, code: &str, usual: u16| {
        let location = read.parsed(name, "a URL, with variables of the request", |text| {
            Template::parse(text).is_ok().then(|| text.to_owned())
        })?;
        let status = read.parsed(code, "300 to 308", |text| {
            let status = text.parse().ok()?;
            (300..=308).contains(&status).then_some(status)
        });
        Some(Redirect {
            location: Some(location),
            status: status.unwrap_or(usual),
            ..Redirect::default()
        })
    };
    let temporal = one("temporal-redirect", "temporal-redirect-code", 302);
    temporal.or_else(|| one("permanent-redirect", "permanent-redirect-code", 301))
}

/// `rewrite-target`
fn target(read: &mut Annotations<'_>) -> Option<Target> {
    read.parsed(
        "rewrite-target",
        "a path, with $1 to $9 for captures",
        |text| {
            Some(Target {
                text: text.to_owned(),
                expansion: expansion(text)?,
            })
        },
    )
}

/// NGINX's `$1` in the words of the regex crate, to which `$1x` would be a group named "1x".
fn expansion(text: &str) -> Option<String> {
    let mut expansion = String::with_capacity(text.len() + 2);
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (letter, letters.peek().copied()) {
            ('$', Some(digit @ '0'..='9')) => {
                letters.next();
                expansion.extend(['$', '{', digit, '}']);
            }
            ('$', _) => return None,
            _ => expansion.push(letter),
        }
    }
    Some(expansion)
}

/// Which Host and prefix the endpoint is told.
fn rewrite(read: &mut Annotations<'_>, rewrites: bool) -> Rewrite {
    let host = read.parsed("upstream-vhost", "a host name without variables", |text| {
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
        text.bytes().all(fits).then(|| text.to_owned())
    });
    let prefix = read.text("x-forwarded-prefix");
    if prefix.is_some() && !rewrites {
        read.ignored(
            "x-forwarded-prefix",
            "is sent only together with rewrite-target",
        );
    }
    Rewrite {
        host,
        forwarded_prefix: prefix.filter(|_| rewrites).map(str::to_owned),
        path: None,
    }
}

fn timeouts(read: &mut Annotations<'_>) -> RouteTimeouts {
    let longest = read.seconds("proxy-read-timeout").unwrap_or(READ);
    RouteTimeouts {
        connect: Some(read.seconds("proxy-connect-timeout").unwrap_or(CONNECT)),
        send: Some(read.seconds("proxy-send-timeout").unwrap_or(SEND)),
        // NGINX has one limit for both: between two reads.
        response: Some(longest),
        read: Some(longest),
        request: None,
    }
}

fn retry(read: &mut Annotations<'_>) -> Retry {
    let mut retry = Retry {
        tries: match read.number("proxy-next-upstream-tries") {
            None => TRIES,
            Some(0) => MOST_TRIES,
            Some(tries) => tries,
        },
        on_error: false,
        on_timeout: false,
        statuses: Vec::new(),
        non_idempotent: false,
        backoff: Duration::ZERO,
        within: read
            .seconds("proxy-next-upstream-timeout")
            .filter(|limit| !limit.is_zero()),
    };
    let usual = "error timeout";
    let cases = read.parsed(
        "proxy-next-upstream",
        "a list such as \"error timeout\"",
        |text| text.split_whitespace().all(is_retry_case).then_some(text),
    );
    for word in cases.unwrap_or(usual).split_whitespace() {
        match word {
            "error" => retry.on_error = true,
            // Told with the annotation: an answer that is none is not tried again.
            "invalid_header" => {}
            "timeout" => retry.on_timeout = true,
            "non_idempotent" => retry.non_idempotent = true,
            "off" => retry.tries = 1,
            _ => retry.statuses.extend(retry_status(word)),
        }
    }
    retry
}

/// What NGINX knows as a reason for another try.
fn is_retry_case(word: &str) -> bool {
    let words = [
        "error",
        "invalid_header",
        "timeout",
        "non_idempotent",
        "off",
    ];
    words.contains(&word) || retry_status(word).is_some()
}

fn retry_status(word: &str) -> Option<u16> {
    let status = word.strip_prefix("http_")?.parse().ok()?;
    matches!(status, 403 | 404 | 429 | 500 | 502 | 503 | 504).then_some(status)
}

fn protocol(read: &mut Annotations<'_>) -> Option<(AppProtocol, bool)> {
    let expected = "HTTP, HTTPS, GRPC or GRPCS (AUTO_HTTP and FCGI are not supported)";
    read.parsed("backend-protocol", expected, |text| {
        Some(match text.to_ascii_uppercase().as_str() {
            "HTTP" => (AppProtocol::Http, false),
            "HTTPS" => (AppProtocol::Http, true),
            "GRPC" => (AppProtocol::H2c, false),
            "GRPCS" => (AppProtocol::H2c, true),
            _ => return None,
        })
    })
}

fn aliases(read: &mut Annotations<'_>) -> Vec<String> {
    let names = read.list("server-alias").into_iter();
    let (regex, plain): (Vec<_>, Vec<_>) = names.partition(|name| name.starts_with('~'));
    if !regex.is_empty() {
        read.ignored("server-alias", "a regular expression is not supported");
    }
    plain.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn captures_keep_what_follows_them() {
        assert_eq!(expansion("/$1x/$2").as_deref(), Some("/${1}x/${2}"));
        assert_eq!(expansion("/").as_deref(), Some("/"));
        assert_eq!(expansion("/$uri"), None);
        assert_eq!(expansion("/$"), None);
    }
}
