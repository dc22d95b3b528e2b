//! `Role`: what people may do. There are the three that every domain has, and no others.

use bson::{DateTime, Document, doc};
use tonic::{Request, Response, Status};

use super::Handler;
use crate::cloudforet::database::Database;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, structure, text, texts};
use crate::cloudforet::proto::identity::v2::role_info::State;
use crate::cloudforet::proto::identity::v2::role_search_query::State as SearchState;
use crate::cloudforet::proto::identity::v2::role_server::Role;
use crate::cloudforet::proto::identity::v2::{
    RoleInfo, RoleRequest, RoleSearchQuery, RoleType, RolesInfo,
};
use crate::cloudforet::resource::{Kind, given};

pub(super) const KIND: Kind = Kind {
    collection: "role",
    id: "role_id",
    minimal: &["role_id", "name", "role_type", "state"],
    keyword: &["role_id", "name"],
};
/// The role of a domain's administrator.
pub(super) const DOMAIN_ADMIN: &str = "managed-domain-admin";

/// Makes sure that a domain has its roles.
pub(super) async fn create(database: &Database, domain: &str) -> Result<(), Failure> {
    let now = DateTime::now();
    let rows = [
        (DOMAIN_ADMIN, "Domain Admin", "DOMAIN_ADMIN"),
        (
            "managed-workspace-owner",
            "Workspace Owner",
            "WORKSPACE_OWNER",
        ),
        (
            "managed-workspace-member",
            "Workspace Member",
            "WORKSPACE_MEMBER",
        ),
    ]
    .map(|(id, name, role_type)| {
        doc! {
            "role_id": id,
            "name": name,
            "role_type": role_type,
            "permissions": [],
            "page_access": ["*"],
            "tags": {},
            "is_managed": true,
            "state": "ENABLED",
            "domain_id": domain,
            "created_at": now,
            "updated_at": now,
        }
    });
    database.rows(&KIND).await?.insert_missing(&rows).await
}

#[tonic::async_trait]
impl Role for Handler {
    async fn get(&self, request: Request<RoleRequest>) -> Result<Response<RoleInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let scope = doc! { "domain_id": caller.domain_id };
        let id = &request.get_ref().role_id;
        let row = self.0.database.one(&KIND, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<RoleSearchQuery>) -> Result<Response<RolesInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.clone().unwrap_or_default();
        let mut base = vec![doc! { "domain_id": caller.domain_id }];
        base.extend(given(&[
            ("role_id", &request.role_id),
            ("name", &request.name),
        ]));
        if request.state() != SearchState::None {
            base.push(doc! { "state": request.state().as_str_name() });
        }
        if request.role_type() != RoleType::None {
            base.push(doc! { "role_type": request.role_type().as_str_name() });
        }
        let (rows, total_count) = self.0.database.list(&KIND, base, &query).await?;
        Ok(Response::new(RolesInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    /// Upstream leaves out here what only administrators may read of a role; these have no such
    /// parts.
    async fn list_basic_role(
        &self,
        request: Request<RoleSearchQuery>,
    ) -> Result<Response<RolesInfo>, Status> {
        Role::list(self, request).await
    }
}

fn message(row: &Document) -> RoleInfo {
    RoleInfo {
        role_id: text(row, "role_id"),
        name: text(row, "name"),
        role_type: RoleType::from_str_name(&text(row, "role_type"))
            .unwrap_or_default()
            .into(),
        permissions: texts(row, "permissions"),
        page_access: texts(row, "page_access"),
        tags: structure(row, "tags"),
        is_managed: row.get_bool("is_managed").unwrap_or_default(),
        state: State::from_str_name(&text(row, "state"))
            .unwrap_or_default()
            .into(),
        domain_id: text(row, "domain_id"),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
    }
}
