//! Controllers with a fake runtime.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lab::controllers::{self, PodExtras};
use lab::model::{
    AppProtocol, ClusterIp, Deployment, Endpoint, EndpointSlice, Pod, PodPhase, PodTemplate, Probe,
    ProbeAction, Protocol, Service, ServicePort, ServiceType, SessionAffinity, TrafficPolicy,
    Volume, Workload,
};
use lab::net::Trigger;
use lab::pods::fake::FakeRuntime;
use lab::pods::{Exit, PodRuntime};
use lab::registry::{Cluster, Registry, ScaleError, scale};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

/// How long a fake pod takes to end.
const DRAIN: Duration = Duration::from_millis(200);

struct Set {
    registry: Registry,
    runtime: Arc<FakeRuntime>,
    trigger: Trigger,
    task: JoinHandle<()>,
}

impl Set {
    fn start(cluster: Cluster) -> Self {
        let registry = Registry::new(cluster);
        let runtime = Arc::new(FakeRuntime::new(DRAIN));
        let (trigger, mut shutdown) = Trigger::new();
        let as_runtime: Arc<dyn PodRuntime> = runtime.clone();
        let extras = Arc::new(|_: &Cluster, _: &Deployment| PodExtras::default());
        let task = tokio::spawn(controllers::run(
            registry.clone(),
            as_runtime,
            extras,
            controllers::Inputs::default(),
            async move { shutdown.recv().await },
        ));
        Self {
            registry,
            runtime,
            trigger,
            task,
        }
    }

    /// Waits for a picture that satisfies this.
    async fn until(&self, what: &str, good: impl Fn(&Cluster) -> bool) -> Arc<Cluster> {
        let mut reader = self.registry.reader();
        let wait = async {
            loop {
                if good(reader.latest()) {
                    return Arc::clone(reader.latest());
                }
                reader.changed().await.expect("the registry is there");
            }
        };
        let limit = Duration::from_secs(20);
        let found = tokio::time::timeout(limit, wait).await.ok();
        found.unwrap_or_else(|| panic!("never {what}: {:#?}", self.registry.snapshot().pods))
    }

    async fn stop(self) {
        self.trigger.trigger();
        self.task.await.unwrap();
        assert!(self.runtime.running().is_empty());
        assert!(self.registry.snapshot().pods.is_empty());
    }
}

fn deployment(name: &str, replicas: u32) -> Deployment {
    Deployment {
        name: name.into(),
        service: Some(name.into()),
        plugin: None,
        replicas,
        template: PodTemplate {
            workload: Workload::BuiltIn {
                program: name.into(),
            },
            ports: vec![50051],
            env: BTreeMap::new(),
            files: BTreeMap::new(),
            readiness: Probe {
                action: ProbeAction::None,
                period: Duration::from_secs(10),
                timeout: Duration::from_secs(1),
                failure_threshold: 3,
            },
            grace: Duration::from_secs(30),
            volume: None,
            wait_for: Vec::new(),
            attached: false,
        },
    }
}

fn service(name: &str) -> Service {
    Service {
        name: name.into(),
        namespace: "cloudforet".into(),
        kind: ServiceType::ClusterIP,
        cluster_ip: ClusterIp::Address("127.43.0.11".parse().unwrap()),
        ports: vec![ServicePort {
            name: "grpc".into(),
            protocol: Protocol::Tcp,
            port: 50051,
            target_port: 50051,
            node_port: None,
            app_protocol: AppProtocol::H2c,
            listen: None,
        }],
        session_affinity: SessionAffinity::None,
        external_traffic_policy: TrafficPolicy::Cluster,
        ..Service::default()
    }
}

fn cluster(deployments: impl IntoIterator<Item = Deployment>) -> Cluster {
    let mut cluster = Cluster::default();
    for deployment in deployments {
        let name = deployment.name.clone();
        cluster
            .services
            .insert(name.clone(), Arc::new(service(&name)));
        cluster.deployments.insert(name, Arc::new(deployment));
    }
    cluster
}

fn endpoints<'a>(cluster: &'a Cluster, service: &str) -> &'a [Endpoint] {
    cluster
        .slices
        .get(service)
        .map_or(&[], |slice| &slice.endpoints)
}

fn ready(cluster: &Cluster, service: &str) -> usize {
    let all = endpoints(cluster, service).iter();
    all.filter(|endpoint| endpoint.conditions.ready).count()
}

