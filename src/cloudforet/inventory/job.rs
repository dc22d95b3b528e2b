//! `Job`: runs of collectors.

use std::sync::Arc;

use bson::{Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::Inventory;
use super::shared::{changeable, visible};
use crate::cloudforet::collecting::{JOB, JOB_TASK};
use crate::cloudforet::mongo::{date, number, text};
use crate::cloudforet::proto::inventory::v1::job_info::{ResourceGroup, Status as State};
use crate::cloudforet::proto::inventory::v1::job_server::Job;
use crate::cloudforet::proto::inventory::v1::jobs_query::JobStatus;
use crate::cloudforet::proto::inventory::v1::{
    JobAnalyzeQuery, JobInfo, JobRequest, JobStatQuery, JobsInfo, JobsQuery,
};
use crate::cloudforet::resource::given;

/// The service.
#[derive(Debug)]
pub(super) struct Jobs(pub(super) Arc<Inventory>);

pub(super) fn message(row: &Document) -> JobInfo {
    let status = State::from_str_name(&text(row, "status"));
    let group = ResourceGroup::from_str_name(&text(row, "resource_group"));
    JobInfo {
        job_id: text(row, "job_id"),
        status: status.unwrap_or_default().into(),
        total_tasks: number(row, "total_tasks"),
        remained_tasks: number(row, "remained_tasks"),
        success_tasks: number(row, "success_tasks"),
        failure_tasks: number(row, "failure_tasks"),
        request_secret_id: text(row, "request_secret_id"),
        request_workspace_id: text(row, "request_workspace_id"),
        resource_group: group.unwrap_or_default().into(),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        collector_id: text(row, "collector_id"),
        plugin_id: text(row, "plugin_id"),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
        finished_at: date(row, "finished_at"),
    }
}

#[tonic::async_trait]
impl Job for Jobs {
    async fn delete(&self, request: Request<JobRequest>) -> Result<Response<()>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let scope = changeable(&caller)?;
        let id = &request.get_ref().job_id;
        self.0.database.one(&JOB, scope.clone(), id).await?;
        let mut this = doc! { "domain_id": &caller.domain_id, JOB.id: id };
        let tasks = self.0.database.rows(&JOB_TASK).await?;
        tasks.delete_all(this.clone()).await?;
        this.extend(scope);
        self.0.database.rows(&JOB).await?.delete(this).await?;
        Ok(Response::new(()))
    }

    async fn get(&self, request: Request<JobRequest>) -> Result<Response<JobInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let scope = visible(&caller, "")?;
        let id = &request.get_ref().job_id;
        let row = self.0.database.one(&JOB, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<JobsQuery>) -> Result<Response<JobsInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let mut base = vec![visible(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("job_id", &request.job_id),
            ("collector_id", &request.collector_id),
            ("plugin_id", &request.plugin_id),
        ]));
        // By name: the numbers differ from those of the answer.
        if request.status() != JobStatus::JobStateNone {
            base.push(doc! { "status": request.status().as_str_name() });
        }
        let query = request.query.unwrap_or_default();
        let (rows, total_count) = self.0.database.list(&JOB, base, &query).await?;
        Ok(Response::new(JobsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn analyze(&self, request: Request<JobAnalyzeQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let base = vec![visible(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.analyze(&JOB, base, query).await?;
        Ok(Response::new(answer))
    }

    async fn stat(&self, request: Request<JobStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let base = vec![visible(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&JOB, base, query).await?;
        Ok(Response::new(answer))
    }
}
