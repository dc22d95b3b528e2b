//! `UserProfile`: what a user may know of itself with any token.

use bson::{Document, doc};
use tonic::{Request, Response, Status};

use super::{Handler, USER, WORKSPACE, user};
use crate::cloudforet::mongo::{Found, date, structure, text};
use crate::cloudforet::proto::identity::v2::my_workspace_info::{RoleType, State};
use crate::cloudforet::proto::identity::v2::user_profile_server::UserProfile;
use crate::cloudforet::proto::identity::v2::{
    MyWorkspaceInfo, MyWorkspacesInfo, UserInfo, UserProfileRequest,
};

#[tonic::async_trait]
impl UserProfile for Handler {
    async fn get(
        &self,
        request: Request<UserProfileRequest>,
    ) -> Result<Response<UserInfo>, Status> {
        let claims = self.0.claims(request.metadata()).await?;
        let filter = doc! { "domain_id": claims.did, "user_id": claims.aud };
        let row = self.0.one(&USER, filter).await?;
        Ok(Response::new(user::message(&row)))
    }

    async fn get_workspaces(
        &self,
        request: Request<UserProfileRequest>,
    ) -> Result<Response<MyWorkspacesInfo>, Status> {
        let claims = self.0.claims(request.metadata()).await?;
        let filter = doc! { "domain_id": &claims.did, "user_id": claims.aud };
        let user = self.0.one(&USER, filter).await?;
        // Nobody but the administrator is a member anywhere yet.
        let mut rows = Vec::new();
        if text(&user, "role_type") == "DOMAIN_ADMIN" {
            let found = Found {
                filter: doc! { "domain_id": claims.did, "state": "ENABLED" },
                sort: Some(doc! { "name": 1 }),
                ..Found::default()
            };
            rows = self.0.database.rows(&WORKSPACE).await?.find(found).await?;
        }
        let results: Vec<_> = rows.iter().map(|row| message(row, &user)).collect();
        Ok(Response::new(MyWorkspacesInfo {
            total_count: i32::try_from(results.len()).unwrap_or(i32::MAX),
            results,
        }))
    }
}

fn message(row: &Document, user: &Document) -> MyWorkspaceInfo {
    MyWorkspaceInfo {
        workspace_id: text(row, "workspace_id"),
        name: text(row, "name"),
        state: State::from_str_name(&text(row, "state"))
            .unwrap_or_default()
            .into(),
        role_name: "Domain Admin".to_owned(),
        role_type: RoleType::DomainAdmin.into(),
        tags: structure(row, "tags"),
        created_by: text(row, "created_by"),
        reference_id: text(row, "reference_id"),
        is_managed: false,
        is_dormant: false,
        domain_id: text(row, "domain_id"),
        role_id: text(user, "role_id"),
        created_at: date(row, "created_at"),
        last_synced_at: String::new(),
        dormant_updated_at: String::new(),
    }
}
