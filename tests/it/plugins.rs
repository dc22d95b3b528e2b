//! The plugins that the lab brings along, as whoever collects sees them.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use lab::cloudforet::Settings;
use lab::cloudforet::plugins::host::Facts;
use lab::cloudforet::plugins::{host, sample_cloud};
use lab::cloudforet::proto::inventory::plugin::collector_client::CollectorClient;
use lab::cloudforet::proto::inventory::plugin::job_client::JobClient;
use lab::cloudforet::proto::inventory::plugin::{
    CollectRequest, GetTaskRequest, InitRequest, ResourceInfo, VerifyRequest,
};
use lab::cloudforet::telemetry::Emitter;
use lab::model::{Disk, Machine, PodWish};
use lab::net::Trigger;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tonic::{Code, Status};

use crate::cloudforet_support::{assert_status, channel, object, serving};

const SUCCESS: i32 = 4;
const FAILURE: i32 = 5;

/// A plugin in this process; it ends when this is dropped.
struct Plugin {
    address: SocketAddr,
    _trigger: Trigger,
}

async fn sample_cloud() -> Plugin {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = Trigger::new();
    let (emitter, _) = Emitter::channel(1);
    tokio::spawn(sample_cloud::serve(
        listener,
        Settings::default(),
        emitter,
        shutdown,
    ));
    serving(address).await;
    Plugin {
        address,
        _trigger: trigger,
    }
}

impl Plugin {
    async fn collect(
        &self,
        options: Struct,
        task: Option<Struct>,
    ) -> Result<Vec<ResourceInfo>, Status> {
        let request = CollectRequest {
            options: Some(options),
            secret_data: Some(Struct::default()),
            filter: Some(Struct::default()),
            task_options: task,
        };
        let mut collector = CollectorClient::new(channel(self.address).await);
        let mut stream = collector.collect(request).await?.into_inner();
        let mut all = Vec::new();
        while let Some(resource) = stream.message().await? {
            all.push(resource);
        }
        Ok(all)
    }

    async fn services(&self, options: Struct) -> Vec<ResourceInfo> {
        let mut all = self.collect(options, None).await.unwrap();
        all.retain(|one| {
            ["inventory.CloudService", "inventory.ErrorResource"]
                .contains(&one.resource_type.as_str())
        });
        all
    }
}

/// Options that are numbers.
fn numbers<'a>(fields: impl IntoIterator<Item = (&'a str, f64)>) -> Struct {
    let field = |(key, number): (&str, f64)| {
        let kind = Some(Kind::NumberValue(number));
        (key.to_owned(), Value { kind })
    };
    Struct {
        fields: fields.into_iter().map(field).collect(),
    }
}

fn ids(resources: &[ResourceInfo]) -> BTreeSet<String> {
    let id = |one: &ResourceInfo| {
        let resource = one.resource.as_ref().unwrap();
        let Some(Kind::StructValue(reference)) = &resource.fields.get("reference")?.kind else {
            return None;
        };
        match &reference.fields.get("resource_id")?.kind {
            Some(Kind::StringValue(id)) => Some(id.clone()),
            _ => None,
        }
    };
    resources.iter().filter_map(id).collect()
}

#[tokio::test]
async fn the_sample_cloud_has_exactly_as_many_resources_as_were_asked_for() {
    let plugin = sample_cloud().await;
    assert_eq!(plugin.services(Struct::default()).await.len(), 300);
    let began = Instant::now();
    let many = plugin.services(numbers([("count", 10_000.0)])).await;
    assert_eq!(many.len(), 10_000);
    // In a build without optimisation, on a busy machine.
    assert!(
        began.elapsed() < Duration::from_secs(30),
        "{:?}",
        began.elapsed()
    );
    let known = ids(&many);
    assert_eq!(known.len(), 10_000);
    // The first hundred of many are the hundred of few.
    let few = ids(&plugin.services(numbers([("count", 100.0)])).await);
    assert!(few.len() == 100 && few.is_subset(&known));
    let other = ids(&plugin
        .services(numbers([("count", 100.0), ("seed", 1.0)]))
        .await);
    assert!(other.is_disjoint(&known));
    let vanished = plugin
        .services(numbers([("count", 100.0), ("vanish", 7.0)]))
        .await;
    let vanished = ids(&vanished);
    assert!(vanished.len() == 93 && vanished.is_subset(&few));
}

#[tokio::test]
async fn the_sample_cloud_brings_kinds_and_places_first_and_says_how_to_find_things_again() {
    let plugin = sample_cloud().await;
    let all = plugin
        .collect(numbers([("count", 20.0)]), None)
        .await
        .unwrap();
    let types: Vec<&str> = all.iter().map(|one| one.resource_type.as_str()).collect();
    let first = types
        .iter()
        .position(|one| *one == "inventory.CloudService")
        .unwrap();
    assert!(first > 2);
    assert!(
        types[first..]
            .iter()
            .all(|one| *one == "inventory.CloudService")
    );
    for kind in ["inventory.CloudServiceType", "inventory.Region"] {
        assert!(types[..first].contains(&kind), "{types:?}");
    }
    for one in &all {
        assert_eq!(one.state, SUCCESS);
        let rules = one.match_rules.as_ref().unwrap();
        assert!(rules.fields.contains_key("1"));
    }
}

