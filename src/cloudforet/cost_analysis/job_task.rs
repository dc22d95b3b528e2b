//! `JobTask`: the parts of a job, one for each that the plugin divides its work into.

use bson::{Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::{Handler, job, shared_scope};
use crate::cloudforet::mongo::{date, number, structure, text};
use crate::cloudforet::proto::cost_analysis::v1::job_task_info::{
    ResourceGroup, Status as TaskStatus,
};
use crate::cloudforet::proto::cost_analysis::v1::job_task_query::Status as QueryStatus;
use crate::cloudforet::proto::cost_analysis::v1::job_task_server::JobTask;
use crate::cloudforet::proto::cost_analysis::v1::{
    JobTaskInfo, JobTaskQuery, JobTaskRequest, JobTaskStatQuery, JobTasksInfo,
};
use crate::cloudforet::resource::{Kind, given};

pub(super) const KIND: Kind = Kind {
    collection: "job_task",
    id: "job_task_id",
    minimal: &["job_task_id", "status", "job_id", "created_at"],
    keyword: &["job_task_id"],
};

#[tonic::async_trait]
impl JobTask for Handler {
    async fn get(&self, request: Request<JobTaskRequest>) -> Result<Response<JobTaskInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let scope = shared_scope(&caller, "")?;
        let id = &request.get_ref().job_task_id;
        let row = self.0.database.one(&KIND, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<JobTaskQuery>) -> Result<Response<JobTasksInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.clone().unwrap_or_default();
        let mut base = vec![shared_scope(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("job_task_id", &request.job_task_id),
            ("job_id", &request.job_id),
            ("data_source_id", &request.data_source_id),
        ]));
        if request.status() != QueryStatus::ScopeNone {
            base.push(doc! { "status": request.status().as_str_name() });
        }
        let (rows, total_count) = self.0.database.list(&KIND, base, &query).await?;
        Ok(Response::new(JobTasksInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<JobTaskStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let base = vec![shared_scope(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&KIND, base, query).await?;
        Ok(Response::new(answer))
    }
}

fn message(row: &Document) -> JobTaskInfo {
    JobTaskInfo {
        job_task_id: text(row, "job_task_id"),
        status: TaskStatus::from_str_name(&text(row, "status"))
            .unwrap_or_default()
            .into(),
        options: structure(row, "options"),
        changed: row.get_document("changed").ok().map(job::changed),
        created_count: number(row, "created_count"),
        error_code: text(row, "error_code"),
        error_message: text(row, "error_message"),
        resource_group: ResourceGroup::from_str_name(&text(row, "resource_group"))
            .unwrap_or_default()
            .into(),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        job_id: text(row, "job_id"),
        data_source_id: text(row, "data_source_id"),
        created_at: date(row, "created_at"),
        started_at: date(row, "started_at"),
        updated_at: date(row, "updated_at"),
        finished_at: date(row, "finished_at"),
    }
}
