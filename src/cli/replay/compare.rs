//! What is different between then and now.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::model::{Recorded, RecordedAnswer, RecordedRequest, RouteAnswer};

/// Headers that are never twice the same, or name the pod that answered.
const CHANGING: [&str; 10] = [
    "age",
    "date",
    "expires",
    "last-modified",
    "set-cookie",
    "x-lab-pod",
    "x-lab-served-by",
    "x-lab-trace",
    "x-request-id",
    "content-length",
];

/// One of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Difference {
    pub(super) request: String,
    /// `status`, `ingress`, `service`, `services`, or `header NAME`.
    pub(super) what: String,
    pub(super) before: String,
    pub(super) now: String,
}

/// Of the answers to a request: routing, status and headers.
pub(super) fn answers(recorded: &Recorded, now: &RecordedAnswer) -> Vec<Difference> {
    let before = &recorded.answer;
    let dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
    let mut pairs = vec![
        (
            "status".to_owned(),
            before.status.to_string(),
            now.status.to_string(),
        ),
        (
            "ingress".to_owned(),
            dash(&before.ingress),
            dash(&now.ingress),
        ),
        (
            "service".to_owned(),
            dash(&before.service),
            dash(&now.service),
        ),
    ];
    let (old, new) = (headers(before), headers(now));
    let mut names: Vec<_> = old.keys().chain(new.keys()).collect();
    names.sort_unstable();
    names.dedup();
    for name in names {
        let value = |all: &BTreeMap<String, String>| {
            all.get(name).cloned().unwrap_or_else(|| "-".to_owned())
        };
        pairs.push((format!("header {name}"), value(&old), value(&new)));
    }
    differing(&recorded.request, pairs)
}

/// Of two ways to route a request.
pub(super) fn routes(
    request: &RecordedRequest,
    before: &RouteAnswer,
    now: &RouteAnswer,
) -> Vec<Difference> {
    let dash = |text: String| {
        if text.is_empty() {
            "-".to_owned()
        } else {
            text
        }
    };
    let ingress = |answer: &RouteAnswer| dash(answer.ingress.clone().unwrap_or_default());
    let status = |answer: &RouteAnswer| {
        dash(
            answer
                .status
                .map(|status| status.to_string())
                .unwrap_or_default(),
        )
    };
    let services = |answer: &RouteAnswer| dash(answer.services.join(", "));
    let pairs = vec![
        ("ingress".to_owned(), ingress(before), ingress(now)),
        ("status".to_owned(), status(before), status(now)),
        ("services".to_owned(), services(before), services(now)),
    ];
    differing(request, pairs)
}

fn differing(request: &RecordedRequest, pairs: Vec<(String, String, String)>) -> Vec<Difference> {
    let scheme = if request.tls { "https" } else { "http" };
    let named = format!(
        "{} {scheme}://{}{}",
        request.method, request.host, request.target
    );
    let pairs = pairs.into_iter().filter(|(_, before, now)| before != now);
    pairs
        .map(|(what, before, now)| Difference {
            request: named.clone(),
            what,
            before,
            now,
        })
        .collect()
}

fn headers(answer: &RecordedAnswer) -> BTreeMap<String, String> {
    let mut all: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &answer.headers {
        if CHANGING.contains(&name.as_str()) {
            continue;
        }
        let known = all.entry(name.clone()).or_default();
        if !known.is_empty() {
            known.push_str(", ");
        }
        known.push_str(value);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_told() {
        let answer = |status, service: &str, header: &str, date: &str| RecordedAnswer {
            status,
            service: Some(service.to_owned()),
            headers: vec![
                ("x-a".to_owned(), header.to_owned()),
                ("date".to_owned(), date.to_owned()),
            ],
            ..RecordedAnswer::default()
        };
        let recorded = Recorded {
            answer: answer(200, "a:80", "1", "then"),
            ..Recorded::default()
        };
        assert_eq!(answers(&recorded, &answer(200, "a:80", "1", "now")), []);
        let found = answers(&recorded, &answer(503, "b:80", "2", "now"));
        let whats: Vec<_> = found.iter().map(|one| one.what.as_str()).collect();
        assert_eq!(whats, ["status", "service", "header x-a"]);
        assert_eq!(
            (found[0].before.as_str(), found[0].now.as_str()),
            ("200", "503")
        );
    }
}
