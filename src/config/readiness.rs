//! `readiness`: when a pod counts as ready.

use std::time::Duration;

use super::section::Section;
use crate::model::{Probe, ProbeAction, Protocol, ServicePort};

/// `periodSeconds`, `timeoutSeconds` and `failureThreshold` of Kubernetes.
const PERIOD: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(1);
const FAILURE_THRESHOLD: u32 = 3;
const FAILURE_THRESHOLD_LIMIT: i64 = 100;

const ACTIONS: [&str; 5] = ["grpc", "http", "tcp", "redis", "none"];

/// The probe that is written, else the usual one. `port` is the one that HTTP is asked at.
pub(super) fn read(service: &Section<'_>, usual: ProbeAction, port: Option<u16>) -> Probe {
    let mut probe = Probe {
        action: usual,
        period: PERIOD,
        timeout: TIMEOUT,
        failure_threshold: FAILURE_THRESHOLD,
    };
    let Some(section) = service.field("readiness").and_then(|field| field.section()) else {
        return probe;
    };
    if let Some(action) = action(&section, port) {
        probe.action = action;
    }
    probe.period = section.duration("period", PERIOD);
    probe.timeout = section.duration("timeout", TIMEOUT);
    for key in ["period", "timeout"] {
        if let Some(field) = section.field(key)
            && field.duration() == Some(Duration::ZERO)
        {
            field.refuse(
                "must be longer than nothing",
                format!("write {key} = \"1s\""),
            );
        }
    }
    probe.failure_threshold = section.number(
        "failure_threshold",
        1..=FAILURE_THRESHOLD_LIMIT,
        FAILURE_THRESHOLD,
    );
    section.finish();
    probe
}

/// What is asked of a Service's pods where nothing is said: whether they accept a connection.
pub(super) fn usual(ports: &[ServicePort]) -> ProbeAction {
    match ports.first() {
        Some(first) if first.protocol == Protocol::Tcp => ProbeAction::Tcp {
            port: first.target_port,
        },
        // Nothing tells from outside whether a UDP port is served.
        _ => ProbeAction::None,
    }
}

fn action(section: &Section<'_>, port: Option<u16>) -> Option<ProbeAction> {
    let [grpc, http, tcp, redis, none] = ACTIONS.map(|key| section.field(key));
    let http_port = section.field("port");
    let given: Vec<_> = [&grpc, &http, &tcp, &redis, &none]
        .into_iter()
        .flatten()
        .collect();
    if let [first, others @ ..] = given.as_slice() {
        for other in others {
            other.refuse(
                format!("{} is given as well", first.key()),
                "keep exactly one of grpc, http, tcp, redis and none",
            );
        }
    }
    if let (Some(field), None) = (&http_port, &http) {
        field.refuse(
            "belongs to an http probe",
            "write grpc = 50051 or tcp = 27017 with the port itself",
        );
    }
    if let Some(field) = grpc {
        return Some(ProbeAction::Grpc {
            port: field.port()?,
        });
    }
    if let Some(field) = tcp {
        return Some(ProbeAction::Tcp {
            port: field.port()?,
        });
    }
    if let Some(field) = redis {
        return Some(ProbeAction::Redis {
            port: field.port()?,
        });
    }
    if let Some(field) = http {
        let path = field.text()?;
        if !path.starts_with('/') || path.contains(char::is_whitespace) {
            field.refuse(
                "must be a path that begins with a slash",
                "write http = \"/check\"",
            );
            return None;
        }
        let port = if let Some(field) = http_port {
            field.port()?
        } else {
            if port.is_none() {
                field.refuse("names no port", "write { http = \"/check\", port = 8080 }");
            }
            port?
        };
        return Some(ProbeAction::Http {
            port,
            path: path.to_owned(),
        });
    }
    // `none = false` says nothing.
    let off = none.and_then(|field| field.boolean()).unwrap_or(false);
    off.then_some(ProbeAction::None)
}
