//! `Workspace`: the parts of a domain.

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::{Handler, Identity, WORKSPACE, project, project_group, service_account_row};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::database::{required, scope};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, structure, text};
use crate::cloudforet::proto::identity::v2::workspace_info::State;
use crate::cloudforet::proto::identity::v2::workspace_search_query::State as SearchState;
use crate::cloudforet::proto::identity::v2::workspace_server::Workspace;
use crate::cloudforet::proto::identity::v2::{
    CreateWorkSpaceRequest, UpdateWorkSpaceRequest, WorkspaceDeleteRequest, WorkspaceInfo,
    WorkspaceRequest, WorkspaceSearchQuery, WorkspaceStatQuery, WorkspacesInfo,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::{changes, given};
use crate::cloudforet::settings::new_id;

#[tonic::async_trait]
impl Workspace for Handler {
    async fn create(
        &self,
        request: Request<CreateWorkSpaceRequest>,
    ) -> Result<Response<WorkspaceInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let request = request.into_inner();
        let row = doc! {
            "workspace_id": new_id("workspace"),
            "name": required("name", &request.name)?,
            "state": "ENABLED",
            "tags": request.tags.as_ref().map(to_document).unwrap_or_default(),
            "created_by": &caller.user_id,
            "domain_id": &caller.domain_id,
            "created_at": DateTime::now(),
        };
        self.0.database.rows(&WORKSPACE).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateWorkSpaceRequest>,
    ) -> Result<Response<WorkspaceInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let request = request.into_inner();
        let mut set = changes(&[("name", &request.name)]);
        if let Some(tags) = &request.tags {
            set.insert("tags", to_document(tags));
        }
        let id = &request.workspace_id;
        Ok(Response::new(
            self.0.change_workspace(&caller, id, set).await?,
        ))
    }

    async fn delete(
        &self,
        request: Request<WorkspaceDeleteRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let request = request.into_inner();
        let id = &request.workspace_id;
        let domain = doc! { "domain_id": &caller.domain_id };
        let row = self.0.database.one(&WORKSPACE, domain, id).await?;
        let inside = doc! { "domain_id": &caller.domain_id, "workspace_id": id };
        if !request.force {
            for kind in [&project::KIND, &service_account_row::KIND] {
                let rows = self.0.database.rows(kind).await?;
                if rows.find_one(inside.clone()).await?.is_some() {
                    return Err(Failure::Invalid {
                        key: "workspace_id",
                        reason: "it has projects or service accounts; force deletes them too"
                            .to_owned(),
                    }
                    .into());
                }
            }
        }
        self.0.delete_accounts(inside.clone()).await?;
        for kind in [&project::KIND, &project_group::KIND] {
            self.0
                .database
                .rows(kind)
                .await?
                .delete_all(inside.clone())
                .await?;
        }
        self.0.database.remove(&WORKSPACE, &row).await?;
        Ok(Response::new(()))
    }

    async fn enable(
        &self,
        request: Request<WorkspaceRequest>,
    ) -> Result<Response<WorkspaceInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let id = &request.get_ref().workspace_id;
        let set = doc! { "state": "ENABLED" };
        Ok(Response::new(
            self.0.change_workspace(&caller, id, set).await?,
        ))
    }

    /// No tokens are given for a workspace that is disabled; those that are out live on to their end.
    async fn disable(
        &self,
        request: Request<WorkspaceRequest>,
    ) -> Result<Response<WorkspaceInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let id = &request.get_ref().workspace_id;
        let set = doc! { "state": "DISABLED" };
        Ok(Response::new(
            self.0.change_workspace(&caller, id, set).await?,
        ))
    }

    async fn get(
        &self,
        request: Request<WorkspaceRequest>,
    ) -> Result<Response<WorkspaceInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let id = &request.get_ref().workspace_id;
        caller.visible_workspace(id)?;
        let workspace = doc! { "domain_id": caller.domain_id, "workspace_id": id };
        let row = self.0.one(&WORKSPACE, workspace).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(
        &self,
        request: Request<WorkspaceSearchQuery>,
    ) -> Result<Response<WorkspacesInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.get_ref();
        let query = request.query.clone().unwrap_or_default();
        let mut base = vec![doc! { "domain_id": &caller.domain_id }];
        let visible = caller
            .visible_workspace(&request.workspace_id)?
            .unwrap_or_default();
        base.extend(given(&[
            ("workspace_id", visible),
            ("name", &request.name),
            ("created_by", &request.created_by),
            ("workspace_group_id", &request.workspace_group_id),
        ]));
        if request.state() != SearchState::None {
            base.push(doc! { "state": request.state().as_str_name() });
        }
        for (key, asked) in [
            ("is_managed", request.is_managed),
            ("is_dormant", request.is_dormant),
        ] {
            // False cannot be told from not given; nothing here is either.
            base.extend(asked.then(|| doc! { key: true }));
        }
        let (rows, total_count) = self.0.database.list(&WORKSPACE, base, &query).await?;
        Ok(Response::new(WorkspacesInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<WorkspaceStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let base = vec![scope(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&WORKSPACE, base, query).await?;
        Ok(Response::new(answer))
    }
}

impl Identity {
    async fn change_workspace(
        &self,
        caller: &Caller,
        id: &str,
        mut set: Document,
    ) -> Result<WorkspaceInfo, Failure> {
        let domain = doc! { "domain_id": &caller.domain_id };
        let row = self.database.one(&WORKSPACE, domain, id).await?;
        set.insert("changed_at", DateTime::now());
        let row = self.database.change(&WORKSPACE, row, set).await?;
        Ok(message(&row))
    }
}

fn message(row: &Document) -> WorkspaceInfo {
    WorkspaceInfo {
        workspace_id: text(row, "workspace_id"),
        name: text(row, "name"),
        state: State::from_str_name(&text(row, "state"))
            .unwrap_or_default()
            .into(),
        tags: structure(row, "tags"),
        created_by: text(row, "created_by"),
        domain_id: text(row, "domain_id"),
        created_at: date(row, "created_at"),
        changed_at: date(row, "changed_at"),
        ..WorkspaceInfo::default()
    }
}
