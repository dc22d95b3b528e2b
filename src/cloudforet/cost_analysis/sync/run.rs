//! One attempt at a job: asks the plugin for its tasks, then does them one after another.

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::Status;

use super::costs::{Costs, SeenKeys};
use super::{Plugin, Secret, error_of, secrets_of};
use crate::cloudforet::cost_analysis::{CostAnalysis, data_source_row, job, job_task};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, text, texts};
use crate::cloudforet::proto::cost_analysis::plugin::{ChangedInfo, TaskInfo};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::settings::new_id;

/// The tasks for one secret.
struct Share {
    secret: Secret,
    tasks: Vec<Task>,
}

struct Task {
    id: String,
    options: Struct,
    period: ChangedInfo,
}

/// Does a job. `Some` is why one of its tasks failed, which leaves the others' work standing.
pub(super) async fn run(service: &CostAnalysis, job: &Document) -> Result<Option<Status>, Failure> {
    let scope = doc! { "domain_id": text(job, "domain_id") };
    let source = text(job, "data_source_id");
    let sources = &data_source_row::KIND;
    let source = service.database.one(sources, scope, &source).await?;
    let plugin = Plugin::of(service, &source).await?;
    let metadata = plugin.init().await?;
    let shares = divide(service, job, &source, &plugin).await?;
    let mut seen = SeenKeys::default();
    let mut problem = None;
    for share in &shares {
        let mut costs = Costs::new(service, job, &share.secret);
        let mut failed = false;
        for task in &share.tasks {
            if let Err(status) = run_task(service, &source, &mut costs, task, &mut seen).await? {
                failed = true;
                problem.get_or_insert(status);
            }
            count_down(service, job).await?;
        }
        if !failed {
            let periods: Vec<_> = share.tasks.iter().map(|task| task.period.clone()).collect();
            costs.delete_gone(&periods).await?;
        }
    }
    let mut set = doc! {
        "plugin_info.metadata": data_source_row::object(metadata.as_ref()),
        "updated_at": DateTime::now(),
    };
    if problem.is_none() {
        // When it began: what is billed meanwhile belongs to the next time.
        set.insert(
            "last_synchronized_at",
            job.get("created_at").cloned().unwrap_or_default(),
        );
    }
    for (key, mut keys) in [
        ("cost_tag_keys", seen.tags),
        ("cost_additional_info_keys", seen.additional_info),
        ("cost_data_keys", seen.data),
    ] {
        keys.extend(texts(&source, key));
        set.insert(key, keys.into_iter().collect::<Vec<_>>());
    }
    service.database.change(sources, source, set).await?;
    Ok(problem)
}

/// Asks the plugin how it divides its work, and writes that down.
async fn divide(
    service: &CostAnalysis,
    job: &Document,
    source: &Document,
    plugin: &Plugin,
) -> Result<Vec<Share>, Failure> {
    let start = job
        .get_document("options")
        .map(|options| text(options, "start"))
        .unwrap_or_default();
    let last = match start.as_str() {
        "" => date(source, "last_synchronized_at"),
        _ => String::new(),
    };
    let mut shares = Vec::new();
    for secret in secrets_of(service, source).await? {
        let told = plugin.tasks(&secret, &start, &last).await?;
        let mut tasks = Vec::new();
        for (
            index,
            TaskInfo {
                task_options,
                task_changed,
            },
        ) in told.tasks.into_iter().enumerate()
        {
            let period = task_changed.or_else(|| told.changed.get(index).cloned());
            tasks.push(Task {
                id: new_id("job-task"),
                options: task_options.unwrap_or_default(),
                period: period.unwrap_or_default(),
            });
        }
        shares.push(Share { secret, tasks });
    }
    let tasks: Vec<Document> = shares
        .iter()
        .flat_map(|share| share.tasks.iter())
        .map(|task| task.row(job))
        .collect();
    let rows = service.database.rows(&job_task::KIND).await?;
    // An earlier attempt's.
    rows.delete_all(doc! { "job_id": text(job, "job_id") })
        .await?;
    if !tasks.is_empty() {
        rows.insert_missing(&tasks).await?;
    }
    let periods = tasks
        .iter()
        .filter_map(|task| task.get_document("changed").ok().cloned());
    let count = i32::try_from(tasks.len()).unwrap_or(i32::MAX);
    let set = doc! {
        "total_tasks": count,
        "remained_tasks": count,
        "changed": periods.collect::<Vec<_>>(),
        "updated_at": DateTime::now(),
    };
    let jobs = service.database.rows(&job::KIND).await?;
    let this = doc! { "job_id": text(job, "job_id") };
    jobs.update(this, doc! { "$set": set }).await?;
    Ok(shares)
}

/// Does one task. The inner error is the task's own, and written down; the outer one is the job's.
async fn run_task(
    service: &CostAnalysis,
    source: &Document,
    costs: &mut Costs<'_>,
    task: &Task,
    seen: &mut SeenKeys,
) -> Result<Result<(), Status>, Failure> {
    let rows = service.database.rows(&job_task::KIND).await?;
    let this = doc! { "job_task_id": &task.id };
    let now = DateTime::now();
    let begun = doc! { "status": "IN_PROGRESS", "started_at": now, "updated_at": now };
    rows.update(this.clone(), doc! { "$set": begun }).await?;
    let fetched = async {
        // Another pod of the plugin for each task, so that they share the work.
        let plugin = Plugin::of(service, source).await?;
        costs.fetch(&plugin, task.options.clone(), seen).await
    };
    let fetched: Result<usize, Status> = fetched.await.map_err(Status::from);
    let now = DateTime::now();
    let mut ended = doc! { "updated_at": now, "finished_at": now };
    match &fetched {
        Ok(count) => {
            ended.insert("status", "SUCCESS");
            ended.insert("created_count", i32::try_from(*count).unwrap_or(i32::MAX));
        }
        Err(status) => {
            ended.insert("status", "FAILURE");
            ended.extend(error_of(status));
        }
    }
    rows.update(this, doc! { "$set": ended }).await?;
    Ok(fetched.map(drop))
}

async fn count_down(service: &CostAnalysis, job: &Document) -> Result<(), Failure> {
    let jobs = service.database.rows(&job::KIND).await?;
    let this = doc! { "job_id": text(job, "job_id") };
    let one_less = doc! {
        "$inc": { "remained_tasks": -1 }, "$set": { "updated_at": DateTime::now() },
    };
    jobs.update(this, one_less).await.map(drop)
}

impl Task {
    fn row(&self, job: &Document) -> Document {
        let now = DateTime::now();
        let mut period = doc! { "start": &self.period.start, "end": &self.period.end };
        if let Some(filter) = &self.period.filter {
            period.insert("filter", to_document(filter));
        }
        doc! {
            "job_task_id": &self.id,
            "status": "PENDING",
            "options": to_document(&self.options),
            "changed": period,
            "created_count": 0,
            "resource_group": text(job, "resource_group"),
            "domain_id": text(job, "domain_id"),
            "workspace_id": text(job, "workspace_id"),
            "job_id": text(job, "job_id"),
            "data_source_id": text(job, "data_source_id"),
            "created_at": now,
            "updated_at": now,
        }
    }
}
