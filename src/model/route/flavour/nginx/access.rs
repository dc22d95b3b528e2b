//! Who may come in: addresses, passwords, certificates, other servers' word, and how often.
//!
//! What was meant to keep requests out and cannot be understood keeps all of them out, as
//! ingress-nginx does: the location answers 503.

use std::time::Duration;

use super::super::super::super::Secret;
use super::super::super::compile::Compiler;
use super::super::super::{
    BasicAuth, ClientAuth, ClientCertificate, ConnectionLimit, Filter, ForwardAuth, HostMatch,
    Network, Pattern, RateLimit, Sources, Template,
};
use super::super::annotations::Annotations;

/// What `limit-burst-multiplier` is unless it is said.
const BURST: u32 = 5;
/// NGINX's answer to whoever comes too often.
const TOO_OFTEN: u16 = 503;

/// What is asked of a request before it is forwarded.
#[derive(Default)]
pub(super) struct Access {
    pub(super) certificate: Option<Filter>,
    /// For the handshakes of the Ingress' hosts; the host is filled in for each.
    pub(super) handshake: Option<ClientAuth>,
    pub(super) limits: Vec<Filter>,
    pub(super) checks: Vec<Filter>,
    /// Why nobody gets in.
    pub(super) denied: Option<String>,
}

impl Access {
    fn deny(&mut self, read: &mut Annotations<'_>, name: &str, reason: &str) {
        read.refused(name, &format!("{reason}; its locations answer 503"));
        self.denied = Some(format!("annotation {name}: {reason}"));
    }
}

/// Reads all of it.
pub(super) fn access(read: &mut Annotations<'_>, compiler: &Compiler<'_>) -> Access {
    let mut access = Access {
        limits: limits(read),
        ..Access::default()
    };
    certificate(&mut access, read, compiler);
    sources(&mut access, read);
    basic(&mut access, read, compiler);
    forward(&mut access, read);
    let any = read.parsed("satisfy", "\"all\" or \"any\"", |text| match text {
        "any" => Some(true),
        "all" => Some(false),
        _ => None,
    });
    if any == Some(true) && access.checks.len() > 1 {
        access.checks = vec![Filter::AnyOf(std::mem::take(&mut access.checks))];
    }
    access
}

fn limits(read: &mut Annotations<'_>) -> Vec<Filter> {
    let multiplier = read.number("limit-burst-multiplier").unwrap_or(BURST);
    let mut limits = Vec::new();
    for (name, period) in [("limit-rps", 1), ("limit-rpm", 60)] {
        if let Some(requests @ 1..) = read.number::<u32>(name) {
            limits.push(Filter::RateLimit(RateLimit {
                requests,
                period: Duration::from_secs(period),
                burst: requests.saturating_mul(multiplier),
                status: TOO_OFTEN,
            }));
        }
    }
    if let Some(requests @ 1..) = read.number::<u32>("limit-connections") {
        limits.push(Filter::Connections(ConnectionLimit {
            requests,
            status: TOO_OFTEN,
        }));
    }
    limits
}

fn sources(access: &mut Access, read: &mut Annotations<'_>) {
    let mut sources = Sources::default();
    for (name, deny) in [
        ("whitelist-source-range", false),
        ("allowlist-source-range", false),
        ("denylist-source-range", true),
    ] {
        for text in read.list(name) {
            match Network::parse(text) {
                Some(network) if deny => sources.deny.push(network),
                Some(network) => sources.allow.push(network),
                None => access.deny(
                    read,
                    name,
                    &format!("\"{text}\" is no address and no network"),
                ),
            }
        }
    }
    if sources != Sources::default() {
        access.checks.push(Filter::Sources(sources));
    }
}

fn basic(access: &mut Access, read: &mut Annotations<'_>, compiler: &Compiler<'_>) {
    match read.text("auth-type") {
        None => return,
        Some("basic") => {}
        Some(_) => return access.deny(read, "auth-type", "only basic is supported"),
    }
    let Some(name) = read.text("auth-secret") else {
        return access.deny(read, "auth-type", "auth-secret is missing");
    };
    let Some(secret) = compiler.secret(name) else {
        return access.deny(read, "auth-secret", "there is no such Secret");
    };
    let users = match read.text("auth-secret-type") {
        None | Some("auth-file") => match secret.data.get("auth") {
            Some(file) => htpasswd(file),
            None => return access.deny(read, "auth-secret", "the Secret has no key \"auth\""),
        },
        Some("auth-map") => auth_map(secret),
        Some(_) => {
            let reason = "must be \"auth-file\" or \"auth-map\"";
            return access.deny(read, "auth-secret-type", reason);
        }
    };
    access.checks.push(Filter::BasicAuth(BasicAuth {
        realm: read.text("auth-realm").unwrap_or_default().to_owned(),
        users,
    }));
}

