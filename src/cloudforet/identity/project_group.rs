//! `ProjectGroup`: groups of projects, and of groups.

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::{Handler, project};
use crate::cloudforet::database::{required, scope};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, structure, text, texts, truth};
use crate::cloudforet::proto::identity::v2::project_group_server::ProjectGroup;
use crate::cloudforet::proto::identity::v2::{
    CreateProjectGroupRequest, ProjectGroupInfo, ProjectGroupRequest, ProjectGroupSearchQuery,
    ProjectGroupStatQuery, ProjectGroupsInfo, UpdateProjectGroupRequest,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::{Kind, changes, given};
use crate::cloudforet::settings::new_id;

pub(super) const KIND: Kind = Kind {
    collection: "project_group",
    id: "project_group_id",
    minimal: &["project_group_id", "name", "parent_group_id"],
    keyword: &["project_group_id", "name"],
};

#[tonic::async_trait]
impl ProjectGroup for Handler {
    async fn create(
        &self,
        request: Request<CreateProjectGroupRequest>,
    ) -> Result<Response<ProjectGroupInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let workspace = caller.owned_workspace()?;
        let request = request.into_inner();
        let place = doc! { "domain_id": &caller.domain_id, "workspace_id": workspace };
        if !request.parent_group_id.is_empty() {
            let parent = &request.parent_group_id;
            self.0.database.one(&KIND, place.clone(), parent).await?;
        }
        let mut row = doc! {
            "project_group_id": new_id("pg"),
            "name": required("name", &request.name)?,
            "tags": request.tags.as_ref().map(to_document).unwrap_or_default(),
            "users": [],
            "parent_group_id": &request.parent_group_id,
            "created_by": &caller.user_id,
            "created_at": DateTime::now(),
        };
        row.extend(place);
        self.0.database.rows(&KIND).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateProjectGroupRequest>,
    ) -> Result<Response<ProjectGroupInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        caller.owned_workspace()?;
        let request = request.into_inner();
        let scope = scope(&caller, "")?;
        let id = &request.project_group_id;
        let row = self.0.database.one(&KIND, scope, id).await?;
        let mut set = changes(&[("name", &request.name)]);
        if let Some(tags) = &request.tags {
            set.insert("tags", to_document(tags));
        }
        set.insert("updated_at", DateTime::now());
        let row = self.0.database.change(&KIND, row, set).await?;
        Ok(Response::new(message(&row)))
    }

    async fn delete(&self, request: Request<ProjectGroupRequest>) -> Result<Response<()>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        caller.owned_workspace()?;
        let scope = scope(&caller, "")?;
        let id = &request.get_ref().project_group_id;
        let row = self.0.database.one(&KIND, scope.clone(), id).await?;
        for (kind, key) in [
            (&project::KIND, "project_group_id"),
            (&KIND, "parent_group_id"),
        ] {
            let mut inside = scope.clone();
            inside.insert(key, id);
            if self
                .0
                .database
                .rows(kind)
                .await?
                .find_one(inside)
                .await?
                .is_some()
            {
                return Err(Failure::Invalid {
                    key: KIND.id,
                    reason: "the group is not empty".to_owned(),
                }
                .into());
            }
        }
        self.0.database.remove(&KIND, &row).await?;
        Ok(Response::new(()))
    }

    async fn get(
        &self,
        request: Request<ProjectGroupRequest>,
    ) -> Result<Response<ProjectGroupInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let scope = scope(&caller, "")?;
        let id = &request.get_ref().project_group_id;
        let row = self.0.database.one(&KIND, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(
        &self,
        request: Request<ProjectGroupSearchQuery>,
    ) -> Result<Response<ProjectGroupsInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.unwrap_or_default();
        let mut base = vec![scope(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("project_group_id", &request.project_group_id),
            ("name", &request.name),
            ("parent_group_id", &request.parent_group_id),
        ]));
        let (rows, total_count) = self.0.database.list(&KIND, base, &query).await?;
        Ok(Response::new(ProjectGroupsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(
        &self,
        request: Request<ProjectGroupStatQuery>,
    ) -> Result<Response<Struct>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let base = vec![scope(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&KIND, base, query).await?;
        Ok(Response::new(answer))
    }
}

fn message(row: &Document) -> ProjectGroupInfo {
    ProjectGroupInfo {
        project_group_id: text(row, "project_group_id"),
        name: text(row, "name"),
        tags: structure(row, "tags"),
        users: texts(row, "users"),
        is_managed: truth(row, "is_managed"),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        parent_group_id: text(row, "parent_group_id"),
        created_at: date(row, "created_at"),
        ..ProjectGroupInfo::default()
    }
}
