//! Which endpoint a request goes to: by its cookie, else as its Service port says.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use http::header::{COOKIE, HeaderValue};

use super::filters::Subject;
use super::view::Backend;
use crate::model::{Balancing, Canary, CanaryValue, Question, Session, WeightedBackend};

/// The choice of an endpoint.
pub(super) struct Pick {
    /// The position that is tried first.
    pub(super) index: usize,
    /// A cookie for the client, so that it comes back to this endpoint.
    pub(super) cookie: Option<HeaderValue>,
    /// How it was chosen, for the film.
    pub(super) algorithm: &'static str,
}

/// Chooses among the endpoints of a backend, which must have one.
pub(super) fn pick(backend: &Backend, subject: &Subject<'_>) -> Pick {
    let Some(session) = &backend.session else {
        let (index, algorithm) = select(backend, subject);
        return Pick {
            index,
            cookie: None,
            algorithm,
        };
    };
    if let Some(value) = cookie(&subject.question, &session.cookie)
        && let Some(index) = backend.endpoints.iter().position(|one| one.key == value)
    {
        return Pick {
            index,
            cookie: None,
            algorithm: "cookie",
        };
    }
    let (index, algorithm) = select(backend, subject);
    Pick {
        index,
        cookie: set_cookie(session, &backend.endpoints[index].key),
        algorithm,
    }
}

fn select(backend: &Backend, subject: &Subject<'_>) -> (usize, &'static str) {
    let count = backend.endpoints.len();
    match &backend.selection {
        Balancing::RoundRobin => (backend.next(), "round-robin"),
        Balancing::LeastLatency => {
            let (one, other) = (fastrand::usize(..count), fastrand::usize(..count));
            let latency = |index: usize| backend.endpoints[index].pool.latency();
            let better = if latency(other) < latency(one) {
                other
            } else {
                one
            };
            (better, "least-latency")
        }
        Balancing::HashBy(_) => {
            let Some(template) = &backend.hash_by else {
                return (backend.next(), "round-robin");
            };
            let client = subject.client.seen_as.ip();
            let text = template.fill(&subject.question, subject.written, client);
            (rendezvous(backend, &text), "hash")
        }
    }
}

/// The endpoint with the highest score for a text. When an endpoint comes or goes, only the texts
/// that it wins or won move.
fn rendezvous(backend: &Backend, text: &str) -> usize {
    let score = |key: &str| {
        // Its keys are fixed, so that all replicas agree.
        let mut hasher = DefaultHasher::new();
        (key, text).hash(&mut hasher);
        hasher.finish()
    };
    let scores = backend.endpoints.iter().map(|one| score(&one.key));
    let best = scores.enumerate().max_by_key(|(_, score)| *score);
    best.map_or(0, |(index, _)| index)
}

/// What a cookie calls an endpoint: nothing that tells its address.
pub(super) fn key(address: std::net::SocketAddr) -> String {
    let mut hasher = DefaultHasher::new();
    address.hash(&mut hasher);
    format!("{:016x}", hasher.finish())
}

fn set_cookie(session: &Session, key: &str) -> Option<HeaderValue> {
    let mut text = format!("{}={key}", session.cookie);
    let mut add = |name: &str, value: Option<&str>| {
        text.push_str("; ");
        text.push_str(name);
        if let Some(value) = value {
            text.push('=');
            text.push_str(value);
        }
    };
    if let Some(age) = session.max_age {
        let at = std::time::SystemTime::now() + age.min(LONGEST);
        add("Expires", Some(&httpdate::fmt_http_date(at)));
        add("Max-Age", Some(&age.as_secs().to_string()));
    }
    if let Some(domain) = &session.domain {
        add("Domain", Some(domain));
    }
    add("Path", Some(session.path.as_deref().unwrap_or("/")));
    if session.secure {
        add("Secure", None);
    }
    if session.http_only {
        add("HttpOnly", None);
    }
    if let Some(same_site) = &session.same_site {
        add("SameSite", Some(same_site));
    }
    HeaderValue::from_str(&text).ok()
}

/// Dates further away cannot be written.
const LONGEST: Duration = Duration::from_secs(100 * 365 * 24 * 3600);

/// The value of a cookie.
fn cookie<'q>(question: &Question<'q>, name: &str) -> Option<&'q str> {
    let lines = question.headers.get_all(COOKIE).iter();
    let mut pairs = lines
        .filter_map(|line| line.to_str().ok())
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
}

