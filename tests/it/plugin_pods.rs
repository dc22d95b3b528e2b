//! Pods of plugins on the supervisor's word, with a fake runtime: what it wishes, what it is told, and
//! who is believed.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use lab::controllers::{self, Inputs, Plugins, PodExtras, wish_of};
use lab::model::{
    Deployment, Machine, PodPhase, PodTemplate, PodWish, Probe, ProbeAction, RunningPlugin, Told,
    WantedPlugin, Workload,
};
use lab::net::Trigger;
use lab::pods::fake::FakeRuntime;
use lab::pods::{Exit, PodLine, PodRuntime, Source};
use lab::registry::{Cluster, Registry, ScaleError, scale};
use tokio::io::{AsyncBufReadExt, BufReader, DuplexStream, Lines};
use tokio::sync::mpsc;

use crate::eventually;

const LIMIT: Duration = Duration::from_secs(20);

struct Set {
    registry: Registry,
    runtime: Arc<FakeRuntime>,
    wishes: mpsc::Sender<(String, PodWish)>,
    trigger: Trigger,
    tasks: tokio::task::JoinSet<()>,
}

/// What a pod is told.
struct Ear(Lines<BufReader<DuplexStream>>);

fn template(workload: Workload, attached: bool) -> PodTemplate {
    PodTemplate {
        workload,
        ports: vec![50051],
        env: BTreeMap::new(),
        files: BTreeMap::new(),
        readiness: Probe {
            action: ProbeAction::None,
            period: LIMIT,
            timeout: LIMIT,
            failure_threshold: 1,
        },
        grace: LIMIT,
        volume: None,
        wait_for: Vec::new(),
        attached,
    }
}

fn built_in(program: &str, attached: bool) -> PodTemplate {
    let program = program.to_owned();
    template(Workload::BuiltIn { program }, attached)
}

fn image() -> PodTemplate {
    let workload = Workload::Image {
        image: "registry.example.com/plugin".to_owned(),
        command: Vec::new(),
    };
    template(workload, false)
}

fn wanted(name: &str, plugin_id: &str) -> WantedPlugin {
    WantedPlugin {
        name: name.to_owned(),
        plugin_id: plugin_id.to_owned(),
        replicas: 2,
    }
}

impl Set {
    fn start() -> Self {
        let deployment = |name: &str, template| Deployment {
            name: name.to_owned(),
            service: None,
            plugin: None,
            replicas: 1,
            template,
        };
        let deployments = [
            deployment("supervisor", built_in("supervisor", true)),
            deployment("asker", built_in("plugin-host", true)),
            deployment("worker", built_in("supervisor", false)),
        ];
        let mut cluster = Cluster::default();
        for deployment in deployments {
            let name = deployment.name.clone();
            cluster.deployments.insert(name, Arc::new(deployment));
        }
        let registry = Registry::new(cluster);
        let runtime = Arc::new(FakeRuntime::new(Duration::ZERO));
        let inputs = Inputs::default();
        let plugins = Plugins {
            registry: registry.clone(),
            inputs: inputs.clone(),
            templates: BTreeMap::from([
                (
                    "plugin-cloud".to_owned(),
                    built_in("plugin-sample-cloud", false),
                ),
                ("plugin-image".to_owned(), image()),
            ]),
            runs_images: false,
            machine: Arc::new(|| {
                Box::pin(async {
                    let name = "mine".to_owned();
                    Ok(Box::new(Machine {
                        name,
                        ..Machine::default()
                    }))
                })
            }),
        };
        let (trigger, shutdown) = Trigger::new();
        let (wishes, heard) = mpsc::channel(8);
        let mut tasks = tokio::task::JoinSet::new();
        let mut end = shutdown.clone();
        tasks.spawn(plugins.run(heard, async move { end.recv().await }));
        let as_runtime: Arc<dyn PodRuntime> = runtime.clone();
        let extras = Arc::new(|_: &Cluster, _: &Deployment| PodExtras::default());
        let mut end = shutdown;
        let pods = controllers::run(registry.clone(), as_runtime, extras, inputs, async move {
            end.recv().await;
        });
        tasks.spawn(pods);
        Self {
            registry,
            runtime,
            wishes,
            trigger,
            tasks,
        }
    }

    /// The pods of a Deployment.
    fn pods(&self, deployment: &str) -> Vec<String> {
        let cluster = self.registry.snapshot();
        let pods = cluster.pods.values();
        let pods = pods.filter(|pod| pod.deployment == deployment && !pod.terminating);
        pods.map(|pod| pod.name.clone()).collect()
    }

    /// The only pod of a Deployment, as soon as it runs, and what it is told.
    async fn attached(&self, deployment: &str) -> (String, Ear) {
        let runs = || {
            let name = self.pods(deployment).pop()?;
            let cluster = self.registry.snapshot();
            let runs = cluster.pods.get(&name)?.phase == PodPhase::Running;
            let input = self.runtime.take_input(&name).filter(|_| runs)?;
            Some((name, input))
        };
        let (name, input) = eventually!("the pod runs", runs());
        (name, Ear(BufReader::new(input).lines()))
    }

    async fn wish(&self, pod: &str, wish: PodWish) {
        self.wishes.send((pod.to_owned(), wish)).await.unwrap();
    }

    async fn stop(mut self) {
        self.trigger.trigger();
        while let Some(ended) = self.tasks.join_next().await {
            ended.unwrap();
        }
        assert!(self.runtime.running().is_empty());
    }
}

