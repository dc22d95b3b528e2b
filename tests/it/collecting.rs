//! A collector's run: from `collect` through the queue and the workers into the store.

use std::collections::BTreeMap;

use bson::{Bson, Document, doc};
use lab::cloudforet::proto::inventory::v1::job_client::JobClient;
use lab::cloudforet::proto::inventory::v1::{
    CollectRequest, CollectorQuery, CreateCollectorRequest, JobsQuery, PluginInfo, Scheduled,
    UpdateCollectorRequest, VerifyPluginRequest,
};
use lab::model::{Event, SpanKind};
use tonic::Code;

use crate::cloudforet_support::channel;
use crate::collecting_plugin::{PASSWORD, Script, item, server};
use crate::collecting_support::{JOB_SUCCESS, Plane, TASK_SUCCESS, whole};
use crate::eventually;

fn names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("server-{number}"))
}

async fn collected_once_under_redelivery(real: bool) {
    let plane = Plane::start_with(Script::new(names(1000), 10), real, |_| {}).await;
    let collector = plane.collector().await;
    let job = plane.collect(&collector).await.unwrap();
    // Nobody has taken anything yet: each task is put there once more.
    let tasks = plane.queued().await;
    assert_eq!(tasks.len(), 10);
    assert!(tasks.iter().all(|task| task.contains("secret-1")));
    assert!(
        !tasks.iter().any(|task| task.contains(PASSWORD)),
        "{tasks:?}"
    );
    let mut again = redis::cmd("RPUSH");
    again.arg("collector").arg(&tasks);
    let _: i64 = again.query_async(&mut plane.redis().await).await.unwrap();

    let _workers = [plane.worker(), plane.worker()];
    let (job, tasks) = plane.ended(&job).await;
    eventually!("all is done", plane.queued().await.is_empty().then_some(()));
    assert_eq!(plane.services().await.len(), 1000);
    assert_eq!(job.status, JOB_SUCCESS, "{tasks:?}");
    assert_eq!((job.total_tasks, job.success_tasks), (1, 1));
    assert_eq!(tasks.len(), 1);
    let task = &tasks[0];
    assert_eq!(task.status, TASK_SUCCESS);
    assert_eq!((task.created_count, task.updated_count), (1000, 0));
    assert_eq!((task.failure_count, task.errors.len()), (0, 0));
    let states = plane.rows("collection_state").await;
    assert_eq!(states.count_documents(doc! {}).await.unwrap(), 1000);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_resource_is_written_once_though_each_task_is_delivered_twice() {
    collected_once_under_redelivery(false).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_on_mongod_and_redis_server() {
    collected_once_under_redelivery(true).await;
}

/// Rows without what changes each time.
fn timeless(rows: BTreeMap<String, Document>) -> BTreeMap<String, Document> {
    let rows = rows.into_iter().map(|(name, mut row)| {
        assert!(matches!(row.remove("updated_at"), Some(Bson::DateTime(_))));
        let info = row.get_document_mut("collection_info").unwrap();
        assert!(matches!(
            info.remove("last_collected_at"),
            Some(Bson::DateTime(_))
        ));
        (name, row)
    });
    rows.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_collect_changes_nothing_but_timestamps() {
    let script = Script::new(names(250), 2);
    let mut items = script.items.lock().unwrap().clone();
    items.push(item(
        "inventory.CloudServiceType",
        &[&["name", "group", "provider"]],
        &doc! { "name": "Instance", "group": "EC2", "provider": "aws", "is_primary": true },
    ));
    items.push(item(
        "inventory.Region",
        &[&["region_code", "provider"]],
        &doc! { "name": "Virginia", "region_code": "us-east-1", "provider": "aws" },
    ));
    script.tells(items);
    let plane = Plane::start(script.clone()).await;
    let _worker = plane.worker();
    let collector = plane.collector().await;
    let (first, tasks) = plane.run(&collector).await;
    assert_eq!(first.status, JOB_SUCCESS, "{tasks:?}");
    assert_eq!(tasks[0].created_count, 250);
    let before = plane.services().await;
    let row = &before["server-7"];
    let login = &plane.backends.settings.login;
    let (domain, workspace) = (login.domain_id(), login.workspace_id());
    assert_eq!(
        row.get_str("ref_cloud_service_type").unwrap(),
        format!("{domain}.{workspace}.aws.EC2.Instance")
    );
    assert_eq!(row.get_str("project_id").unwrap(), "project-1");
    let info = row.get_document("collection_info").unwrap();
    assert_eq!(info.get_str("secret_id").unwrap(), "secret-1");
    assert!(row.get_document("metadata").unwrap().contains_key("aws"));

    let (second, tasks) = plane.run(&collector).await;
    assert_eq!(second.status, JOB_SUCCESS);
    assert_eq!((tasks[0].created_count, tasks[0].updated_count), (0, 250));
    let after = plane.services().await;
    assert!(
        after["server-7"].get_datetime("updated_at").unwrap()
            > before["server-7"].get_datetime("updated_at").unwrap()
    );
    assert_eq!(timeless(before), timeless(after));
    for collection in ["cloud_service_type", "region"] {
        let rows = plane.rows(collection).await;
        assert_eq!(rows.count_documents(doc! {}).await.unwrap(), 1);
    }
    // Initialised once: the version is the same.
    assert_eq!(*script.initialised.borrow(), 1);

    // What has changed is written, and only that; names match where references do not.
    let mut moved = server("server-7");
    let resource = moved.resource.as_mut().unwrap();
    resource.fields.remove("reference");
    resource.fields.remove("data");
    resource.fields.insert(
        "account".to_owned(),
        crate::cloudforet_support::text("5678"),
    );
    script.tells(vec![moved]);
    let (_, tasks) = plane.run(&collector).await;
    assert_eq!((tasks[0].created_count, tasks[0].updated_count), (0, 1));
    let row = plane.services().await.remove("server-7").unwrap();
    assert_eq!(row.get_str("account").unwrap(), "5678");
    assert_eq!(whole(row.get_document("data").unwrap(), "cores"), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_three_runs_in_a_row_have_missed_is_deleted() {
    let script = Script::new(names(3), 0);
    let plane = Plane::start_with(script.clone(), false, |settings| {
        settings.hour = std::time::Duration::ZERO;
    })
    .await;
    let _worker = plane.worker();
    let collector = plane.collector().await;
    plane.run(&collector).await;
    let id = |row: &Document| row.get_str("cloud_service_id").unwrap().to_owned();
    let first = id(&plane.services().await["server-2"]);
    script.tells(names(2).map(|name| server(&name)).collect());
    for (disconnected, deleted, left) in [(1, 0, 3), (1, 0, 3), (0, 1, 2)] {
        let (_, tasks) = plane.run(&collector).await;
        let counts = (tasks[0].disconnected_count, tasks[0].deleted_count);
        assert_eq!(counts, (disconnected, deleted));
        assert_eq!(plane.services().await.len(), left);
    }
    let rows = plane.rows("cloud_service").await;
    let deleted = rows
        .find_one(doc! { "state": "DELETED" })
        .await
        .unwrap()
        .unwrap();
    assert_eq!(id(&deleted), first);
    assert!(deleted.get_datetime("deleted_at").is_ok());
    // It comes again: as another resource.
    script.tells(names(3).map(|name| server(&name)).collect());
    let (_, tasks) = plane.run(&collector).await;
    assert_eq!((tasks[0].created_count, tasks[0].updated_count), (1, 2));
    assert_ne!(id(&plane.services().await["server-2"]), first);
}

#[tokio::test(flavor = "multi_thread")]
async fn within_an_hour_nothing_is_missed() {
    let script = Script::new(names(2), 0);
    let plane = Plane::start(script.clone()).await;
    let _worker = plane.worker();
    let collector = plane.collector().await;
    plane.run(&collector).await;
    script.tells(vec![server("server-0")]);
    for _ in 0..4 {
        let (_, tasks) = plane.run(&collector).await;
        assert_eq!(tasks[0].disconnected_count, 0);
    }
    assert_eq!(plane.services().await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_tells_its_part_of_the_film() {
    let plane = Plane::start(Script::new(names(1), 0)).await;
    let collector = plane.collector().await;
    let mut request = plane.request(CollectRequest {
        collector_id: collector.collector_id,
        secret_id: String::new(),
    });
    let header = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    request
        .metadata_mut()
        .insert("traceparent", header.parse().unwrap());
    let mut collectors = plane.collectors().await;
    let job = collectors.collect(request).await.unwrap().into_inner();
    let _worker = plane.worker();
    plane.ended(&job).await;
    let pushed = eventually!("the push is told", {
        let mut events = plane.backends.events.try_iter();
        events.find_map(|event| match event {
            Event::Span(span) if span.kind == SpanKind::RedisClient => Some(span),
            _ => None,
        })
    });
    assert_eq!(pushed.name, "RPUSH collector");
    assert!(pushed.outbound.is_some());
    let worked = eventually!("the work is told", {
        plane.events.try_iter().find_map(|event| match event {
            Event::Span(span) if span.kind == SpanKind::Worker => Some(span),
            _ => None,
        })
    });
    assert_eq!(
        (worked.trace, worked.parent),
        (pushed.trace, Some(pushed.id))
    );
    assert_eq!(worked.status, "OK");
    assert_eq!(worked.text("job_id"), Some(job.job_id.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn collectors_are_kept_and_jobs_are_found_by_their_state() {
    let plane = Plane::start(Script::new(names(1), 0)).await;
    let mut collectors = plane.collectors().await;
    let unknown = CreateCollectorRequest {
        name: "x".to_owned(),
        plugin_info: Some(PluginInfo {
            plugin_id: "plugin-of-nobody".to_owned(),
            ..PluginInfo::default()
        }),
        ..CreateCollectorRequest::default()
    };
    let refused = collectors.create(plane.request(unknown)).await.unwrap_err();
    assert_eq!(refused.code(), Code::NotFound);
    let collector = plane.collector().await;
    assert_eq!(collector.provider, "aws");
    assert_eq!(collector.plugin_info.as_ref().unwrap().version, "1.0");
    let schedule = |hours: Vec<i32>| UpdateCollectorRequest {
        collector_id: collector.collector_id.clone(),
        schedule: Some(Scheduled { state: 1, hours }),
        ..UpdateCollectorRequest::default()
    };
    let refused = collectors.update(plane.request(schedule(vec![24]))).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    collectors
        .update(plane.request(schedule(vec![3])))
        .await
        .unwrap();
    let query = CollectorQuery {
        schedule_state: 1,
        ..CollectorQuery::default()
    };
    let found = collectors
        .list(plane.request(query))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(found.results[0].schedule.as_ref().unwrap().hours, [3]);
    let verify = |secret_id: &str| VerifyPluginRequest {
        collector_id: collector.collector_id.clone(),
        secret_id: secret_id.to_owned(),
    };
    collectors
        .verify_plugin(plane.request(verify("")))
        .await
        .unwrap();
    let refused = collectors
        .verify_plugin(plane.request(verify("secret-9")))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::NotFound);

    let _worker = plane.worker();
    plane.run(&collector).await;
    plane.fakes.secrets.lock().unwrap().clear();
    // Without a credential there is nothing to do, and it is done.
    let job = plane.collect(&collector).await.unwrap();
    assert_eq!((job.status, job.total_tasks), (JOB_SUCCESS, 0));
    let mut jobs = JobClient::new(channel(plane.backends.inventory).await);
    for (status, count) in [(4, 2), (5, 0), (0, 2)] {
        let query = JobsQuery {
            status,
            ..JobsQuery::default()
        };
        let found = jobs.list(plane.request(query)).await.unwrap().into_inner();
        assert_eq!(found.total_count, count, "status {status}");
    }
}
