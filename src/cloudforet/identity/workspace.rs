//! `Workspace`: the parts of a domain.

use bson::{Document, doc};
use tonic::{Request, Response, Status};

use super::{Handler, WORKSPACE};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::mongo::{date, structure, text};
use crate::cloudforet::proto::identity::v2::workspace_info::State;
use crate::cloudforet::proto::identity::v2::workspace_search_query::State as SearchState;
use crate::cloudforet::proto::identity::v2::workspace_server::Workspace;
use crate::cloudforet::proto::identity::v2::{
    WorkspaceInfo, WorkspaceRequest, WorkspaceSearchQuery, WorkspacesInfo,
};
use crate::cloudforet::resource::given;

#[tonic::async_trait]
impl Workspace for Handler {
    async fn get(
        &self,
        request: Request<WorkspaceRequest>,
    ) -> Result<Response<WorkspaceInfo>, Status> {
        let caller = Caller::try_from(self.0.claims(request.metadata()).await?)?;
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
        let caller = Caller::try_from(self.0.claims(request.metadata()).await?)?;
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
        let (rows, total_count) = self.0.list(&WORKSPACE, base, &query).await?;
        Ok(Response::new(WorkspacesInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
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
        ..WorkspaceInfo::default()
    }
}