/// Whether a request goes to the canary, and why.
pub(super) fn canary(canary: &Canary, question: &Question<'_>) -> (bool, String) {
    let switch = |value: &str| match value {
        "always" => Some(true),
        "never" => Some(false),
        _ => None,
    };
    if let Some((name, wanted)) = &canary.header
        && let Some(value) = question.headers.get(name.as_str())
        && let Ok(value) = value.to_str()
    {
        let decided = match wanted {
            CanaryValue::AlwaysNever => switch(value),
            CanaryValue::Exact(exact) => (value == exact).then_some(true),
            CanaryValue::Matches(pattern) => pattern.regex().is_match(value).then_some(true),
        };
        if let Some(decided) = decided {
            return (decided, format!("header {name}: {value}"));
        }
    }
    if let Some(name) = &canary.cookie
        && let Some(decided) = cookie(question, name).and_then(switch)
    {
        return (decided, format!("cookie {name}"));
    }
    let dice = fastrand::u32(0..canary.total.max(1));
    let why = format!("weight {} of {}", canary.weight, canary.total);
    (dice < canary.weight, why)
}

/// The share in which the client's cookie names an endpoint, where there are several.
pub(super) fn kept<'s>(
    shares: &'s [WeightedBackend],
    subject: &Subject<'_>,
) -> Option<&'s WeightedBackend> {
    if shares.len() < 2 {
        return None;
    }
    shares.iter().find(|share| {
        let Some(backend) = share.backend.map(|index| subject.view.backend(index)) else {
            return false;
        };
        let session = backend.session.as_ref();
        let value = session.and_then(|session| cookie(&subject.question, &session.cookie));
        value.is_some_and(|value| backend.endpoints.iter().any(|one| one.key == value))
    })
}

/// One of the shares of a route, by weight.
pub(super) fn share(backends: &[WeightedBackend]) -> Option<&WeightedBackend> {
    if let [only] = backends {
        return Some(only);
    }
    let total: u32 = backends.iter().map(|backend| backend.weight).sum();
    let mut dice = fastrand::u32(0..total.max(1));
    for backend in backends {
        match dice.checked_sub(backend.weight) {
            Some(rest) => dice = rest,
            None => return Some(backend),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(headers: &http::HeaderMap) -> Question<'_> {
        Question {
            headers,
            ..Question::get("a", "/")
        }
    }

    #[test]
    fn a_canary_asks_header_then_cookie_then_dice() {
        let mut rule = Canary {
            backend: 0,
            header: Some(("x-new".to_owned(), CanaryValue::AlwaysNever)),
            cookie: Some("new".to_owned()),
            weight: 0,
            total: 100,
        };
        let mut headers = http::HeaderMap::new();
        assert!(!canary(&rule, &question(&headers)).0);
        headers.insert("cookie", HeaderValue::from_static("a=b; new=always"));
        assert!(canary(&rule, &question(&headers)).0);
        headers.insert("x-new", HeaderValue::from_static("never"));
        assert!(!canary(&rule, &question(&headers)).0);
        headers.insert("x-new", HeaderValue::from_static("maybe"));
        assert!(canary(&rule, &question(&headers)).0, "the cookie decides");
        rule.cookie = None;
        rule.weight = 100;
        assert!(canary(&rule, &question(&headers)).0);
    }

    #[test]
    fn a_share_of_nothing_gets_nothing() {
        let share_of = |weight| WeightedBackend {
            backend: Some(weight as usize),
            weight,
            filters: Vec::new(),
        };
        let shares = [share_of(0), share_of(5), share_of(0)];
        for _ in 0..100 {
            assert_eq!(share(&shares).unwrap().backend, Some(5));
        }
        assert!(share(&[share_of(0), share_of(0)]).is_none());
    }

    #[test]
    fn a_cookie_says_where_it_is_for() {
        let session = Session {
            cookie: "route".to_owned(),
            path: Some("/x".to_owned()),
            domain: None,
            max_age: None,
            same_site: Some("Lax".to_owned()),
            secure: true,
            http_only: true,
            persistent: true,
        };
        let cookie = set_cookie(&session, "k").unwrap();
        assert_eq!(cookie, "route=k; Path=/x; Secure; HttpOnly; SameSite=Lax");
    }
}
