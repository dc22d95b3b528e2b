//! A status as tables and lines for people.

use super::printer::table;
use crate::model::{FaultStatus, LabPhase, PodStatus, ServiceStatus, Status};

/// Width of the labels in front of URLs and other facts.
const LABEL: usize = 15;

/// Everything.
pub(super) fn status(status: &Status) -> String {
    let mut parts = Vec::new();
    if !status.services.is_empty() {
        parts.push(services(status));
    }
    if !status.deployments.is_empty() {
        parts.push(deployments(status));
    }
    if !status.plugins.is_empty() {
        parts.push(plugins(status));
    }
    if !status.pods.is_empty() {
        parts.push(pods(&status.pods));
    }
    parts.push(facts(status));
    parts.join("\n")
}

fn services(status: &Status) -> String {
    let rows = status.services.iter().map(|service| {
        vec![
            service.name.clone(),
            service.kind.clone(),
            service.cluster_ip.clone(),
            ports(service),
            ready_of(service),
        ]
    });
    table(
        &["SERVICE", "TYPE", "CLUSTER-IP", "PORTS", "READY"],
        rows.collect(),
    )
}

fn ports(service: &ServiceStatus) -> String {
    let ports: Vec<_> = service
        .ports
        .iter()
        .map(|port| match &port.listen {
            // The address beside it says the rest, unless there is only 127.0.0.1.
            Some(listen) => match listen.strip_prefix(&format!("{}:", service.cluster_ip)) {
                Some(own) => format!("{} (at {own})", port.port),
                None => format!("{} (at {listen})", port.port),
            },
            None => port.port.to_string(),
        })
        .collect();
    ports.join(", ")
}

/// Ready endpoints of those that are wanted.
fn ready_of(service: &ServiceStatus) -> String {
    let ready = ready_endpoints(service);
    let wanted = service
        .replicas
        .map_or(service.endpoints.len(), |replicas| replicas as usize);
    match (service.replicas, wanted) {
        // Nothing can be behind it, such as a name outside.
        (None, 0) => "-".to_owned(),
        _ => format!("{ready}/{wanted}"),
    }
}

/// How many endpoints may get connections.
pub(super) fn ready_endpoints(service: &ServiceStatus) -> usize {
    let endpoints = service.endpoints.iter();
    endpoints.filter(|endpoint| endpoint.ready).count()
}

fn deployments(status: &Status) -> String {
    let found = status.deployments.iter();
    let rows = found.map(|found| {
        vec![
            found.name.clone(),
            format!("{}/{}", found.ready, found.replicas),
        ]
    });
    table(&["DEPLOYMENT", "READY"], rows.collect())
}

fn plugins(status: &Status) -> String {
    let rows = status.plugins.iter().map(|found| {
        vec![
            found.plugin_id.clone(),
            found.deployment.clone(),
            format!("{}/{}", found.ready, found.replicas),
        ]
    });
    table(&["PLUGIN", "DEPLOYMENT", "READY"], rows.collect())
}

/// The names that stand for all pods of something.
pub(super) fn programs(status: &Status) -> impl Iterator<Item = &str> {
    let services = status.services.iter().map(|found| &*found.name);
    let deployments = status.deployments.iter().map(|found| &*found.name);
    let plugins = status.plugins.iter().map(|found| &*found.deployment);
    services.chain(deployments).chain(plugins)
}

fn pods(pods: &[PodStatus]) -> String {
    let rows = pods.iter().map(|pod| {
        vec![
            pod.name.clone(),
            pod.address.clone().unwrap_or_else(|| "-".to_owned()),
            state(pod),
            pod.restarts.to_string(),
        ]
    });
    table(&["POD", "ADDRESS", "STATE", "RESTARTS"], rows.collect())
}

/// What a pod does, in a few words.
pub(super) fn state(pod: &PodStatus) -> String {
    match (&pod.reason, pod.phase.as_str()) {
        (_, "Terminating") => "terminating".to_owned(),
        _ if pod.ready => "ready".to_owned(),
        (Some(reason), "CrashLoopBackOff") => format!("crashed: {reason}"),
        (Some(reason), _) => reason.clone(),
        (None, "CrashLoopBackOff") => "crashed".to_owned(),
        (None, "Running") => "not ready yet".to_owned(),
        (None, _) => "starting".to_owned(),
    }
}