#[tokio::test]
async fn the_sample_cloud_divides_its_work() {
    let plugin = sample_cloud().await;
    let options = numbers([("count", 250.0), ("sub_tasks", 4.0)]);
    let request = GetTaskRequest {
        options: Some(options.clone()),
        ..GetTaskRequest::default()
    };
    let mut jobs = JobClient::new(channel(plugin.address).await);
    let tasks = jobs.get_tasks(request).await.unwrap().into_inner().tasks;
    assert_eq!(tasks.len(), 4);
    let mut together = BTreeSet::new();
    let mut count = 0;
    for task in tasks {
        let part = plugin
            .collect(options.clone(), task.task_options)
            .await
            .unwrap();
        let part = ids(&part);
        count += part.len();
        together.extend(part);
    }
    assert_eq!((count, together.len()), (250, 250));
    assert_eq!(together, ids(&plugin.services(options).await));
}

#[tokio::test]
async fn the_sample_cloud_fails_at_its_rate_and_always_at_the_same() {
    let plugin = sample_cloud().await;
    let options = numbers([("count", 2_000.0), ("failure_rate", 0.1)]);
    let failures = |all: &[ResourceInfo]| -> Vec<usize> {
        let failed = all
            .iter()
            .enumerate()
            .filter(|(_, one)| one.state == FAILURE);
        failed.map(|(index, _)| index).collect()
    };
    let all = plugin.services(options.clone()).await;
    assert_eq!(all.len(), 2_000);
    let failed = failures(&all);
    assert!((140..260).contains(&failed.len()), "{}", failed.len());
    assert_eq!(all[failed[0]].resource_type, "inventory.ErrorResource");
    assert!(!all[failed[0]].message.is_empty());
    assert_eq!(failures(&plugin.services(options).await), failed);
    let all = plugin
        .services(numbers([("count", 50.0), ("failure_rate", 1.0)]))
        .await;
    assert_eq!(failures(&all).len(), 50);
}

#[tokio::test]
async fn the_sample_cloud_takes_its_time_and_is_as_large_as_it_should_be() {
    let plugin = sample_cloud().await;
    let options = numbers([("count", 250.0), ("latency_ms", 50.0), ("size", 5_000.0)]);
    let began = Instant::now();
    let all = plugin.services(options).await;
    // Three pages.
    assert!(began.elapsed() >= Duration::from_millis(150));
    let size = prost::Message::encoded_len(&all[0]);
    assert!((5_000..8_000).contains(&size), "{size}");
}

#[tokio::test]
async fn a_wrong_option_is_refused_by_its_name_wherever_it_comes() {
    let plugin = sample_cloud().await;
    let wrong = object([("count", "many")]);
    let message = "ERROR_INVALID_PARAMETER: Parameter is invalid. \
                   (key = count, reason = must be a whole number from 0 to 1000000)";
    let mut collector = CollectorClient::new(channel(plugin.address).await);
    let init = InitRequest {
        options: Some(wrong.clone()),
    };
    assert_status(collector.init(init).await, Code::InvalidArgument, message);
    let verify = VerifyRequest {
        options: Some(wrong.clone()),
        secret_data: None,
    };
    assert_status(
        collector.verify(verify).await,
        Code::InvalidArgument,
        message,
    );
    assert_status(
        plugin.collect(wrong, None).await,
        Code::InvalidArgument,
        message,
    );
    let metadata = collector.init(InitRequest::default()).await.unwrap();
    let metadata = metadata.into_inner().metadata.unwrap();
    assert!(metadata.fields.contains_key("supported_resource_type"));
}

#[tokio::test]
async fn the_host_plugin_tells_the_machine_as_it_is_now() {
    let (wishes, mut heard) = mpsc::channel(4);
    let (tell, answers) = watch::channel(None);
    tokio::spawn(async move {
        let mut disks = Vec::new();
        while let Some(PodWish::Host) = heard.recv().await {
            disks.push(Disk {
                mount: format!("/disk{}", disks.len()),
                ..Disk::default()
            });
            let machine = Machine {
                name: "laptop".to_owned(),
                disks: disks.clone(),
                ..Machine::default()
            };
            tell.send_replace(Some(Ok(Box::new(machine))));
            if disks.len() == 2 {
                break;
            }
        }
        heard.recv().await;
        tell.send_replace(Some(Err("/proc is not mounted".to_owned())));
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = Trigger::new();
    let (emitter, _) = Emitter::channel(1);
    let facts = Facts::new(wishes, answers);
    tokio::spawn(host::serve(
        listener,
        Settings::default(),
        facts,
        emitter,
        shutdown,
    ));
    serving(address).await;
    let plugin = Plugin {
        address,
        _trigger: trigger,
    };
    let first = plugin.services(Struct::default()).await;
    let expected = [
        "host/laptop",
        "host/laptop/disk/disk0",
        "host/laptop/processes",
    ];
    assert_eq!(ids(&first), expected.map(str::to_owned).into());
    let second = plugin.services(Struct::default()).await;
    assert_eq!(second.len(), first.len() + 1);
    assert_status(
        plugin.collect(Struct::default(), None).await,
        Code::Unavailable,
        "ERROR_GRPC_CONNECTION: /proc is not mounted",
    );
}
