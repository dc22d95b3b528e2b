//! Certificates of the Ingresses, as cert-manager and the controllers have them: asked for by
//! `spec.tls`, issued by the lab's CA where no Secret of the user's is there, renewed before their
//! end, and served by name (Traefik) or by the hosts of the rules (ingress-nginx).

use std::collections::BTreeMap;
use std::sync::Arc;

use time::{Duration, OffsetDateTime};

use super::clocks::Clocks;
use crate::config::Controller;
use crate::model::{
    Certificate, HostMatch, Ingress, IngressTls, ObjectReport, Secret, TlsListener,
};
use crate::net::{Authority, Certificates, inspect};
use crate::registry::{Cluster, Registry};

/// cert-manager's default.
const DURATION: Duration = Duration::days(90);
/// How long a certificate lives, and how long before its end it is renewed (a third of its life if
/// nothing is said). In Go's form, such as `2160h`.
///
/// Lab: cert-manager takes no less than an hour; here seconds will do, so that a renewal can be
/// watched.
const DURATION_ANNOTATION: &str = "cert-manager.io/duration";
const RENEW_BEFORE_ANNOTATION: &str = "cert-manager.io/renew-before";
/// After a failed renewal, and at most between two looks at the clock: it may be set, and a laptop
/// may sleep.
const LOOK_AGAIN: std::time::Duration = std::time::Duration::from_secs(60);

/// Adds what the served Ingresses ask for: judges the user's Secrets, keeps what was issued before
/// for the same names, and issues the rest. Those that cannot be served are reported.
pub(super) fn ask(cluster: &mut Cluster, authority: &Authority, before: &Cluster) {
    let mut reports = cluster.reports.to_vec();
    for (name, mut certificate) in asked(cluster, &mut reports) {
        if let Some(secret) = cluster.secrets.get(&name) {
            certificate.issued = false;
            judge(&mut certificate, secret);
        } else if let Some((known, secret)) = still_good(&certificate, before) {
            cluster.secrets.insert(name.clone(), secret);
            certificate.validity = known.validity;
        } else if let Some(secret) = issue(&mut certificate, authority) {
            cluster.secrets.insert(name.clone(), Arc::new(secret));
        }
        if let Some(problem) = &certificate.problem {
            let told = |report: &ObjectReport| report.kind == "Secret" && report.name == name;
            if !reports.iter().any(told) {
                reports.push(ObjectReport {
                    kind: "Secret".to_owned(),
                    name: name.clone(),
                    message: format!("{problem}; the default certificate is served"),
                    unusable: true,
                });
            }
        }
        cluster.certificates.insert(name, Arc::new(certificate));
    }
    cluster.reports = reports.into();
}

/// Keeps what is served in line with the registry, and renews. Never ends.
pub(super) async fn keep(
    registry: &Registry,
    certificates: &Certificates,
    authority: &Authority,
    controller: Controller,
) {
    let mut reader = registry.reader();
    let mut clocks = Clocks::default();
    clocks.keep(&reader.latest().faults, authority);
    serve(reader.latest(), certificates, controller, &clocks);
    let mut known = Arc::clone(reader.latest());
    let mut wait = until_renewal(&known);
    loop {
        tokio::select! {
            changed = reader.changed() => if changed.is_none() { return },
            () = tokio::time::sleep(wait) => {}
        }
        let good = renew(registry, authority);
        let now = Arc::clone(reader.latest());
        if (&now.secrets, &now.ingresses, &now.ingress_classes)
            != (&known.secrets, &known.ingresses, &known.ingress_classes)
            || !Arc::ptr_eq(&now.routes, &known.routes)
            || clocks.keep(&now.faults, authority)
        {
            serve(&now, certificates, controller, &clocks);
        }
        wait = if good {
            until_renewal(&now)
        } else {
            LOOK_AGAIN
        };
        known = now;
    }
}

/// Serves the Secrets of a picture, those of `clocks` before all others; open connections keep what
/// they have.
pub(super) fn serve(
    cluster: &Cluster,
    certificates: &Certificates,
    controller: Controller,
    clocks: &Clocks,
) {
    let mut problems = match controller {
        // Traefik knows the certificates' own names alone.
        Controller::Traefik => {
            let asked = cluster.certificates.keys();
            let asked = asked.filter_map(|name| cluster.secrets.get(name));
            let wrong = clocks.secrets().map(|(_, secret)| secret);
            certificates.replace(wrong.chain(asked.map(|secret| &**secret)))
        }
        Controller::Nginx => {
            let ingresses = cluster.ingresses.values().map(|ingress| &**ingress);
            let served = cluster.ingress_classes.served(ingresses);
            let of_ingresses = served.flat_map(|ingress| of_hosts(cluster, ingress));
            let of_listeners = cluster.routes.tls_listeners().iter();
            let of_listeners = of_listeners.flat_map(|listener| of_listener(cluster, listener));
            let of_ingresses = of_ingresses.map(|(host, found)| (host.to_owned(), found));
            let wrong = clocks.secrets();
            let wrong = wrong.map(|(host, secret)| (host.to_owned(), vec![secret]));
            certificates.replace_for_hosts(wrong.chain(of_ingresses).chain(of_listeners))
        }
    };
    match certificates.ask_clients(cluster.routes.client_auth(), &cluster.secrets) {
        Ok(more) => problems.extend(more),
        Err(error) => tracing::error!(%error, "client certificates cannot be asked for"),
    }
    for problem in problems {
        tracing::warn!(%problem, "a certificate cannot be served");
    }
}