fn facts(status: &Status) -> String {
    let mut lines = Vec::new();
    let mut fact = |label: &str, value: String| {
        lines.push(format!("{label:<LABEL$} {value}"));
    };
    let phase = match (status.phase, status.ready) {
        (LabPhase::Running, true) => "ready".to_owned(),
        (LabPhase::Running, false) => "running, not everything is ready".to_owned(),
        (LabPhase::Starting, _) => "starting".to_owned(),
        (LabPhase::Stopping, _) => "stopping".to_owned(),
        (LabPhase::Failed, _) => match &status.reason {
            Some(reason) => format!("failed: {reason}"),
            None => "failed".to_owned(),
        },
    };
    fact("lab", format!("{} ({phase})", status.name));
    let urls = &status.urls;
    if urls.dashboard.is_some() {
        fact("dashboard", "lab open".to_owned());
    }
    for (label, url) in [
        ("console", &urls.console),
        ("console-api", &urls.console_api),
        ("console-api-v2", &urls.console_api_v2),
        ("admin API", &urls.dashboard),
    ] {
        if let Some(url) = url {
            fact(label, url.clone());
        }
    }
    if let Some(login) = &status.login {
        fact(
            "login",
            format!(
                "domain {}, user {}, password {}",
                login.domain, login.user, login.password
            ),
        );
    }
    let runtime = match (status.runtime.as_str(), status.runtime_reason.as_str()) {
        ("", _) => "not decided yet".to_owned(),
        (runtime, "") => runtime.to_owned(),
        (runtime, reason) => format!("{runtime}: {reason}"),
    };
    fact("runtime", runtime);
    if let Some(mongodb) = &status.stores.mongodb {
        fact("mongodb", mongodb.clone());
    }
    if let Some(redis) = &status.stores.redis {
        fact("redis", redis.clone());
    }
    if let Some(certificate) = &status.ca_certificate {
        fact("CA certificate", certificate.display().to_string());
        if let Some(curl) = curl(status, &certificate.display().to_string()) {
            fact("try", curl);
        }
    }
    for ingress in &status.ingresses {
        // The others are reached at the addresses above.
        if ingress.class.is_none() {
            let hosts = ingress.hosts.join(", ");
            fact("no address", format!("Ingress {} ({hosts})", ingress.name));
        }
    }
    for found in &status.faults {
        let FaultStatus {
            id, fault, target, ..
        } = found;
        let undo = format!("undo: lab fault undo {id}");
        fact("broken", format!("{fault} at {target} ({undo})"));
    }
    for warning in &status.warnings {
        fact("warning", warning.clone());
    }
    for service in &status.services {
        if let Some(balancer) = load_balancer(service) {
            fact("load balancer", balancer);
        }
        if let Some(reason) = &service.pending {
            fact("pending", format!("Service {}: {reason}", service.name));
        }
    }
    for report in &status.reports {
        fact("object", report.to_string());
    }
    lines.join("\n")
}

/// What the provider of a load balancer says; nothing where the host ports are all there is.
fn load_balancer(service: &ServiceStatus) -> Option<String> {
    let address = service.address.as_ref()?;
    let reached = service.external.join(", ");
    if service.notes.is_empty() && reached.starts_with(address.as_str()) {
        return None;
    }
    let notes = service.notes.iter().map(|note| format!("; {note}"));
    let notes: String = notes.collect();
    Some(format!(
        "Service {}: {address} (reached at {reached}{notes})",
        service.name
    ))
}

/// A command that works where `*.lab.localhost` does not resolve, and without trusting the CA.
fn curl(status: &Status, certificate: &str) -> Option<String> {
    let url = status
        .urls
        .console_api_v2
        .as_ref()
        .or(status.urls.console.as_ref())?;
    let uri: http::Uri = url.parse().ok()?;
    let host = uri.host()?;
    let port = uri.port_u16().unwrap_or(443);
    Some(format!(
        "curl --cacert {certificate} --resolve {host}:{port}:127.0.0.1 {url}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{EndpointStatus, PortStatus, Urls};

    #[test]
    fn tables_fit_eighty_columns() {
        let name = "console-api-v2-with-a-rather-long-name-of-its-own".to_owned();
        let status = Status {
            name: "lab".into(),
            services: vec![ServiceStatus {
                name: name.clone(),
                kind: "LoadBalancer".into(),
                cluster_ip: "127.43.100.100".into(),
                ports: vec![PortStatus {
                    port: 80,
                    listen: Some("127.43.100.100:8080".into()),
                    ..PortStatus::default()
                }],
                endpoints: vec![EndpointStatus::default()],
                replicas: Some(1),
                ..ServiceStatus::default()
            }],
            pods: vec![PodStatus {
                name,
                reason: Some("waits for mongodb, which has no ready endpoint".into()),
                ..PodStatus::default()
            }],
            urls: Urls {
                console: Some("https://console.lab.localhost:8443/".into()),
                ..Urls::default()
            },
            ca_certificate: Some("/ca.pem".into()),
            ..Status::default()
        };
        let text = super::status(&status);
        for line in text.lines().filter(|line| line.contains(['│', '─', '┆'])) {
            assert!(line.chars().count() <= 80, "{line}");
        }
        assert!(
            text.contains("--resolve console.lab.localhost:8443:127.0.0.1"),
            "{text}"
        );
        assert!(text.contains("0/1"), "{text}");
    }
}