fn the_pod(cluster: &Cluster) -> Option<&Pod> {
    cluster.pods.values().next().map(|pod| &**pod)
}

#[tokio::test]
async fn scaling_up_adds_endpoints_and_keeps_the_ones_there() {
    let set = Set::start(cluster([deployment("web", 1)]));
    let before = set
        .until("one ready", |cluster| ready(cluster, "web") == 1)
        .await;
    let first = endpoints(&before, "web")[0].clone();
    assert_eq!(scale(&set.registry, "web", 5), Ok(1));
    let after = set
        .until("five ready", |cluster| ready(cluster, "web") == 5)
        .await;
    assert_eq!(endpoints(&after, "web")[0], first);
    assert_eq!(after.pods.len(), 5);
    assert!(
        after
            .pods
            .keys()
            .all(|name| name.starts_with("web-") && name.len() == 9)
    );
    set.stop().await;
}

#[tokio::test]
async fn a_second_service_selects_the_same_pods() {
    let mut cluster = cluster([deployment("web", 2)]);
    let other = Service {
        selector: Some("web".to_owned()),
        ..service("other")
    };
    cluster.services.insert("other".to_owned(), Arc::new(other));
    let set = Set::start(cluster);
    let found = set
        .until("two ready", |cluster| ready(cluster, "other") == 2)
        .await;
    assert_eq!(ready(&found, "web"), 2);
    assert_eq!(scale(&set.registry, "web", 1), Ok(2));
    set.until("one ready", |cluster| ready(cluster, "other") == 1)
        .await;
    set.stop().await;
}

#[tokio::test]
async fn scaling_down_takes_endpoints_away_before_the_pods() {
    let set = Set::start(cluster([deployment("web", 1)]));
    set.until("one ready", |cluster| ready(cluster, "web") == 1)
        .await;
    let oldest = set.runtime.running();
    scale(&set.registry, "web", 3).unwrap();
    set.until("three ready", |cluster| ready(cluster, "web") == 3)
        .await;
    scale(&set.registry, "web", 1).unwrap();
    let during = set
        .until("one ready", |cluster| ready(cluster, "web") == 1)
        .await;
    let logged = set.runtime.log();
    assert!(
        !logged.iter().any(|line| line.starts_with("stop")),
        "{logged:?}"
    );
    let leaving: Vec<_> = endpoints(&during, "web")
        .iter()
        .filter(|endpoint| endpoint.conditions.terminating)
        .collect();
    assert_eq!(leaving.len(), 2);
    assert!(leaving.iter().all(|endpoint| endpoint.conditions.serving));
    let after = set
        .until("one left", |cluster| cluster.pods.len() == 1)
        .await;
    assert_eq!(endpoints(&after, "web").len(), 1);
    assert_eq!(set.runtime.running(), oldest, "the newest go first");
    set.stop().await;
}

#[tokio::test]
async fn a_pod_that_ends_is_started_again_under_its_name_with_back_off() {
    let set = Set::start(cluster([deployment("web", 1)]));
    let before = set
        .until("ready", |cluster| ready(cluster, "web") == 1)
        .await;
    let name = the_pod(&before).unwrap().name.clone();
    let mut waits = Vec::new();
    for restarts in 1..=4 {
        let exit = Exit {
            last_lines: vec!["it broke".into()],
            ..Exit::from_shell_code(3)
        };
        set.runtime.end(&name, exit);
        let down = set
            .until("down", |cluster| {
                the_pod(cluster).is_some_and(|pod| pod.restarts == restarts)
            })
            .await;
        let pod = the_pod(&down).unwrap();
        assert_eq!(pod.phase, PodPhase::CrashLoopBackOff);
        assert_eq!(pod.reason.as_deref(), Some("exited with code 3"));
        assert_eq!(pod.last_lines, ["it broke"]);
        assert!(endpoints(&down, "web").is_empty());
        let ended = tokio::time::Instant::now();
        let up = set
            .until("ready again", |cluster| ready(cluster, "web") == 1)
            .await;
        waits.push(ended.elapsed().as_millis());
        assert_eq!(the_pod(&up).unwrap().name, name);
        assert_eq!(
            the_pod(&up).unwrap().last_lines,
            ["it broke"],
            "kept for status"
        );
    }
    let expected = [100, 200, 400, 800];
    // Never early; how late is the machine's business.
    let in_order = waits
        .iter()
        .zip(&expected)
        .all(|(found, wanted)| found + 5 >= *wanted);
    assert!(in_order, "{waits:?}");
    set.stop().await;
}

