//! Checks of films: what a request met, and which pods served.

use crate::model::{
    BY_ADDRESS, DIALLED, Film, FilmCheck, HopKind, Observation, PodCount, Span, SpanKind,
};

use super::connections;
use super::evidence::{Evidence, counted, is_even, shares};
use super::pods::count;

/// How the certificate that is served for want of another is called in lessons.
const DEFAULT: &str = "default";

/// Films of the same request that are told when none will do.
const NEAR: usize = 2;

pub(super) fn film(evidence: &Evidence<'_>, wanted: &FilmCheck) -> Observation {
    let good = evidence
        .films
        .iter()
        .filter(|film| why_not(film, wanted).is_empty());
    let good = good.count();
    Observation {
        wanted: words(wanted),
        seen: if good > 0 {
            count(good, "such request")
        } else {
            near(evidence, wanted)
        },
        holds: good >= wanted.at_least,
    }
}

pub(super) fn spread(
    evidence: &Evidence<'_>,
    wanted: &FilmCheck,
    of: &str,
    pods: PodCount,
    even: bool,
) -> Observation {
    let meant = evidence
        .films
        .iter()
        .filter(|film| why_not(film, wanted).is_empty());
    let served = meant.flat_map(Film::spans).filter(|span| {
        (span.kind.serves() || span.kind == SpanKind::Worker)
            && evidence.deployment_of(&span.source) == of
    });
    let counts = counted(served.map(|span| span.source.clone()));
    let total: usize = counts.values().sum();
    let among = evidence.usable(of);
    Observation {
        wanted: [
            format!(
                "{} or more served by {of}",
                count(wanted.at_least, "request")
            ),
            wanted
                .path
                .as_ref()
                .map(|path| format!(" at {path}"))
                .unwrap_or_default(),
            connections::pods(pods).replace("to", "by"),
            if even { ", evenly" } else { "" }.to_owned(),
        ]
        .concat(),
        seen: shares(&counts, "none"),
        holds: total >= wanted.at_least
            && pods.holds(counts.len())
            && (!even || is_even(&counts, &among)),
    }
}

/// The film's request at the ingress, or where it is first known.
fn root(film: &Film) -> Option<&Span> {
    let ingress = film.spans().find(|span| span.kind == SpanKind::Ingress);
    ingress.or_else(|| film.spans().next())
}

/// What about a film is not as wanted.
fn why_not(film: &Film, wanted: &FilmCheck) -> Vec<String> {
    let mut problems = Vec::new();
    let Some(root) = root(film) else {
        return vec!["it has no hop".to_owned()];
    };
    let mut compare = |what: &str, wanted: Option<&String>, is: Option<&str>| {
        if let Some(wanted) = wanted
            && is != Some(wanted)
        {
            problems.push(format!("{what} {}", is.unwrap_or("none")));
        }
    };
    compare("path", wanted.path.as_ref(), root.text("path"));
    compare("host", wanted.host.as_ref(), root.text("host"));
    compare("status", wanted.status.as_ref(), Some(&film.status));
    compare("error", wanted.error.as_ref(), root.text("error_code"));
    let service = root
        .text("service")
        .and_then(|service| service.split(':').next());
    compare("Service", wanted.service.as_ref(), service);
    compare(
        "certificate",
        wanted.certificate.as_ref(),
        certificate(root),
    );
    let has = |kind: HopKind| match kind {
        HopKind::Span(kind) => film.spans().any(|span| span.kind == kind),
        HopKind::Connection => film.connections().next().is_some(),
    };
    let lacking = wanted.through.iter().filter(|kind| !has(**kind));
    problems.extend(lacking.map(|kind| format!("no {}", kind.name())));
    let unwanted = wanted.not_through.iter().filter(|kind| has(**kind));
    problems.extend(unwanted.map(|kind| format!("went through {}", kind.name())));
    if let Some(service) = &wanted.reused {
        let mut old = film.connections();
        if !old.any(|one| one.service == *service && one.drawn_at < film.started) {
            problems.push(format!("no older connection to {service}"));
        }
    }
    if let Some(kept) = wanted.client_kept
        && client_kept(film) != Some(kept)
    {
        let how = if kept { "was not" } else { "was" };
        problems.push(format!("the client's address {how} seen"));
    }
    if let Some(lie) = &wanted.forwarded_without {
        let mut told = film.spans().filter_map(|span| span.text("forwarded_for"));
        if told.next().is_none_or(|told| told.contains(lie)) {
            problems.push(format!("no X-Forwarded-For without {lie}"));
        }
    }
    if wanted.by_address
        && !film
            .spans()
            .any(|span| span.text(DIALLED) == Some(BY_ADDRESS))
    {
        problems.push("no call to a pod's own address".to_owned());
    }
    problems
}

/// The Secret, which stands first in what the ingress says of the certificate.
fn certificate(root: &Span) -> Option<&str> {
    let told = root.text("certificate")?;
    if told.ends_with("(default)") {
        return Some(DEFAULT);
    }
    told.split(' ').next()
}

/// Whether the ingress takes the address that dialled for the client's.
fn client_kept(film: &Film) -> Option<bool> {
    let mut spans = film.spans();
    let balancer = spans.find(|span| span.kind == SpanKind::LoadBalancer)?;
    let host = |address: &'static str| Some(balancer.text(address)?.rsplit_once(':')?.0);
    Some(host("client")? == host("seen_as")?)
}

/// What is wanted, in words.
fn words(wanted: &FilmCheck) -> String {
    let mut words = count(wanted.at_least, "request");
    if wanted.at_least > 1 {
        words.push_str(" or more");
    }
    let mut say = |text: String| words.push_str(&text);
    if let Some(host) = &wanted.host {
        say(format!(" for {host}"));
    }
    if let Some(path) = &wanted.path {
        say(format!(" at {path}"));
    }
    if let Some(status) = &wanted.status {
        say(format!(" answered {status}"));
    }
    if let Some(error) = &wanted.error {
        say(format!(" by the ingress itself ({error})"));
    }
    if let Some(service) = &wanted.service {
        say(format!(" routed to {service}"));
    }
    if let Some(certificate) = &wanted.certificate {
        say(format!(" with certificate {certificate}"));
    }
    for (word, kinds) in [
        ("through", &wanted.through),
        ("not through", &wanted.not_through),
    ] {
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name()).collect();
        if !names.is_empty() {
            say(format!(" {word} {}", names.join(", ")));
        }
    }
    if let Some(service) = &wanted.reused {
        say(format!(" over an older connection to {service}"));
    }
    match wanted.client_kept {
        Some(true) => say(" whose client's address the ingress saw".to_owned()),
        Some(false) => say(" whose client's address the ingress did not see".to_owned()),
        None => {}
    }
    if let Some(lie) = &wanted.forwarded_without {
        say(format!(
            " whose X-Forwarded-For at the pod is without {lie}"
        ));
    }
    if wanted.by_address {
        say(" with a call to a pod's own address".to_owned());
    }
    words
}

/// The newest films of the same path, and why they will not do.
fn near(evidence: &Evidence<'_>, wanted: &FilmCheck) -> String {
    let same = evidence.films.iter().filter(|film| {
        let path = root(film).and_then(|root| root.text("path"));
        wanted.path.is_none() || path == wanted.path.as_deref()
    });
    let told: Vec<String> = same
        .take(NEAR)
        .map(|film| format!("{} ({})", film.name, why_not(film, wanted).join(", ")))
        .collect();
    if told.is_empty() {
        return "none".to_owned();
    }
    told.join("; ")
}
