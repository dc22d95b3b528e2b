//! What goes wrong while collecting, and what comes of it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bson::doc;
use lab::cloudforet::proto::inventory::v1::{Scheduled, UpdateCollectorRequest};
use lab::cloudforet::scheduler;
use lab::cloudforet::telemetry::Emitter;
use lab::net::Trigger;
use tonic::Status;

use crate::collecting_plugin::{FAILED, Script, item, server};
use crate::collecting_support::{JOB_CANCELED, JOB_FAILURE, JOB_SUCCESS, Plane, TASK_FAILURE};
use crate::eventually;

fn names(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("server-{number}"))
}

async fn asked(script: &Script, times: usize) {
    let mut asked = script.asked.subscribe();
    let enough = asked.wait_for(|asked| *asked >= times);
    let limit = Duration::from_secs(30);
    tokio::time::timeout(limit, enough).await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_task_of_a_worker_that_dies_is_done_by_another() {
    let script = Script::new(names(250), 0);
    script.gate.send_replace(120);
    let plane = Plane::start(script.clone()).await;
    let collector = plane.collector().await;
    let first = plane.worker();
    let job = plane.collect(&collector).await.unwrap();
    asked(&script, 1).await;
    eventually!(
        "a batch is written",
        (plane.services().await.len() == 100).then_some(())
    );
    drop(first);
    script.gate.send_replace(usize::MAX);
    let _second = plane.worker();
    let (job, tasks) = plane.ended(&job).await;
    assert_eq!(job.status, JOB_SUCCESS, "{tasks:?}");
    assert_eq!((tasks[0].created_count, tasks[0].updated_count), (250, 0));
    assert_eq!(plane.services().await.len(), 250);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_that_is_asked_to_end_gives_its_task_back_at_once() {
    let script = Script::new(names(3), 0);
    script.gate.send_replace(0);
    let plane = Plane::start(script.clone()).await;
    let collector = plane.collector().await;
    let mut worker = plane.worker();
    let job = plane.collect(&collector).await.unwrap();
    asked(&script, 1).await;
    assert_eq!(plane.queued().await.len(), 0);
    worker.stop().await;
    assert_eq!(plane.queued().await.len(), 1);
    script.gate.send_replace(usize::MAX);
    let _other = plane.worker();
    let (job, tasks) = plane.ended(&job).await;
    assert_eq!((job.status, tasks[0].created_count), (JOB_SUCCESS, 3));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_job_cancels_the_one_under_way() {
    let script = Script::new(names(3), 2);
    script.gate.send_replace(1);
    let plane = Plane::start(script.clone()).await;
    let collector = plane.collector().await;
    let _worker = plane.worker();
    let first = plane.collect(&collector).await.unwrap();
    asked(&script, 1).await;
    let second = plane.collect(&collector).await.unwrap();
    script.gate.send_replace(usize::MAX);
    let (second, _) = plane.ended(&second).await;
    let (first, tasks) = plane.ended(&first).await;
    assert_eq!((first.status, second.status), (JOB_CANCELED, JOB_SUCCESS));
    assert_eq!(tasks[0].status, TASK_FAILURE);
    // The part under way may have ended before it looked; the other one has not begun.
    let errors = tasks[0].errors.iter();
    let codes: Vec<_> = errors.map(|error| error.error_code.as_str()).collect();
    assert_eq!(codes.last(), Some(&"ERROR_COLLECT_CANCELED"), "{codes:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn resources_that_cannot_be_written_are_told_and_the_others_are_written() {
    let script = Script::new(names(2), 0);
    let plane = Plane::start(script.clone()).await;
    let _worker = plane.worker();
    let collector = plane.collector().await;
    plane.run(&collector).await;
    // Two rows of one name, so that a rule by name means both.
    let rows = plane.rows("cloud_service").await;
    let named = doc! { "$set": { "name": "twin" } };
    rows.update_many(doc! {}, named).await.unwrap();
    let mut items = names(2).map(|name| server(&name)).collect::<Vec<_>>();
    let plain = doc! {
        "name": "twin",
        "provider": "aws",
        "cloud_service_group": "EC2",
        "cloud_service_type": "Instance",
    };
    items.push(item("inventory.CloudService", &[&["name"]], &plain));
    items.push(item("inventory.CloudService", &[], &plain));
    items.push(item(
        "inventory.CloudService",
        &[&["name"]],
        &doc! { "name": "x" },
    ));
    items.push(item("inventory.Metric", &[], &doc! {}));
    let mut failed = item(
        "inventory.ErrorResource",
        &[],
        &doc! { "resource_type": "x" },
    );
    failed.state = FAILED;
    failed.message = "no permission".to_owned();
    items.push(failed);
    script.tells(items);
    let (job, tasks) = plane.run(&collector).await;
    assert_eq!((job.status, job.failure_tasks), (JOB_FAILURE, 1));
    let task = &tasks[0];
    assert_eq!((task.status, task.failure_count), (TASK_FAILURE, 4));
    assert_eq!(task.updated_count, 2);
    let mut codes: Vec<_> = task
        .errors
        .iter()
        .map(|one| one.error_code.as_str())
        .collect();
    codes.sort_unstable();
    assert_eq!(
        codes,
        [
            "ERROR_COLLECTOR_PLUGIN",
            "ERROR_MATCH_RULE",
            "ERROR_TOO_MANY_MATCH",
            "ERROR_UNKNOWN",
        ]
    );
    let told = task
        .errors
        .iter()
        .find(|one| one.message == "no permission");
    assert!(told.unwrap().additional.is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_plugin_says_itself_is_final() {
    let script = Script::new(names(2), 0);
    let error = Status::internal("ERROR_PLUGIN: the cloud is closed");
    *script.end.lock().unwrap() = Some(error);
    let plane = Plane::start(script.clone()).await;
    let _worker = plane.worker();
    let collector = plane.collector().await;
    let (job, tasks) = plane.run(&collector).await;
    assert_eq!(job.status, JOB_FAILURE);
    assert_eq!(tasks[0].errors.len(), 1);
    assert_eq!(tasks[0].errors[0].error_code, "ERROR_PLUGIN");
    assert!(tasks[0].errors[0].message.contains("closed"));
    assert_eq!(*script.asked.borrow(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn when_a_plugin_pod_dies_another_one_is_asked() {
    let script = Script::new(names(250), 0);
    script.gate.send_replace(120);
    let plane = Plane::start(script.clone()).await;
    let collector = plane.collector().await;
    let _worker = plane.worker();
    let job = plane.collect(&collector).await.unwrap();
    asked(&script, 1).await;
    eventually!(
        "a batch is written",
        (plane.services().await.len() == 100).then_some(())
    );
    // For a while there is none at all.
    plane.fakes.pods.lock().unwrap().clear();
    script.gate.send_replace(usize::MAX);
    let pod = script.pod().await;
    plane.fakes.pods.lock().unwrap().push(pod);
    let (job, tasks) = plane.ended(&job).await;
    assert_eq!(job.status, JOB_SUCCESS, "{tasks:?}");
    assert_eq!((tasks[0].created_count, tasks[0].updated_count), (250, 0));
    assert_eq!(plane.services().await.len(), 250);
    assert_eq!(*script.asked.borrow(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_hour_is_scheduled_once_by_however_many_schedulers() {
    const HOUR: Duration = Duration::from_secs(2);
    let plane = Plane::start_with(Script::new(names(1), 0), false, |settings| {
        settings.hour = HOUR;
    })
    .await;
    let collector = plane.collector().await;
    let hourly = UpdateCollectorRequest {
        collector_id: collector.collector_id.clone(),
        schedule: Some(Scheduled {
            state: 1,
            hours: (0..24).collect(),
        }),
        ..UpdateCollectorRequest::default()
    };
    let mut collectors = plane.collectors().await;
    collectors.update(plane.request(hourly)).await.unwrap();
    let hour = || {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        usize::try_from(since.as_secs() / HOUR.as_secs()).unwrap()
    };
    let begun = hour();
    let (trigger, shutdown) = Trigger::new();
    let schedulers: Vec<_> = (0..2)
        .map(|_| {
            let (emitter, _) = Emitter::channel(1);
            tokio::spawn(scheduler::serve(
                plane.settings(),
                emitter,
                shutdown.clone(),
            ))
        })
        .collect();
    drop(shutdown);
    eventually!(
        "two hours have come",
        (plane.queued().await.len() >= 2).then_some(())
    );
    trigger.trigger();
    for scheduler in schedulers {
        scheduler.await.unwrap().unwrap();
    }
    let tasks = plane.queued().await.len();
    assert!(tasks <= hour() - begun, "{tasks} tasks");

    // A worker has the inventory run the collector.
    let _worker = plane.worker();
    let jobs = plane.rows("job").await;
    eventually!("a scheduled job has ended", {
        let ended = doc! { "status": "SUCCESS", "collector_id": &collector.collector_id };
        (jobs.count_documents(ended).await.unwrap() > 0).then_some(())
    });
    assert_eq!(plane.services().await.len(), 1);
}