#[tokio::test]
async fn a_start_that_fails_shows_why_and_is_tried_again() {
    let set = Set::start(cluster([]));
    set.runtime.fail_starts(Some("the daemon is stopped"));
    set.registry
        .change(|state| *state = cluster([deployment("web", 1)]));
    let failed = set
        .until("a reason", |cluster| {
            the_pod(cluster).is_some_and(|pod| pod.reason.is_some())
        })
        .await;
    assert_eq!(
        the_pod(&failed).unwrap().reason.as_deref(),
        Some("the daemon is stopped")
    );
    assert_eq!(the_pod(&failed).unwrap().phase, PodPhase::Pending);
    set.runtime.fail_starts(None);
    let up = set
        .until("ready", |cluster| ready(cluster, "web") == 1)
        .await;
    assert_eq!(the_pod(&up).unwrap().reason, None);
    set.stop().await;
}

#[tokio::test]
async fn an_endpoint_is_added_only_when_the_probe_passes() {
    // The fake's first pod is at 127.42.0.2; its port is held open here without answering.
    let mut wanted = deployment("web", 1);
    let listener = TcpListener::bind("127.42.0.2:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    wanted.template.ports = vec![port];
    wanted.template.readiness.action = ProbeAction::Http {
        port,
        path: "/ready".into(),
    };
    wanted.template.readiness.period = Duration::from_millis(10);
    let mut cluster = cluster([wanted]);
    let mut service = service("web");
    service.ports[0].target_port = port;
    cluster.services.insert("web".into(), Arc::new(service));
    let status = Arc::new(std::sync::atomic::AtomicU16::new(503));
    let answer = Arc::clone(&status);
    let server = tokio::spawn(async move {
        let app = axum::Router::new().route(
            "/ready",
            axum::routing::get(move || async move {
                let code = answer.load(std::sync::atomic::Ordering::Relaxed);
                axum::http::StatusCode::from_u16(code).unwrap()
            }),
        );
        axum_serve(listener, app).await;
    });
    let set = Set::start(cluster);
    let waiting = set
        .until("a reason", |cluster| {
            the_pod(cluster).is_some_and(|pod| pod.reason.is_some())
        })
        .await;
    assert!(endpoints(&waiting, "web").is_empty());
    let reason = the_pod(&waiting).unwrap().reason.clone().unwrap();
    assert!(reason.ends_with("answered 503"), "{reason}");
    status.store(200, std::sync::atomic::Ordering::Relaxed);
    set.until("ready", |cluster| ready(cluster, "web") == 1)
        .await;
    status.store(500, std::sync::atomic::Ordering::Relaxed);
    let failing = set
        .until("not ready", |cluster| ready(cluster, "web") == 0)
        .await;
    assert_eq!(endpoints(&failing, "web").len(), 1, "it stays, not ready");
    set.trigger.trigger();
    server.abort();
}

/// `axum::serve` needs a feature that the product has no use for.
async fn axum_serve(listener: TcpListener, app: axum::Router) {
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            return;
        };
        let service = hyper_util::service::TowerToHyperService::new(app.clone());
        tokio::spawn(
            hyper::server::conn::http1::Builder::new()
                .serve_connection(hyper_util::rt::TokioIo::new(stream), service),
        );
    }
}

#[tokio::test]
async fn dependents_wait_for_what_they_need_and_stop_before_it() {
    let mut store = deployment("mongodb", 0);
    store.template.volume = Some(Volume {
        name: "mongodb".into(),
        mount: "/data/db".into(),
    });
    let mut web = deployment("web", 2);
    web.template.wait_for = vec!["mongodb".into()];
    let set = Set::start(cluster([store, web]));
    let waiting = set
        .until("a reason", |cluster| {
            cluster.pods.len() == 2 && cluster.pods.values().all(|pod| pod.reason.is_some())
        })
        .await;
    assert_eq!(
        the_pod(&waiting).unwrap().reason.as_deref(),
        Some("waits for mongodb, which has no ready endpoint")
    );
    assert!(set.runtime.running().is_empty());
    scale(&set.registry, "mongodb", 1).unwrap();
    set.until("all ready", |cluster| ready(cluster, "web") == 2)
        .await;
    assert_eq!(
        scale(&set.registry, "mongodb", 2),
        Err(ScaleError::OneVolume {
            name: "mongodb".into()
        })
    );
    let runtime = Arc::clone(&set.runtime);
    set.stop().await;
    let log = runtime.log();
    let at = |prefix: &str| {
        log.iter()
            .position(|line| line.starts_with(prefix))
            .unwrap()
    };
    let last_web = log
        .iter()
        .rposition(|line| line.starts_with("gone web"))
        .unwrap();
    assert!(at("stop web") < at("stop mongodb"));
    assert!(last_web < at("stop mongodb"), "{log:?}");
}