/// For each host of an Ingress' rules the Secrets that may be served there, the best first.
fn of_hosts<'a>(cluster: &'a Cluster, ingress: &'a Ingress) -> Vec<(&'a str, Vec<&'a Secret>)> {
    let secrets = |listing: Option<&str>| -> Vec<&'a Secret> {
        let entries = ingress.tls.iter().enumerate();
        let entries = entries.filter(|(_, tls)| {
            listing.is_none_or(|host| tls.hosts.iter().any(|name| name.eq_ignore_ascii_case(host)))
        });
        entries
            .filter_map(|(index, _)| cluster.secrets.get(&secret_name(ingress, index)))
            .map(|secret| &**secret)
            .collect()
    };
    let hosts = ingress.rules.iter().filter_map(|rule| rule.host.as_deref());
    hosts
        .map(|host| {
            let listed = secrets(Some(host));
            // ingress-nginx: without an entry for the host, one whose certificate has its name.
            let found = if listed.is_empty() {
                secrets(None)
            } else {
                listed
            };
            (host, found)
        })
        .collect()
}

/// The same for a listener of a Gateway. One for any host has the names of its certificates.
fn of_listener<'a>(
    cluster: &'a Cluster,
    listener: &'a TlsListener,
) -> Vec<(String, Vec<&'a Secret>)> {
    let secrets = listener.secrets.iter();
    let secrets: Vec<&Secret> = secrets
        .filter_map(|name| cluster.secrets.get(name))
        .map(|secret| &**secret)
        .collect();
    if listener.host != HostMatch::Any {
        return vec![(listener.host.to_string(), secrets)];
    }
    let names = |secret: &Secret| inspect(secret).map_or(Vec::new(), |facts| facts.names);
    let each = secrets.iter().flat_map(|secret| {
        let names = names(secret).into_iter();
        names.map(|name| (name, vec![*secret]))
    });
    each.collect()
}

/// What `spec.tls` of the served Ingresses and the listeners of Gateways ask for, by the name of the
/// Secret.
fn asked(cluster: &Cluster, reports: &mut Vec<ObjectReport>) -> BTreeMap<String, Certificate> {
    let mut found: BTreeMap<String, Certificate> = BTreeMap::new();
    let ingresses = cluster.ingresses.values().map(|ingress| &**ingress);
    for ingress in cluster.ingress_classes.served(ingresses) {
        for (index, IngressTls { hosts, .. }) in ingress.tls.iter().enumerate() {
            let name = secret_name(ingress, index);
            let certificate = found
                .entry(name.clone())
                .or_insert_with(|| ordered(name, ingress, reports));
            if !certificate.ingresses.contains(&ingress.name) {
                certificate.ingresses.push(ingress.name.clone());
            }
            for host in hosts {
                if !certificate.hosts.contains(host) {
                    certificate.hosts.push(host.clone());
                }
            }
        }
    }
    for listener in cluster.routes.tls_listeners() {
        for name in &listener.secrets {
            let certificate = found
                .entry(name.clone())
                .or_insert_with(|| certificate(name.clone(), DURATION, DURATION / 3));
            let gateway = format!("Gateway {}", listener.gateway);
            if !certificate.ingresses.contains(&gateway) {
                certificate.ingresses.push(gateway);
            }
            let host = listener.host.to_string();
            if listener.host != HostMatch::Any && !certificate.hosts.contains(&host) {
                certificate.hosts.push(host);
            }
        }
    }
    found
}

/// A certificate with the wishes of the Ingress that asks for it first.
fn ordered(secret: String, ingress: &Ingress, reports: &mut Vec<ObjectReport>) -> Certificate {
    let mut wish = |annotation: &str, most: Option<Duration>| {
        let text = ingress.annotations.get(annotation)?;
        let wish = go_duration(text).filter(|wish| most.is_none_or(|most| *wish < most));
        if wish.is_none() {
            reports.push(ObjectReport {
                kind: "Ingress".to_owned(),
                name: ingress.name.clone(),
                message: format!("{annotation}: {text:?} is no duration that can be used"),
                unusable: false,
            });
        }
        wish
    };
    let duration = wish(DURATION_ANNOTATION, None).unwrap_or(DURATION);
    let renew_before = wish(RENEW_BEFORE_ANNOTATION, Some(duration)).unwrap_or(duration / 3);
    certificate(secret, duration, renew_before)
}

/// One that nobody asks for yet.
fn certificate(secret: String, duration: Duration, renew_before: Duration) -> Certificate {
    Certificate {
        secret,
        ingresses: Vec::new(),
        hosts: Vec::new(),
        issued: true,
        duration,
        renew_before,
        problem: None,
        validity: None,
    }
}

