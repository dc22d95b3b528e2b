//! `Token`: signing in, and tokens for a scope.
//!
//! `issue` gives a token for the user's own profile and a refresh token; `grant` takes the refresh
//! token and gives one for a domain or a workspace. Nothing else opens the inventory.

use bson::{DateTime, Document, doc};
use tonic::{Request, Response, Status};

use super::attempts::Attempts;
use super::sign::{Grant, sign};
use super::{DOMAIN, Handler, Identity, USER, WORKSPACE, password};
use crate::cloudforet::auth::{ACCESS, REFRESH, invalid};
use crate::cloudforet::database::required;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;
use crate::cloudforet::proto::identity::v2::grant_token_info::RoleType;
use crate::cloudforet::proto::identity::v2::grant_token_request::{GrantType, Scope};
use crate::cloudforet::proto::identity::v2::issue_token_request::AuthType;
use crate::cloudforet::proto::identity::v2::token_server::Token;
use crate::cloudforet::proto::identity::v2::{
    GrantTokenInfo, GrantTokenRequest, IssueTokenRequest, TokenInfo,
};
use crate::cloudforet::query::value::text_of;

/// Seconds, as in the real service.
const ACCESS_LIFETIME: u64 = 1_800;
const REFRESH_LIFETIME: u64 = 10_800;
/// What a caller may ask for at most.
const LONGEST_LIFETIME: u64 = 604_800;

#[tonic::async_trait]
impl Token for Handler {
    async fn issue(
        &self,
        request: Request<IssueTokenRequest>,
    ) -> Result<Response<TokenInfo>, Status> {
        Ok(Response::new(issue(&self.0, request.get_ref()).await?))
    }

    async fn grant(
        &self,
        request: Request<GrantTokenRequest>,
    ) -> Result<Response<GrantTokenInfo>, Status> {
        Ok(Response::new(grant(&self.0, request.get_ref()).await?))
    }
}

async fn issue(identity: &Identity, request: &IssueTokenRequest) -> Result<TokenInfo, Failure> {
    let domain = required("domain_id", &request.domain_id)?;
    if request.auth_type() != AuthType::Local {
        return Err(Failure::Invalid {
            key: "auth_type",
            reason: "only LOCAL is supported".to_owned(),
        });
    }
    let credentials = request
        .credentials
        .as_ref()
        .ok_or(Failure::Required("credentials"))?;
    let credential = |key| text_of(credentials, key).unwrap_or_default();
    let user = required("credentials.user_id", credential("user_id"))?;
    let password = required("credentials.password", credential("password"))?;
    let lifetime = lifetime(request.timeout)?;

    let attempts = Attempts::admit(&identity.database.mongo, domain, user).await?;
    let users = identity.database.rows(&USER).await?;
    let row = users
        .find_one(doc! { "domain_id": domain, "user_id": user })
        .await?;
    let stored = row.as_ref().map(|row| text(row, "password"));
    let open = doc! { "domain_id": domain, "state": "ENABLED" };
    let open = identity
        .database
        .rows(&DOMAIN)
        .await?
        .find_one(open)
        .await?;
    let enabled = row
        .as_ref()
        .is_some_and(|row| text(row, "state") == "ENABLED")
        && open.is_some();
    if !password::check(password, stored.as_deref()).await? || !enabled {
        attempts.failed().await?;
        // One message for both, so that nobody can find out who exists.
        return Err(invalid("User not found or password is incorrect."));
    }
    attempts.succeeded().await?;
    let now = doc! { "$set": { "last_accessed_at": DateTime::now() } };
    users
        .update(doc! { "domain_id": domain, "user_id": user }, now)
        .await?;

    let keys = identity.keys.of(&identity.database.mongo, domain).await?;
    let access = Grant {
        typ: ACCESS,
        own: "USER",
        domain_id: domain,
        user_id: user,
        role: Some("USER"),
        workspace_id: None,
        lifetime,
    };
    let refresh = Grant {
        typ: REFRESH,
        role: None,
        lifetime: REFRESH_LIFETIME,
        ..access.clone()
    };
    Ok(TokenInfo {
        access_token: sign(&keys.access, &access)?,
        refresh_token: sign(&keys.refresh, &refresh)?,
    })
}

async fn grant(
    identity: &Identity,
    request: &GrantTokenRequest,
) -> Result<GrantTokenInfo, Failure> {
    if request.grant_type() != GrantType::RefreshToken {
        return Err(Failure::Invalid {
            key: "grant_type",
            reason: "only REFRESH_TOKEN is supported".to_owned(),
        });
    }
    let token = required("token", &request.token)?;
    let lifetime = lifetime(request.timeout)?;
    let claims = identity.verified(token, REFRESH).await?;
    if !request.domain_id.is_empty() && request.domain_id != claims.did {
        return Err(Failure::Denied);
    }
    let user = doc! { "domain_id": &claims.did, "user_id": &claims.aud };
    let user = identity.database.rows(&USER).await?.find_one(user).await?;
    let user = user
        .filter(|user| text(user, "state") == "ENABLED")
        .ok_or_else(|| invalid("User is not enabled."))?;
    let (role, workspace) = role(identity, request, &claims.did, &user).await?;
    let keys = identity
        .keys
        .of(&identity.database.mongo, &claims.did)
        .await?;
    let access_token = sign(
        &keys.access,
        &Grant {
            typ: ACCESS,
            own: "USER",
            domain_id: &claims.did,
            user_id: &claims.aud,
            role: Some(role.as_str_name()),
            workspace_id: workspace.as_deref(),
            lifetime,
        },
    )?;
    Ok(GrantTokenInfo {
        access_token,
        role_type: role.into(),
        domain_id: claims.did,
        workspace_id: workspace.unwrap_or_default(),
        role_id: text(&user, "role_id"),
    })
}

/// The role that a user has in the scope it asks for.
async fn role(
    identity: &Identity,
    request: &GrantTokenRequest,
    domain: &str,
    user: &Document,
) -> Result<(RoleType, Option<String>), Failure> {
    let administrator = text(user, "role_type") == "DOMAIN_ADMIN";
    match request.scope() {
        Scope::User => Ok((RoleType::User, None)),
        Scope::Domain if administrator => Ok((RoleType::DomainAdmin, None)),
        Scope::Workspace if administrator => {
            let id = required("workspace_id", &request.workspace_id)?;
            let workspace = doc! { "domain_id": domain, "workspace_id": id, "state": "ENABLED" };
            identity.one(&WORKSPACE, workspace).await?;
            Ok((RoleType::WorkspaceOwner, Some(id.to_owned())))
        }
        Scope::Domain | Scope::Workspace => Err(Failure::Denied),
        Scope::None | Scope::System | Scope::Project => Err(Failure::Invalid {
            key: "scope",
            reason: "USER, DOMAIN and WORKSPACE are supported".to_owned(),
        }),
    }
}

fn lifetime(asked: i32) -> Result<u64, Failure> {
    match u64::try_from(asked) {
        Ok(0) => Ok(ACCESS_LIFETIME),
        Ok(seconds) if seconds <= LONGEST_LIFETIME => Ok(seconds),
        _ => Err(Failure::Invalid {
            key: "timeout",
            reason: format!("must be between 1 and {LONGEST_LIFETIME} seconds"),
        }),
    }
}
