//! `POST /api/load`, `POST /api/load/stop` and `GET /api/loads`.
//!
//! A load goes to sockets of the lab's own and nowhere else: a name is never looked up.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use futures_util::stream;
use http::Uri;

use super::door::{dialled, host_ports};
use super::{AdminError, AdminState, caller, scale, stream as ndjson};
use crate::load::{Busy, Door, LoadPlanError, Plan};
use crate::model::{Evenness, LoadRequest, LoadResult, LoadStopped, PodShare};
use crate::registry::Cluster;

const WHERE: &str = "lab status shows the lab's own hosts and ports";

/// Starts a run and streams what it tells. It stops when nobody reads any more.
pub(super) async fn begin(
    State(state): State<AdminState>,
    body: Bytes,
) -> Result<Response, AdminError> {
    let mut request: LoadRequest = scale::read(&body)?;
    let cluster = state.registry.snapshot();
    let address = door(&request.url, &cluster)?;
    let facts = state.facts.borrow().clone();
    if request.log_in {
        let token = caller::token(&facts, &cluster).await;
        let token = token.map_err(|reason| AdminError::Load {
            reason: format!("cannot log in: {reason}"),
            hint: "without a login only paths are loaded that need none",
        })?;
        let name = "authorization".to_owned();
        request.headers.insert(name, format!("Bearer {token}"));
    }
    let authority = facts.ca_certificate.ok_or(AdminError::Load {
        reason: "the lab has no certificate yet".to_owned(),
        hint: "try again when lab status says that it runs",
    })?;
    let plan = Plan::new(request, &Door { address, authority }).map_err(|error| refused(&error))?;
    let registry = state.registry.clone();
    let finish = Box::new(move |result: &mut LoadResult| judge(result, &registry.snapshot()));
    let run = match state.loads.begin(plan, finish) {
        Ok(run) => run,
        Err(error @ Busy::Runs(_)) => return Err(AdminError::LoadRuns(error.to_string())),
        Err(error @ Busy::Thread(_)) => return Err(AdminError::Failed(error.to_string())),
    };
    let shutdown = state.shutdown.clone();
    let lines = stream::unfold((run, shutdown), async |(mut run, mut shutdown)| {
        let line = tokio::select! {
            line = run.lines.recv() => line?,
            () = shutdown.recv() => return None,
        };
        Some((ndjson::line(&line), (run, shutdown)))
    });
    Ok(ndjson::lines(lines))
}

/// Stops the run that is under way; its stream ends with what there is.
pub(super) async fn stop(State(state): State<AdminState>) -> Json<LoadStopped> {
    let stopped = state.loads.stop();
    Json(LoadStopped { stopped })
}

/// The last results, newest first.
pub(super) async fn list(State(state): State<AdminState>) -> Json<Vec<LoadResult>> {
    Json(state.loads.results())
}

fn refused(error: &LoadPlanError) -> AdminError {
    let mut reason = error.to_string();
    if let Some(cause) = std::error::Error::source(error) {
        reason = format!("{reason}: {cause}");
    }
    AdminError::Load {
        reason,
        hint: "lab load --help names the bounds",
    }
}

/// The socket of the lab's that a URL means.
fn door(url: &str, cluster: &Cluster) -> Result<SocketAddr, AdminError> {
    let no_door = |reason: String| AdminError::Load {
        reason,
        hint: WHERE,
    };
    let bad = |reason: &dyn std::fmt::Display| no_door(format!("{url:?} is no URL: {reason}"));
    let uri: Uri = url.parse().map_err(|error| bad(&error))?;
    let host = uri.host().ok_or_else(|| bad(&"it names no host"))?;
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let balancer = host_ports(cluster);
    let port = match (uri.port_u16(), uri.scheme_str(), balancer) {
        (Some(port), Some("http" | "https"), _) => port,
        (None, Some("http"), [http, ..]) => http.port(),
        (None, Some("https"), [.., https]) => https.port(),
        (_, Some("http" | "https"), _) => {
            return Err(no_door("the lab has no host ports yet".to_owned()));
        }
        _ => return Err(bad(&"it begins with neither http:// nor https://")),
    };
    let named = |address: &&SocketAddr| address.port() == port;
    let literal = match host.parse::<IpAddr>() {
        Ok(literal) => Some(literal),
        Err(_) if host == "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        Err(_) => None,
    };
    let found = if let Some(literal) = literal {
        let mut all = cluster
            .services
            .values()
            .flat_map(|service| &service.load_balancer.ingress);
        all.find(|address| named(address) && reaches(literal, address.ip()))
    } else {
        let routes = cluster.routes.routes();
        if !routes.iter().any(|route| route.host.matches(&host)) {
            let reason = format!("{host} is none of this lab's hosts, and no other is loaded");
            return Err(no_door(reason));
        }
        balancer.iter().find(named)
    };
    let found =
        found.ok_or_else(|| no_door(format!("nothing of this lab listens at {host}:{port}")))?;
    Ok(dialled(*found))
}