#[tokio::test]
async fn a_new_template_replaces_pods_without_a_gap() {
    let set = Set::start(cluster([deployment("web", 3)]));
    let before = set
        .until("three", |cluster| ready(cluster, "web") == 3)
        .await;
    let mut new = deployment("web", 3);
    new.template.env.insert("VERSION".into(), "2".into());
    let mut reader = set.registry.reader();
    set.registry.change(|cluster| {
        cluster.deployments.insert("web".into(), Arc::new(new));
    });
    let replaced = |cluster: &Cluster| {
        cluster.pods.len() == 3
            && cluster
                .pods
                .keys()
                .all(|name| !before.pods.contains_key(name))
    };
    while !replaced(reader.latest()) {
        assert!(ready(reader.latest(), "web") >= 3);
        reader.changed().await.unwrap();
    }
    set.stop().await;
}

#[tokio::test]
async fn a_volume_is_never_held_by_two_pods() {
    let with_volume = |version: &str| {
        let mut store = deployment("mongodb", 1);
        store.template.env.insert("VERSION".into(), version.into());
        store.template.volume = Some(Volume {
            name: "mongodb".into(),
            mount: "/data/db".into(),
        });
        store
    };
    let set = Set::start(cluster([with_volume("1")]));
    let before = set
        .until("ready", |cluster| ready(cluster, "mongodb") == 1)
        .await;
    set.registry.change(|cluster| {
        cluster
            .deployments
            .insert("mongodb".into(), Arc::new(with_volume("2")));
    });
    let mut reader = set.registry.reader();
    let replaced = |cluster: &Cluster| {
        ready(cluster, "mongodb") == 1
            && the_pod(cluster).unwrap().name != the_pod(&before).unwrap().name
    };
    while !replaced(reader.latest()) {
        assert!(set.runtime.running().len() <= 1);
        reader.changed().await.unwrap();
    }
    set.stop().await;
}

#[tokio::test]
async fn addresses_of_the_users_own_are_left_alone() {
    let mut state = cluster([deployment("web", 1)]);
    let mut slice = EndpointSlice {
        service: "legacy".into(),
        endpoints: Vec::new(),
    };
    slice.endpoints.push(Endpoint {
        pod: None,
        addresses: Vec::new(),
        conditions: lab::model::Conditions {
            ready: true,
            serving: true,
            terminating: false,
        },
    });
    state
        .services
        .insert("legacy".into(), Arc::new(service("legacy")));
    state
        .slices
        .insert("legacy".into(), Arc::new(slice.clone()));
    let set = Set::start(state);
    let up = set
        .until("ready", |cluster| ready(cluster, "web") == 1)
        .await;
    assert_eq!(*up.slices["legacy"], slice);
    assert_eq!(
        scale(&set.registry, "legacy", 2),
        Err(ScaleError::NoPods {
            name: "legacy".into()
        })
    );
    assert_eq!(
        scale(&set.registry, "webb", 2),
        Err(ScaleError::Unknown {
            name: "webb".into(),
            known: vec!["web".into()]
        })
    );
    assert_eq!(
        scale(&set.registry, "web", 100_000),
        Err(ScaleError::TooMany { wanted: 100_000 })
    );
    set.stop().await;
}

#[tokio::test]
async fn a_removed_deployment_takes_its_pods_along() {
    let set = Set::start(cluster([deployment("web", 2)]));
    set.until("two", |cluster| ready(cluster, "web") == 2).await;
    set.registry
        .change(|cluster| cluster.deployments.remove("web"));
    set.until("none", |cluster| cluster.pods.is_empty()).await;
    set.stop().await;
}
