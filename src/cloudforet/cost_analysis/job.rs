//! `Job`: one synchronisation of a data source, and the row it is.
//!
//! While a job is in progress the field `running` holds its data source, and afterwards its own id;
//! a unique index over it lets a data source have one job at a time, whoever begins them.
//! `claimed_until` says until when some pod answers for it, see [`super::sync`].

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::{CostAnalysis, Handler, may_change, shared_scope};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, number, structure, text};
use crate::cloudforet::proto::cost_analysis::v1::job_info::{ResourceGroup, Status as JobStatus};
use crate::cloudforet::proto::cost_analysis::v1::job_query::Status as QueryStatus;
use crate::cloudforet::proto::cost_analysis::v1::job_server::Job;
use crate::cloudforet::proto::cost_analysis::v1::{
    ChangedInfo, JobInfo, JobQuery, JobRequest, JobStatQuery, JobsInfo,
};
use crate::cloudforet::resource::{Kind, given};
use crate::cloudforet::settings::new_id;
use crate::cloudforet::telemetry;

pub(super) const KIND: Kind = Kind {
    collection: "job",
    id: "job_id",
    minimal: &["job_id", "status", "data_source_id", "created_at"],
    keyword: &["job_id"],
};

/// Begins a job of a data source, or gives the one that is in progress.
pub(super) async fn begin(
    service: &CostAnalysis,
    source: &Document,
    start: &str,
) -> Result<Document, Failure> {
    if text(source, "data_source_type") == "LOCAL" {
        return Err(Failure::Invalid {
            key: "data_source_id",
            reason: "a local data source has no plugin to ask".to_owned(),
        });
    }
    let now = DateTime::now();
    let row = doc! {
        "job_id": new_id("job"),
        "status": "IN_PROGRESS",
        "options": { "start": start },
        "total_tasks": 0,
        "remained_tasks": 0,
        "changed": [],
        "resource_group": text(source, "resource_group"),
        "domain_id": text(source, "domain_id"),
        "workspace_id": text(source, "workspace_id"),
        "data_source_id": text(source, "data_source_id"),
        "running": text(source, "data_source_id"),
        // Nobody's yet.
        "claimed_until": DateTime::from_millis(0),
        "attempts": 0,
        "traceparent": telemetry::current().map(|header| header.to_string()),
        "created_at": now,
        "updated_at": now,
    };
    let rows = service.database.rows(&KIND).await?;
    match rows.insert(&row).await {
        Ok(()) => {
            service.new_job.notify_one();
            Ok(row)
        }
        Err(Failure::Exists(key)) => {
            let running = doc! { "running": text(source, "data_source_id") };
            // It may have ended in between; then the caller may ask again.
            let running = rows.find_one(running).await?;
            running.ok_or(Failure::Exists(key))
        }
        Err(failure) => Err(failure),
    }
}

#[tonic::async_trait]
impl Job for Handler {
    /// The pod that works on the job notices within seconds; costs that it has written stay.
    async fn cancel(&self, request: Request<JobRequest>) -> Result<Response<JobInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let scope = shared_scope(&caller, "")?;
        let id = &request.get_ref().job_id;
        let row = self.0.database.one(&KIND, scope.clone(), id).await?;
        may_change(&caller, &row)?;
        let now = DateTime::now();
        let set = doc! {
            "status": "CANCELED", "running": id, "updated_at": now, "finished_at": now,
        };
        let running = doc! { "job_id": id, "status": "IN_PROGRESS" };
        let rows = self.0.database.rows(&KIND).await?;
        if rows.update(running, doc! { "$set": set }).await? == 0 {
            return Err(Failure::Invalid {
                key: "job_id",
                reason: format!("the job is not in progress but {}", text(&row, "status")),
            }
            .into());
        }
        let row = self.0.database.one(&KIND, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn get(&self, request: Request<JobRequest>) -> Result<Response<JobInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let scope = shared_scope(&caller, "")?;
        let id = &request.get_ref().job_id;
        let row = self.0.database.one(&KIND, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<JobQuery>) -> Result<Response<JobsInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.clone().unwrap_or_default();
        let mut base = vec![shared_scope(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("job_id", &request.job_id),
            ("data_source_id", &request.data_source_id),
        ]));
        if request.status() != QueryStatus::ScopeNone {
            base.push(doc! { "status": request.status().as_str_name() });
        }
        let (rows, total_count) = self.0.database.list(&KIND, base, &query).await?;
        Ok(Response::new(JobsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<JobStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let base = vec![shared_scope(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&KIND, base, query).await?;
        Ok(Response::new(answer))
    }
}

/// A period that was replaced.
pub(super) fn changed(row: &Document) -> ChangedInfo {
    ChangedInfo {
        start: text(row, "start"),
        end: text(row, "end"),
        filter: structure(row, "filter"),
    }
}

pub(super) fn message(row: &Document) -> JobInfo {
    let periods = row.get_array("changed").map(Vec::as_slice);
    JobInfo {
        job_id: text(row, "job_id"),
        status: JobStatus::from_str_name(&text(row, "status"))
            .unwrap_or_default()
            .into(),
        options: structure(row, "options"),
        error_code: text(row, "error_code"),
        error_message: text(row, "error_message"),
        total_tasks: number(row, "total_tasks"),
        remained_tasks: number(row, "remained_tasks"),
        changed: periods
            .unwrap_or_default()
            .iter()
            .filter_map(|period| period.as_document().map(changed))
            .collect(),
        synced_accounts: Vec::new(),
        resource_group: ResourceGroup::from_str_name(&text(row, "resource_group"))
            .unwrap_or_default()
            .into(),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        data_source_id: text(row, "data_source_id"),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
        finished_at: date(row, "finished_at"),
    }
}
