//! `User`: the people of a domain, for its administrator.

use bson::{Document, doc};
use tonic::{Request, Response, Status};

use super::{Handler, USER};
use crate::cloudforet::mongo::{date, structure, text, truth};
use crate::cloudforet::proto::identity::v2::user_info::{RoleType, State};
use crate::cloudforet::proto::identity::v2::user_search_query::State as SearchState;
use crate::cloudforet::proto::identity::v2::user_server::User;
use crate::cloudforet::proto::identity::v2::{
    AuthType, UserInfo, UserRequest, UserSearchQuery, UsersInfo,
};
use crate::cloudforet::resource::given;

#[tonic::async_trait]
impl User for Handler {
    async fn get(&self, request: Request<UserRequest>) -> Result<Response<UserInfo>, Status> {
        let claims = self.0.administrator(request.metadata()).await?;
        let user = doc! { "domain_id": claims.did, "user_id": &request.get_ref().user_id };
        let row = self.0.one(&USER, user).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<UserSearchQuery>) -> Result<Response<UsersInfo>, Status> {
        let claims = self.0.administrator(request.metadata()).await?;
        let request = request.get_ref();
        let query = request.query.clone().unwrap_or_default();
        let mut base = vec![doc! { "domain_id": claims.did }];
        base.extend(given(&[
            ("user_id", &request.user_id),
            ("name", &request.name),
            ("email", &request.email),
        ]));
        if request.state() != SearchState::None {
            base.push(doc! { "state": request.state().as_str_name() });
        }
        if request.auth_type() != AuthType::NoneBackend {
            base.push(doc! { "auth_type": request.auth_type().as_str_name() });
        }
        let (rows, total_count) = self.0.list(&USER, base, &query).await?;
        Ok(Response::new(UsersInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }
}

/// A row as a message; the password has no place in it.
pub(super) fn message(row: &Document) -> UserInfo {
    UserInfo {
        user_id: text(row, "user_id"),
        name: text(row, "name"),
        state: State::from_str_name(&text(row, "state"))
            .unwrap_or_default()
            .into(),
        email: text(row, "email"),
        email_verified: truth(row, "email_verified"),
        auth_type: AuthType::from_str_name(&text(row, "auth_type"))
            .unwrap_or_default()
            .into(),
        role_id: text(row, "role_id"),
        role_type: RoleType::from_str_name(&text(row, "role_type"))
            .unwrap_or_default()
            .into(),
        mfa: None,
        language: text(row, "language"),
        timezone: text(row, "timezone"),
        required_actions: Vec::new(),
        refresh_timeout: 0,
        tags: structure(row, "tags"),
        domain_id: text(row, "domain_id"),
        created_at: date(row, "created_at"),
        last_accessed_at: date(row, "last_accessed_at"),
    }
}
