//! `User`: the people of a domain, for its administrator.

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::{Handler, Identity, USER, password};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::database::required;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, structure, text, truth};
use crate::cloudforet::proto::identity::v2::user_info::{RoleType, State};
use crate::cloudforet::proto::identity::v2::user_search_query::State as SearchState;
use crate::cloudforet::proto::identity::v2::user_server::User;
use crate::cloudforet::proto::identity::v2::{
    AuthType, CreateUserRequest, UpdateUserRequest, UserInfo, UserRequest, UserSearchQuery,
    UserStatQuery, UsersInfo,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::{changes, given};

#[tonic::async_trait]
impl User for Handler {
    async fn create(
        &self,
        request: Request<CreateUserRequest>,
    ) -> Result<Response<UserInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let request = request.into_inner();
        let row = new_row(&caller, &request).await?;
        self.0.database.rows(&USER).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateUserRequest>,
    ) -> Result<Response<UserInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let request = request.into_inner();
        let [mfa, kind] = [&request.enforce_mfa_state, &request.enforce_mfa_type];
        unsupported(request.reset_password, mfa, kind)?;
        let mut set = changes(&[
            ("name", &request.name),
            ("email", &request.email),
            ("language", &request.language),
            ("timezone", &request.timezone),
        ]);
        if let Some(tags) = &request.tags {
            set.insert("tags", to_document(tags));
        }
        if !request.password.is_empty() {
            password::acceptable(&request.password)?;
            set.insert("password", password::hash(&request.password).await?);
        }
        let id = &request.user_id;
        Ok(Response::new(self.0.change_user(&caller, id, set).await?))
    }

    async fn enable(&self, request: Request<UserRequest>) -> Result<Response<UserInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let id = &request.get_ref().user_id;
        let set = doc! { "state": "ENABLED" };
        Ok(Response::new(self.0.change_user(&caller, id, set).await?))
    }

    /// Who is disabled gets no more tokens; those that are out live on to their end.
    async fn disable(&self, request: Request<UserRequest>) -> Result<Response<UserInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let id = &request.get_ref().user_id;
        not_oneself(&caller, id)?;
        let set = doc! { "state": "DISABLED" };
        Ok(Response::new(self.0.change_user(&caller, id, set).await?))
    }

    async fn delete(&self, request: Request<UserRequest>) -> Result<Response<()>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let id = &request.get_ref().user_id;
        not_oneself(&caller, id)?;
        let user = doc! { "domain_id": caller.domain_id, "user_id": id };
        let row = self.0.one(&USER, user).await?;
        self.0.database.remove(&USER, &row).await?;
        Ok(Response::new(()))
    }

    async fn get(&self, request: Request<UserRequest>) -> Result<Response<UserInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let user = doc! { "domain_id": caller.domain_id, "user_id": &request.get_ref().user_id };
        let row = self.0.one(&USER, user).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<UserSearchQuery>) -> Result<Response<UsersInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let request = request.get_ref();
        let query = request.query.clone().unwrap_or_default();
        let mut base = vec![doc! { "domain_id": caller.domain_id }];
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
        let (rows, total_count) = self.0.database.list(&USER, base, &query).await?;
        Ok(Response::new(UsersInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<UserStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let base = vec![doc! { "domain_id": caller.domain_id }];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&USER, base, query).await?;
        Ok(Response::new(answer))
    }
}

impl Identity {
    async fn change_user(
        &self,
        caller: &Caller,
        id: &str,
        mut set: Document,
    ) -> Result<UserInfo, Failure> {
        let user = doc! { "domain_id": &caller.domain_id, "user_id": required("user_id", id)? };
        set.insert("updated_at", DateTime::now());
        // Untold, for a password may be in it.
        let users = self.database.rows(&USER).await?;
        users.set_untold(user.clone(), set, false).await?;
        Ok(message(&self.one(&USER, user).await?))
    }
}

/// Whoever could lock out itself might be the last who can let anybody in.
fn not_oneself(caller: &Caller, user: &str) -> Result<(), Failure> {
    if caller.is_system() || caller.user_id != user {
        return Ok(());
    }
    Err(Failure::Invalid {
        key: "user_id",
        reason: "is the caller".to_owned(),
    })
}

fn unsupported(reset_password: bool, mfa_state: &str, mfa_type: &str) -> Result<(), Failure> {
    let refuse = |key, reason: &str| {
        Err(Failure::Invalid {
            key,
            reason: reason.to_owned(),
        })
    };
    if reset_password {
        return refuse("reset_password", "there is no mail to send a link by");
    }
    if !mfa_state.is_empty() || !mfa_type.is_empty() {
        return refuse("enforce_mfa_state", "there is no second factor here");
    }
    Ok(())
}

/// A new user, who may sign in and see its own profile.
async fn new_row(caller: &Caller, request: &CreateUserRequest) -> Result<Document, Failure> {
    let [mfa, kind] = [&request.enforce_mfa_state, &request.enforce_mfa_type];
    unsupported(request.reset_password, mfa, kind)?;
    let user_id = required("user_id", &request.user_id)?;
    if request.auth_type() == AuthType::External {
        return Err(Failure::Invalid {
            key: "auth_type",
            reason: "only LOCAL is supported".to_owned(),
        });
    }
    password::acceptable(required("password", &request.password)?)?;
    let or =
        |given: &str, otherwise: &str| if given.is_empty() { otherwise } else { given }.to_owned();
    Ok(doc! {
        "user_id": user_id,
        "password": password::hash(&request.password).await?,
        "name": &request.name,
        "state": "ENABLED",
        "email": &request.email,
        "email_verified": false,
        "auth_type": "LOCAL",
        "role_id": "",
        "role_type": "USER",
        "language": or(&request.language, "en"),
        "timezone": or(&request.timezone, "UTC"),
        "tags": request.tags.as_ref().map(to_document).unwrap_or_default(),
        "domain_id": &caller.domain_id,
        "created_at": DateTime::now(),
    })
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