/// Whether an address leads to a socket that is bound to another one.
fn reaches(literal: IpAddr, bound: IpAddr) -> bool {
    literal == bound || bound.is_unspecified() && literal.is_loopback()
}

/// Adds whose pods answered, the ready ones that got nothing, and how even that is.
fn judge(result: &mut LoadResult, cluster: &Cluster) {
    for share in &mut result.spread {
        let pod = cluster.pods.get(&share.pod);
        share.service = pod.and_then(|pod| pod.service.clone());
    }
    let mut services: Vec<String> = result
        .spread
        .iter()
        .filter_map(|share| share.service.clone())
        .collect();
    services.sort();
    services.dedup();
    for service in services {
        let slice = cluster.slices.get(&service);
        let ready = slice.into_iter().flat_map(|slice| slice.usable());
        for pod in ready.filter_map(|endpoint| endpoint.pod.as_ref()) {
            if !result.spread.iter().any(|share| share.pod == *pod) {
                result.spread.push(PodShare {
                    pod: pod.clone(),
                    service: Some(service.clone()),
                    requests: 0,
                });
            }
        }
    }
    result
        .spread
        .sort_by(|one, other| (&one.service, &one.pod).cmp(&(&other.service, &other.pod)));
    let first = result.spread.first().map(|share| &share.service);
    let one_service = result
        .spread
        .iter()
        .all(|share| Some(&share.service) == first);
    let requests: Vec<u64> = result.spread.iter().map(|share| share.requests).collect();
    // Pods of several Services share nothing that could be even.
    result.evenness = Evenness::of(&requests).filter(|_| one_service);
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::model::{
        AppProtocol, BackendPort, Flavour, HttpPath, Ingress, IngressBackend, IngressClasses,
        IngressRule, LoadBalancerStatus, Objects, PathType, Protocol, Service, ServicePort,
        compile,
    };

    fn cluster() -> Cluster {
        let mut cluster = Cluster::default();
        let address = |text: &str| text.parse().unwrap();
        let service = |name: &str, ingress: &[&str]| {
            let service = Service {
                name: name.to_owned(),
                ports: vec![ServicePort {
                    name: String::new(),
                    protocol: Protocol::Tcp,
                    port: 80,
                    target_port: 80,
                    node_port: None,
                    app_protocol: AppProtocol::Http,
                    listen: None,
                }],
                load_balancer: LoadBalancerStatus {
                    ingress: ingress.iter().map(|text| address(text)).collect(),
                    ..LoadBalancerStatus::default()
                },
                ..Service::default()
            };
            (name.to_owned(), Arc::new(service))
        };
        cluster.services = [
            service("traefik", &["127.0.0.1:8080", "0.0.0.0:8443"]),
            service("echo", &["127.0.0.1:30080"]),
        ]
        .into();
        cluster.ingress_classes = Arc::new(IngressClasses {
            load_balancer: "traefik".to_owned(),
            ..IngressClasses::default()
        });
        let ingress = Ingress {
            rules: vec![IngressRule {
                host: Some("*.shop.example".to_owned()),
                paths: vec![HttpPath {
                    path: "/".to_owned(),
                    path_type: PathType::Prefix,
                    backend: IngressBackend {
                        service: "echo".to_owned(),
                        port: BackendPort::Number(80),
                    },
                }],
            }],
            ..Ingress::default()
        };
        let objects = Objects::new(&cluster.services);
        cluster.routes = Arc::new(compile(&[ingress], &objects, &Flavour::default()).table);
        cluster
    }

    #[test]
    fn only_sockets_of_the_lab_are_doors() {
        let cluster = cluster();
        for (url, expected) in [
            ("http://a.shop.example/", Ok("127.0.0.1:8080")),
            ("https://A.shop.example:8443/", Ok("127.0.0.1:8443")),
            ("https://localhost/", Ok("127.0.0.1:8443")),
            ("http://127.0.0.1:30080/", Ok("127.0.0.1:30080")),
            (
                "http://example.org/",
                Err("example.org is none of this lab's hosts"),
            ),
            (
                "http://a.shop.example:30080/",
                Err("nothing of this lab listens at"),
            ),
            (
                "http://a.shop.example:22/",
                Err("nothing of this lab listens at"),
            ),
            (
                "http://127.0.0.1:22/",
                Err("nothing of this lab listens at"),
            ),
            (
                "http://10.1.2.3:8080/",
                Err("nothing of this lab listens at"),
            ),
            ("ftp://a.shop.example/", Err("neither http")),
            ("/only/a/path", Err("names no host")),
        ] {
            match (door(url, &cluster), expected) {
                (Ok(address), Ok(expected)) => assert_eq!(address.to_string(), expected, "{url}"),
                (Err(error), Err(expected)) => {
                    assert!(error.to_string().contains(expected), "{url}: {error}");
                }
                (found, expected) => panic!("{url}: {found:?}, not {expected:?}"),
            }
        }
    }
}