impl Ear {
    async fn told(&mut self) -> Told {
        let line = tokio::time::timeout(LIMIT, self.0.next_line()).await;
        let line = line
            .expect("told in time")
            .unwrap()
            .expect("the lab is there");
        serde_json::from_str(&line).unwrap()
    }

    /// Listens until what is told of plugins satisfies this.
    async fn until(&mut self, good: impl Fn(&[RunningPlugin]) -> bool) -> Vec<RunningPlugin> {
        loop {
            if let Told::Plugins { plugins } = self.told().await
                && good(&plugins)
            {
                return plugins;
            }
        }
    }
}

fn all_ready(plugins: &[RunningPlugin]) -> bool {
    let ready = |plugin: &RunningPlugin| plugin.pods.iter().filter(|pod| pod.ready).count() == 2;
    plugins.len() == 1 && plugins.iter().all(ready)
}

#[tokio::test]
async fn the_supervisor_is_told_what_came_of_its_wish_and_so_is_its_successor() {
    let set = Set::start();
    let (pod, mut ear) = set.attached("supervisor").await;
    assert!(ear.until(<[_]>::is_empty).await.is_empty());
    let plugins = vec![wanted("plugin-cloud-a", "plugin-cloud")];
    set.wish(&pod, PodWish::Plugins { plugins }).await;
    let running = ear.until(all_ready).await;
    assert!(running[0].pods.iter().all(|pod| pod.address.is_some()));
    assert_eq!(running[0].problem, None);
    let before = set.pods("plugin-cloud-a");
    assert_eq!(before.len(), 2);
    let deployment = set.registry.snapshot().deployments["plugin-cloud-a"].clone();
    assert_eq!(deployment.plugin.as_deref(), Some("plugin-cloud"));
    let refused = scale(&set.registry, "plugin-cloud-a", 5).unwrap_err();
    assert!(matches!(refused, ScaleError::Plugin { .. }), "{refused}");

    // The next one starts from nothing, and finds what there is.
    set.runtime.end(&pod, Exit::default());
    let (pod, mut ear) = set.attached("supervisor").await;
    assert_eq!(ear.until(|_| true).await, running);
    assert_eq!(set.pods("plugin-cloud-a"), before);
    set.wish(
        &pod,
        PodWish::Plugins {
            plugins: Vec::new(),
        },
    )
    .await;
    ear.until(<[_]>::is_empty).await;
    let gone = || (set.runtime.running().len() == 3).then_some(());
    eventually!("they are gone", gone());
    set.stop().await;
}

#[tokio::test]
async fn what_cannot_run_is_told_with_its_reason() {
    let set = Set::start();
    let (pod, mut ear) = set.attached("supervisor").await;
    let plugins = vec![
        wanted("plugin-nobody-a", "plugin-nobody"),
        wanted("plugin-image-a", "plugin-image"),
        wanted("worker", "plugin-cloud"),
        wanted("no name", "plugin-cloud"),
    ];
    set.wish(&pod, PodWish::Plugins { plugins }).await;
    let told = ear.until(|plugins| plugins.len() == 4).await;
    let problems = told.iter().map(|plugin| plugin.problem.as_deref().unwrap());
    let problems: Vec<&str> = problems.collect();
    assert!(
        problems
            .iter()
            .any(|text| text.contains("has no plugin plugin-nobody"))
    );
    assert!(problems.iter().any(|text| text.contains("Docker")));
    assert!(
        problems
            .iter()
            .any(|text| text.contains("another Deployment has its name"))
    );
    assert_eq!(set.registry.snapshot().deployments.len(), 3);
    set.stop().await;
}

#[tokio::test]
async fn the_host_plugin_is_told_what_the_machine_is() {
    let set = Set::start();
    let (pod, mut ear) = set.attached("asker").await;
    for _ in 0..2 {
        set.wish(&pod, PodWish::Host).await;
        let Told::Host { machine } = ear.told().await else {
            panic!("nothing else is told to it");
        };
        assert_eq!(machine.unwrap().name, "mine");
    }
    set.stop().await;
}

#[tokio::test]
async fn only_attached_pods_are_believed_and_only_in_what_is_theirs() {
    let set = Set::start();
    let (supervisor, _ear) = set.attached("supervisor").await;
    let (asker, _ear) = set.attached("asker").await;
    let worker = eventually!("it is there", set.pods("worker").pop());
    let wish = |pod: &str, source, text: &str| {
        let line = PodLine {
            pod: pod.to_owned(),
            source,
            text: text.to_owned(),
        };
        wish_of(&set.registry, &line).is_some()
    };
    let plugins = r#"{"event":"plugins","plugins":[]}"#;
    let host = r#"{"event":"host"}"#;
    assert!(wish(&supervisor, Source::Stdout, plugins));
    assert!(wish(&asker, Source::Stdout, host));
    assert!(!wish(&supervisor, Source::Stderr, plugins));
    assert!(!wish(&supervisor, Source::Stdout, host));
    assert!(!wish(&asker, Source::Stdout, plugins));
    assert!(
        !wish(&worker, Source::Stdout, plugins),
        "it is not attached"
    );
    assert!(!wish("nobody", Source::Stdout, plugins));
    assert!(!wish(&supervisor, Source::Stdout, r#"{"event":"plugins"}"#));
    set.stop().await;
}
