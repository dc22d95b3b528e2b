//! Who may pass: by address, by password, by certificate.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::StatusCode;
use http::header::{AUTHORIZATION, HeaderName, HeaderValue, WWW_AUTHENTICATE};

use super::{Stop, Subject, empty, password, refusal};
use crate::ingress::failure::Failure;
use crate::model::{BasicAuth, ClientCertificate, Sources};

/// Only clients of these networks.
pub(super) fn sources(sources: &Sources, subject: &Subject<'_>) -> Result<(), Stop> {
    let client = subject.client.seen_as.ip();
    let among = |networks: &[crate::model::Network]| {
        networks.iter().any(|network| network.contains(client))
    };
    let allowed = sources.allow.is_empty() || among(&sources.allow);
    if allowed && !among(&sources.deny) {
        return Ok(());
    }
    let reason = format!("{client} is not a source that may pass");
    Err(refusal(StatusCode::FORBIDDEN, "source", reason))
}

/// Only users with a password; which one it is.
pub(super) fn basic(auth: &BasicAuth, subject: &Subject<'_>) -> Result<String, Stop> {
    let header = subject.question.headers.get(AUTHORIZATION);
    if let Some((user, given)) = header.and_then(credentials) {
        // Every user is looked at, so that the time tells nothing about names.
        let mut known = false;
        for (name, hash) in &auth.users {
            known |= *name == user && password::matches(&given, hash);
        }
        if known {
            return Ok(user);
        }
    }
    let mut response = empty(StatusCode::UNAUTHORIZED);
    let realm = auth.realm.replace(['"', '\\'], "");
    if let Ok(value) = HeaderValue::from_str(&format!("Basic realm=\"{realm}\"")) {
        response.headers_mut().insert(WWW_AUTHENTICATE, value);
    }
    Err(Stop::Failure(Failure::Answered {
        response: Box::new(response),
        code: "password",
        reason: "the request names no user with the right password".to_owned(),
    }))
}

/// RFC 7617: the scheme, and user and password in base64.
fn credentials(header: &HeaderValue) -> Option<(String, String)> {
    let (scheme, rest) = header.to_str().ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let text = String::from_utf8(STANDARD.decode(rest.trim()).ok()?).ok()?;
    let (user, password) = text.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}

/// Only clients whose certificate the handshake has verified; what the endpoint is told of it.
pub(super) fn certificate(
    wanted: &ClientCertificate,
    subject: &Subject<'_>,
) -> Result<Vec<(HeaderName, HeaderValue)>, Stop> {
    let shown = subject
        .client
        .tls
        .as_ref()
        .and_then(|tls| tls.client.as_ref());
    let Some(shown) = shown else {
        if wanted.required {
            let reason = "no client certificate that could be verified was sent";
            return Err(refusal(StatusCode::BAD_REQUEST, "certificate", reason));
        }
        return Ok(told("NONE", None, None));
    };
    if let Some(pattern) = &wanted.subject
        && !pattern.regex().is_match(&shown.subject)
    {
        let reason = "the subject of the client certificate may not pass";
        return Err(refusal(StatusCode::FORBIDDEN, "certificate", reason));
    }
    let pem = wanted.pass.then_some(shown.pem.as_str());
    Ok(told("SUCCESS", Some(&shown.subject), pem))
}

fn told(
    verified: &'static str,
    subject: Option<&str>,
    pem: Option<&str>,
) -> Vec<(HeaderName, HeaderValue)> {
    let mut told = vec![(
        HeaderName::from_static("ssl-client-verify"),
        HeaderValue::from_static(verified),
    )];
    let mut tell = |name, text: Option<String>| {
        if let Some(value) = text.and_then(|text| HeaderValue::from_str(&text).ok()) {
            told.push((HeaderName::from_static(name), value));
        }
    };
    tell("ssl-client-subject-dn", subject.map(str::to_owned));
    tell("ssl-client-cert", pem.map(percent_encoded));
    told
}

/// As NGINX' `$ssl_client_escaped_cert`.
fn percent_encoded(text: &str) -> String {
    use std::fmt::Write as _;
    text.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            all.push(byte.into());
        } else {
            // Writing to a String cannot fail.
            _ = write!(all, "%{byte:02X}");
        }
        all
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_user_and_password() {
        let read = |text| credentials(&HeaderValue::from_static(text));
        assert_eq!(
            read("basic YTpiOmM="),
            Some(("a".to_owned(), "b:c".to_owned()))
        );
        for bad in ["Basic", "Basic !", "Bearer YTpi", "Basic YQ=="] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