/// The Secret of an entry of `spec.tls`; one without a name gets one, as cert-manager would do.
fn secret_name(ingress: &Ingress, index: usize) -> String {
    let tls = &ingress.tls[index];
    tls.secret
        .clone()
        .unwrap_or_else(|| format!("{}-tls-{index}", ingress.name))
}

/// Reads a Secret of the user's.
fn judge(certificate: &mut Certificate, secret: &Secret) {
    match inspect(secret) {
        Ok(facts) => {
            certificate.validity = Some((facts.not_before, facts.not_after));
            if facts.not_after < OffsetDateTime::now_utc() {
                certificate.problem = Some(format!("its certificate ended at {}", facts.not_after));
            }
        }
        Err(error) => certificate.problem = Some(told(&error)),
    }
}

/// What was issued before, if it is still what is asked for.
fn still_good<'a>(
    certificate: &Certificate,
    before: &'a Cluster,
) -> Option<(&'a Certificate, Arc<Secret>)> {
    let known = before.certificates.get(&certificate.secret)?;
    let same = known.issued
        && known.problem.is_none()
        && (&known.hosts, known.duration, known.renew_before)
            == (
                &certificate.hosts,
                certificate.duration,
                certificate.renew_before,
            );
    let secret = before.secrets.get(&certificate.secret)?;
    same.then(|| (&**known, Arc::clone(secret)))
}

/// Lets the lab's CA sign it.
fn issue(certificate: &mut Certificate, authority: &Authority) -> Option<Secret> {
    if certificate.hosts.is_empty() {
        certificate.problem = Some("spec.tls names no hosts, so nothing can be issued".to_owned());
        return None;
    }
    let Certificate {
        secret,
        hosts,
        duration,
        ..
    } = &*certificate;
    let issued = authority
        .issue_for(secret, hosts, *duration)
        .map_err(|error| told(&error));
    let facts = issued.and_then(|secret| match inspect(&secret) {
        Ok(facts) => Ok((secret, facts)),
        Err(error) => Err(told(&error)),
    });
    match facts {
        Ok((secret, facts)) => {
            certificate.validity = Some((facts.not_before, facts.not_after));
            certificate.problem = None;
            Some(secret)
        }
        Err(problem) => {
            certificate.problem = Some(problem);
            None
        }
    }
}

/// Issues anew what is due; false if one could not be issued.
fn renew(registry: &Registry, authority: &Authority) -> bool {
    let now = OffsetDateTime::now_utc();
    let is_due = |certificate: &Certificate| certificate.renewal().is_some_and(|due| due <= now);
    let snapshot = registry.snapshot();
    let due = snapshot.certificates.values();
    let mut good = true;
    for certificate in due.filter(|certificate| is_due(certificate)) {
        let mut renewed = Certificate::clone(certificate);
        let Some(secret) = issue(&mut renewed, authority) else {
            tracing::warn!(secret = renewed.secret, problem = ?renewed.problem, "cannot be renewed");
            good = false;
            continue;
        };
        tracing::info!(secret = renewed.secret, "certificate renewed");
        registry.change(|cluster| {
            // A reload may have dropped it meanwhile, or asked for other names.
            let name = renewed.secret.clone();
            if cluster.certificates.get(&name) == Some(certificate) {
                cluster.certificates.insert(name.clone(), Arc::new(renewed));
                cluster.secrets.insert(name, Arc::new(secret));
            }
        });
    }
    good
}

fn until_renewal(cluster: &Cluster) -> std::time::Duration {
    let due = cluster.certificates.values();
    let due = due.filter_map(|certificate| certificate.renewal()).min();
    due.map_or(LOOK_AGAIN, |due| {
        // One that is due already has no time left.
        let left = std::time::Duration::try_from(due - OffsetDateTime::now_utc());
        left.unwrap_or_default().min(LOOK_AGAIN)
    })
}

/// An error as one sentence.
fn told(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string().replace("\nhint: ", "; ");
    if let Some(cause) = error.source() {
        text = format!("{text}: {cause}");
    }
    text
}

/// `1h30m`, `90s` …; `None` for anything else, and for nothing.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text;
    let mut total = 0u64;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit())?;
        let (number, after) = rest.split_at(digits);
        let (unit, after) = after.split_at_checked(1)?;
        let seconds: u64 = match unit {
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(seconds)?)?;
        rest = after;
    }
    // A century is more than anybody means, and a moment after it can still be written.
    let most = 100 * 366 * 24 * 3600;
    let total = i64::try_from(total)
        .ok()
        .filter(|total| (1..=most).contains(total))?;
    Some(Duration::seconds(total))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_go() {
        for (text, seconds) in [("2160h", 2160 * 3600), ("1h30m", 5400), ("10s", 10)] {
            assert_eq!(
                go_duration(text),
                Some(Duration::seconds(seconds)),
                "{text}"
            );
        }
        for text in [
            "",
            "10",
            "h",
            "-1s",
            "0s",
            "1d",
            "1é",
            "99999999999999999999h",
        ] {
            assert_eq!(go_duration(text), None, "{text}");
        }
    }
}
