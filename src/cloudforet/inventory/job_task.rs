//! `JobTask`: what one run of a collector did with one credential.

use std::sync::Arc;

use bson::{Bson, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::Inventory;
use super::shared::{changeable, visible};
use crate::cloudforet::collecting::JOB_TASK;
use crate::cloudforet::mongo::{date, number, structure, text};
use crate::cloudforet::proto::inventory::v1::job_task_info::JobTaskStatus as State;
use crate::cloudforet::proto::inventory::v1::job_task_query::JobTaskStatus;
use crate::cloudforet::proto::inventory::v1::job_task_server::JobTask;
use crate::cloudforet::proto::inventory::v1::{
    ErrorInfo, JobTaskInfo, JobTaskQuery, JobTaskRequest, JobTaskStatQuery, JobTasksInfo,
};
use crate::cloudforet::resource::given;

/// The service.
#[derive(Debug)]
pub(super) struct JobTasks(pub(super) Arc<Inventory>);

fn message(row: &Document) -> JobTaskInfo {
    let status = State::from_str_name(&text(row, "status"));
    let errors = row.get_array("errors").ok().into_iter().flatten();
    let error = |error: &Document| ErrorInfo {
        error_code: text(error, "error_code"),
        message: text(error, "message"),
        additional: structure(error, "additional"),
    };
    JobTaskInfo {
        job_task_id: text(row, "job_task_id"),
        status: status.unwrap_or_default().into(),
        provider: text(row, "provider"),
        created_count: number(row, "created_count"),
        updated_count: number(row, "updated_count"),
        failure_count: number(row, "failure_count"),
        deleted_count: number(row, "deleted_count"),
        disconnected_count: number(row, "disconnected_count"),
        errors: errors.filter_map(Bson::as_document).map(error).collect(),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        project_id: text(row, "project_id"),
        service_account_id: text(row, "service_account_id"),
        job_id: text(row, "job_id"),
        secret_id: text(row, "secret_id"),
        created_at: date(row, "created_at"),
        started_at: date(row, "started_at"),
        finished_at: date(row, "finished_at"),
    }
}

#[tonic::async_trait]
impl JobTask for JobTasks {
    async fn delete(&self, request: Request<JobTaskRequest>) -> Result<Response<()>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let scope = changeable(&caller)?;
        let id = &request.get_ref().job_task_id;
        let row = self.0.database.one(&JOB_TASK, scope, id).await?;
        let id = row.get("_id").cloned().unwrap_or_default();
        let rows = self.0.database.rows(&JOB_TASK).await?;
        rows.delete(doc! { "_id": id }).await?;
        Ok(Response::new(()))
    }

    async fn get(&self, request: Request<JobTaskRequest>) -> Result<Response<JobTaskInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let scope = visible(&caller, "")?;
        let id = &request.get_ref().job_task_id;
        let row = self.0.database.one(&JOB_TASK, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<JobTaskQuery>) -> Result<Response<JobTasksInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let mut base = vec![visible(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("job_task_id", &request.job_task_id),
            ("provider", &request.provider),
            ("project_id", &request.project_id),
            ("service_account_id", &request.service_account_id),
            ("job_id", &request.job_id),
            ("secret_id", &request.secret_id),
        ]));
        if request.status() != JobTaskStatus::JobTaskStateNone {
            base.push(doc! { "status": request.status().as_str_name() });
        }
        let query = request.query.unwrap_or_default();
        let (rows, total_count) = self.0.database.list(&JOB_TASK, base, &query).await?;
        Ok(Response::new(JobTasksInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<JobTaskStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let base = vec![visible(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&JOB_TASK, base, query).await?;
        Ok(Response::new(answer))
    }
}