/// Lines of `user:hash`.
fn htpasswd(file: &[u8]) -> Vec<(String, String)> {
    let text = String::from_utf8_lossy(file);
    let lines = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| line.split_once(':'))
        .map(|(user, hash)| (user.to_owned(), hash.to_owned()))
        .collect()
}

/// A key for each user.
fn auth_map(secret: &Secret) -> Vec<(String, String)> {
    let entries = secret.data.iter();
    entries
        .map(|(user, hash)| {
            let hash = String::from_utf8_lossy(hash);
            (user.clone(), hash.trim().to_owned())
        })
        .collect()
}

fn forward(access: &mut Access, read: &mut Annotations<'_>) {
    let Some(url) = read.text("auth-url") else {
        return;
    };
    if !url.starts_with("http://") {
        return access.deny(
            read,
            "auth-url",
            "only http:// and a Service of the lab is supported",
        );
    }
    if let Err(unknown) = Template::parse(url) {
        return access.deny(read, "auth-url", &unknown.to_string());
    }
    let method = read.parsed("auth-method", "a method in capitals", |text| {
        let capitals = text.bytes().all(|byte| byte.is_ascii_uppercase());
        capitals.then(|| text.to_owned())
    });
    let parameter = read.text("auth-signin-redirect-param").unwrap_or("rd");
    let signin = read.parsed(
        "auth-signin",
        "a URL, with variables of the request",
        |text| {
            Template::parse(text)
                .is_ok()
                .then(|| signin(text, parameter))
        },
    );
    access.checks.push(Filter::ForwardAuth(ForwardAuth {
        url: url.to_owned(),
        method,
        signin,
        response_headers: read
            .list("auth-response-headers")
            .into_iter()
            .map(str::to_ascii_lowercase)
            .collect(),
    }));
}

/// ingress-nginx adds where the user was to go, unless the URL says it already.
fn signin(url: &str, parameter: &str) -> String {
    let query = url.split_once('?').map(|(_, query)| query);
    let mut pairs = query.unwrap_or_default().split('&');
    if pairs.any(|pair| pair.split('=').next() == Some(parameter)) {
        return url.to_owned();
    }
    let separator = if query.is_some() { '&' } else { '?' };
    format!("{url}{separator}{parameter}=$scheme://$http_host$escaped_request_uri")
}

fn certificate(access: &mut Access, read: &mut Annotations<'_>, compiler: &Compiler<'_>) {
    let Some(name) = read.text("auth-tls-secret") else {
        return;
    };
    let required = match read.text("auth-tls-verify-client").unwrap_or("on") {
        "off" => return,
        "on" => true,
        "optional" | "optional_no_ca" => false,
        _ => {
            read.ignored(
                "auth-tls-verify-client",
                "must be on, off, optional or optional_no_ca",
            );
            true
        }
    };
    match compiler.secret(name) {
        None => return access.deny(read, "auth-tls-secret", "there is no such Secret"),
        Some(secret) if !secret.data.contains_key("ca.crt") => {
            return access.deny(read, "auth-tls-secret", "the Secret has no key \"ca.crt\"");
        }
        Some(_) => {}
    }
    let subject = match read.text("auth-tls-match-cn").map(Pattern::new) {
        None => None,
        Some(Ok(pattern)) => Some(pattern),
        Some(Err(_)) => {
            return access.deny(read, "auth-tls-match-cn", "is no regular expression");
        }
    };
    access.certificate = Some(Filter::ClientCertificate(ClientCertificate {
        required,
        subject,
        pass: read
            .flag("auth-tls-pass-certificate-to-upstream")
            .unwrap_or(false),
    }));
    access.handshake = Some(ClientAuth {
        host: HostMatch::Any,
        secret: name.rsplit('/').next().unwrap_or(name).to_owned(),
        in_handshake: false,
        required,
        depth: read.number("auth-tls-verify-depth").unwrap_or(1),
    });
}
