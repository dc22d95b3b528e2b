//! `Project`: what resources of a workspace belong together.

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::{Handler, Identity, project_group, service_account_row};
use crate::cloudforet::database::{required, scope};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{Found, date, structure, text, texts, truth};
use crate::cloudforet::proto::identity::v2::project_server::Project;
use crate::cloudforet::proto::identity::v2::{
    CreateProjectRequest, ProjectInfo, ProjectRequest, ProjectSearchQuery, ProjectStatQuery,
    ProjectType, ProjectsInfo, UpdateProjectRequest,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::{Kind, changes, given};
use crate::cloudforet::settings::new_id;

pub(super) const KIND: Kind = Kind {
    collection: "project",
    id: "project_id",
    minimal: &["project_id", "name", "project_type", "project_group_id"],
    keyword: &["project_id", "name"],
};

#[tonic::async_trait]
impl Project for Handler {
    async fn create(
        &self,
        request: Request<CreateProjectRequest>,
    ) -> Result<Response<ProjectInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let workspace = caller.owned_workspace()?;
        let request = request.into_inner();
        let place = doc! { "domain_id": &caller.domain_id, "workspace_id": workspace };
        if !request.project_group_id.is_empty() {
            let group = &request.project_group_id;
            let groups = &project_group::KIND;
            self.0.database.one(groups, place.clone(), group).await?;
        }
        // Private projects have members, and there are none here but the owner.
        let kind = match request.project_type() {
            ProjectType::None => ProjectType::Public,
            given => given,
        };
        let mut row = doc! {
            "project_id": new_id("project"),
            "name": required("name", &request.name)?,
            "project_type": kind.as_str_name(),
            "tags": request.tags.as_ref().map(to_document).unwrap_or_default(),
            "users": [],
            "created_by": &caller.user_id,
            "project_group_id": &request.project_group_id,
            "created_at": DateTime::now(),
        };
        row.extend(place);
        self.0.database.rows(&KIND).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateProjectRequest>,
    ) -> Result<Response<ProjectInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        caller.owned_workspace()?;
        let request = request.into_inner();
        let scope = scope(&caller, "")?;
        let row = self
            .0
            .database
            .one(&KIND, scope, &request.project_id)
            .await?;
        let mut set = changes(&[("name", &request.name)]);
        if let Some(tags) = &request.tags {
            set.insert("tags", to_document(tags));
        }
        set.insert("updated_at", DateTime::now());
        let row = self.0.database.change(&KIND, row, set).await?;
        Ok(Response::new(message(&row)))
    }

    async fn delete(&self, request: Request<ProjectRequest>) -> Result<Response<()>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        caller.owned_workspace()?;
        let scope = scope(&caller, "")?;
        let id = &request.get_ref().project_id;
        let row = self.0.database.one(&KIND, scope.clone(), id).await?;
        let mut inside = scope;
        inside.insert("project_id", id);
        let accounts = self.0.database.rows(&service_account_row::KIND).await?;
        if accounts.find_one(inside).await?.is_some() {
            return Err(Failure::Invalid {
                key: "project_id",
                reason: "there are service accounts in it".to_owned(),
            }
            .into());
        }
        self.0.database.remove(&KIND, &row).await?;
        Ok(Response::new(()))
    }

    async fn get(&self, request: Request<ProjectRequest>) -> Result<Response<ProjectInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let scope = scope(&caller, "")?;
        let id = &request.get_ref().project_id;
        let row = self.0.database.one(&KIND, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(
        &self,
        request: Request<ProjectSearchQuery>,
    ) -> Result<Response<ProjectsInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.clone().unwrap_or_default();
        let visible = scope(&caller, &request.workspace_id)?;
        let mut base = vec![visible.clone()];
        base.extend(given(&[
            ("project_id", &request.project_id),
            ("name", &request.name),
            ("created_by", &request.created_by),
            ("users", &request.user_id),
        ]));
        if request.project_type() != ProjectType::None {
            base.push(doc! { "project_type": request.project_type().as_str_name() });
        }
        if !request.project_group_id.is_empty() {
            let mut groups = vec![request.project_group_id.clone()];
            if request.include_children {
                groups = self.0.groups_below(&visible, groups).await?;
            }
            base.push(doc! { "project_group_id": { "$in": groups } });
        }
        let (rows, total_count) = self.0.database.list(&KIND, base, &query).await?;
        Ok(Response::new(ProjectsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<ProjectStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let base = vec![scope(&caller, "")?];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&KIND, base, query).await?;
        Ok(Response::new(answer))
    }
}

impl Identity {
    /// These groups and all that are somewhere in them.
    async fn groups_below(
        &self,
        scope: &Document,
        groups: Vec<String>,
    ) -> Result<Vec<String>, Failure> {
        let rows = self.database.rows(&project_group::KIND).await?;
        let mut known = groups.clone();
        let mut parents = groups;
        while !parents.is_empty() {
            let children = Found {
                filter: doc! { "$and": [scope, { "parent_group_id": { "$in": &parents } }] },
                ..Found::default()
            };
            let found = rows.find(children).await?;
            let ids = found.iter().map(|row| text(row, project_group::KIND.id));
            parents = ids.filter(|id| !known.contains(id)).collect();
            known.extend_from_slice(&parents);
        }
        Ok(known)
    }
}

fn message(row: &Document) -> ProjectInfo {
    ProjectInfo {
        project_id: text(row, "project_id"),
        name: text(row, "name"),
        project_type: ProjectType::from_str_name(&text(row, "project_type"))
            .unwrap_or_default()
            .into(),
        tags: structure(row, "tags"),
        users: texts(row, "users"),
        created_by: text(row, "created_by"),
        is_managed: truth(row, "is_managed"),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        project_group_id: text(row, "project_group_id"),
        created_at: date(row, "created_at"),
        ..ProjectInfo::default()
    }
}
