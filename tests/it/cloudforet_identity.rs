//! Domains, workspaces, users, projects and accounts: who may make them, and who sees them.

use lab::cloudforet::proto::identity::v2::domain_client::DomainClient;
use lab::cloudforet::proto::identity::v2::project_client::ProjectClient;
use lab::cloudforet::proto::identity::v2::project_group_client::ProjectGroupClient;
use lab::cloudforet::proto::identity::v2::provider_client::ProviderClient;
use lab::cloudforet::proto::identity::v2::role_client::RoleClient;
use lab::cloudforet::proto::identity::v2::service_account_client::ServiceAccountClient;
use lab::cloudforet::proto::identity::v2::user_client::UserClient;
use lab::cloudforet::proto::identity::v2::user_profile_client::UserProfileClient;
use lab::cloudforet::proto::identity::v2::workspace_client::WorkspaceClient;
use lab::cloudforet::proto::identity::v2::{
    CreateProjectGroupRequest, CreateProjectRequest, CreateProviderRequest,
    CreateServiceAccountRequest, CreateUserRequest, CreateWorkSpaceRequest, DomainRequest,
    DomainSearchQuery, ProjectGroupRequest, ProjectRequest, ProjectSearchQuery, RoleSearchQuery,
    ServiceAccountRequest, ServiceAccountSearchQuery, UpdateServiceAccountSecretRequest,
    UserProfileRequest, UserRequest, WorkspaceDeleteRequest, WorkspaceRequest,
};
use lab::cloudforet::proto::secret::v1::secret_client::SecretClient;
use lab::cloudforet::proto::secret::v1::{GetSecretDataRequest, SecretRequest};
use lab::model::{COLLECTOR, Plugin};
use prost_types::Struct;
use tonic::Code;

use crate::cloudforet_support::{
    DOMAIN_SCOPE, USER_SCOPE, WORKSPACE_SCOPE, assert_status, object, with_token,
};
use crate::support::stack::Stack;

const DENIED: &str = "ERROR_PERMISSION_DENIED: Permission denied.";

fn missing(key: &str, value: &str) -> String {
    format!("ERROR_NOT_FOUND: Resource cannot be found or access is denied. ({key} = {value})")
}

/// A plugin for two providers.
fn plugin() -> Plugin {
    Plugin {
        name: "sample".to_owned(),
        plugin_id: "plugin-sample".to_owned(),
        resource_type: COLLECTOR.to_owned(),
        image: "lab/sample".to_owned(),
        version: "1.0".to_owned(),
        replicas: 1,
        providers: vec!["aws".to_owned(), "google_cloud".to_owned()],
        options: serde_json::json!({"size": 3}),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_workspace_is_made_entered_closed_and_deleted() {
    let stack = Stack::start_with(|_| {}).await;
    let login = &stack.settings.login;
    let admin = stack.token(DOMAIN_SCOPE).await;
    let (profile, refresh) = stack
        .sign_in(&login.domain_id(), &login.user, &login.password)
        .await
        .unwrap();
    let mut workspaces = WorkspaceClient::new(stack.channel("identity").await);
    let new = |name: &str| CreateWorkSpaceRequest {
        name: name.to_owned(),
        tags: None,
    };
    let made = workspaces.create(with_token(&admin, new("dev"))).await;
    let id = made.unwrap().into_inner().workspace_id;
    let again = workspaces.create(with_token(&admin, new("dev"))).await;
    assert_eq!(again.unwrap_err().code(), Code::AlreadyExists);
    let mut profiles = UserProfileClient::new(stack.channel("identity").await);
    let mine = profiles
        .get_workspaces(with_token(&profile, UserProfileRequest::default()))
        .await
        .unwrap()
        .into_inner();
    assert!(mine.results.iter().any(|one| one.workspace_id == id));

    let owner = stack.grant(&refresh, WORKSPACE_SCOPE, &id).await.unwrap();
    let refused = workspaces.create(with_token(&owner, new("x"))).await;
    assert_status(refused, Code::PermissionDenied, DENIED);
    let one = WorkspaceRequest {
        workspace_id: id.clone(),
    };
    workspaces
        .disable(with_token(&admin, one.clone()))
        .await
        .unwrap();
    let closed = stack.grant(&refresh, WORKSPACE_SCOPE, &id).await;
    assert_eq!(closed.unwrap_err().code(), Code::NotFound);
    workspaces.enable(with_token(&admin, one)).await.unwrap();
    let owner = stack.grant(&refresh, WORKSPACE_SCOPE, &id).await.unwrap();

    let mut projects = ProjectClient::new(stack.channel("identity").await);
    let project = CreateProjectRequest {
        name: "p".to_owned(),
        ..CreateProjectRequest::default()
    };
    projects.create(with_token(&owner, project)).await.unwrap();
    let mut delete = WorkspaceDeleteRequest {
        workspace_id: id.clone(),
        force: false,
    };
    let full = workspaces.delete(with_token(&admin, delete.clone())).await;
    assert_eq!(full.unwrap_err().code(), Code::InvalidArgument);
    delete.force = true;
    workspaces.delete(with_token(&admin, delete)).await.unwrap();
    assert!(
        stack
            .stored("identity", "project")
            .await
            .iter()
            .all(|row| row.get_str("workspace_id").unwrap() != id)
    );
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_in_until_disabled_and_enters_no_workspace() {
    let stack = Stack::start_with(|_| {}).await;
    let domain = stack.settings.login.domain_id();
    let admin = stack.token(DOMAIN_SCOPE).await;
    let mut users = UserClient::new(stack.channel("identity").await);
    let new = |password: &str| CreateUserRequest {
        user_id: "eve".to_owned(),
        password: password.to_owned(),
        auth_type: 1,
        ..CreateUserRequest::default()
    };
    let weak = users.create(with_token(&admin, new("password"))).await;
    let words = "ERROR_INVALID_PARAMETER: Parameter is invalid. (key = password, reason = must have an upper-case letter)";
    assert_status(weak, Code::InvalidArgument, words);
    let made = users.create(with_token(&admin, new("Passw0rd"))).await;
    assert_eq!(made.unwrap().into_inner().state, 1);
    let again = users.create(with_token(&admin, new("Passw0rd"))).await;
    assert_eq!(again.unwrap_err().code(), Code::AlreadyExists);

    let (profile, refresh) = stack.sign_in(&domain, "eve", "Passw0rd").await.unwrap();
    let workspace = stack.settings.login.workspace_id();
    for scope in [DOMAIN_SCOPE, WORKSPACE_SCOPE] {
        let refused = stack.grant(&refresh, scope, &workspace).await;
        assert_status(refused, Code::PermissionDenied, DENIED);
    }
    let own = stack.grant(&refresh, USER_SCOPE, "").await.unwrap();
    let one = UserRequest {
        user_id: "eve".to_owned(),
    };
    for token in [&profile, &own] {
        let refused = users.get(with_token(token, one.clone())).await;
        assert_status(refused, Code::PermissionDenied, DENIED);
        let refused = users.create(with_token(token, new("Passw0rd"))).await;
        assert_status(refused, Code::PermissionDenied, DENIED);
    }

    users
        .disable(with_token(&admin, one.clone()))
        .await
        .unwrap();
    let refused = stack.sign_in(&domain, "eve", "Passw0rd").await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    let refused = stack.grant(&refresh, USER_SCOPE, "").await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    users.enable(with_token(&admin, one.clone())).await.unwrap();
    stack.sign_in(&domain, "eve", "Passw0rd").await.unwrap();
    let oneself = UserRequest {
        user_id: stack.settings.login.user.clone(),
    };
    let refused = users.disable(with_token(&admin, oneself)).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    users.delete(with_token(&admin, one)).await.unwrap();
    let gone = stack.sign_in(&domain, "eve", "Passw0rd").await;
    assert_eq!(gone.unwrap_err().code(), Code::Unauthenticated);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_sees_another_domain_but_the_system() {
    let stack = Stack::start_with(|settings| settings.plugins = vec![plugin()]).await;
    let other = stack.other_domain().await;
    let owner = stack.token(WORKSPACE_SCOPE).await;
    let mut domains = DomainClient::new(stack.channel("identity").await);
    let list = async |token: &str| {
        let mut domains = DomainClient::new(stack.channel("identity").await);
        let listed = domains.list(with_token(token, DomainSearchQuery::default()));
        listed.await.unwrap().into_inner().total_count
    };
    assert_eq!(list(&stack.system.token).await, 2);
    assert_eq!(list(&other.administrator).await, 1);
    let mut ours = DomainRequest {
        domain_id: stack.settings.login.domain_id(),
    };
    let hidden = domains
        .get(with_token(&other.administrator, ours.clone()))
        .await;
    assert_status(
        hidden,
        Code::NotFound,
        &missing("domain_id", &ours.domain_id),
    );
    domains
        .get(with_token(&stack.system.token, ours.clone()))
        .await
        .unwrap();
    let refused = domains
        .disable(with_token(&other.administrator, ours.clone()))
        .await;
    assert_status(refused, Code::PermissionDenied, DENIED);

    let mut projects = ProjectClient::new(stack.channel("identity").await);
    let mine = projects
        .list(with_token(&owner, ProjectSearchQuery::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(mine.results[0].name, "Default");
    let one = ProjectRequest {
        project_id: mine.results[0].project_id.clone(),
    };
    for token in [&other.administrator, &other.owner] {
        let hidden = projects.get(with_token(token, one.clone())).await;
        assert_status(
            hidden,
            Code::NotFound,
            &missing("project_id", &one.project_id),
        );
        let listed = projects
            .list(with_token(token, ProjectSearchQuery::default()))
            .await;
        assert_eq!(listed.unwrap().into_inner().total_count, 0);
    }
    let hidden = projects.delete(with_token(&other.owner, one.clone())).await;
    assert_eq!(hidden.unwrap_err().code(), Code::NotFound);
    let mut users = UserClient::new(stack.channel("identity").await);
    let admin = UserRequest {
        user_id: stack.settings.login.user.clone(),
    };
    let hidden = users.get(with_token(&other.administrator, admin)).await;
    assert_eq!(hidden.unwrap_err().code(), Code::NotFound);
    let mut roles = RoleClient::new(stack.channel("identity").await);
    let basic = roles
        .list_basic_role(with_token(&other.owner, RoleSearchQuery::default()))
        .await;
    assert_eq!(basic.unwrap().into_inner().total_count, 3);

    // A closed domain lets nobody in, and identity takes none of its tokens any more.
    ours.domain_id.clone_from(&other.domain_id);
    domains
        .disable(with_token(&stack.system.token, ours.clone()))
        .await
        .unwrap();
    let refused = stack
        .sign_in(&other.domain_id, "other", "Other123!@#")
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    let refused = projects
        .list(with_token(&other.owner, ProjectSearchQuery::default()))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    domains
        .delete(with_token(&stack.system.token, ours))
        .await
        .unwrap();
    assert_eq!(list(&stack.system.token).await, 1);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn projects_are_in_groups_and_groups_in_groups() {
    let stack = Stack::start_with(|_| {}).await;
    let owner = stack.token(WORKSPACE_SCOPE).await;
    let admin = stack.token(DOMAIN_SCOPE).await;
    let mut groups = ProjectGroupClient::new(stack.channel("identity").await);
    let mut projects = ProjectClient::new(stack.channel("identity").await);
    let new = |name: &str, parent: &str| CreateProjectGroupRequest {
        name: name.to_owned(),
        parent_group_id: parent.to_owned(),
        tags: None,
    };
    let refused = groups.create(with_token(&admin, new("x", ""))).await;
    assert_status(refused, Code::PermissionDenied, DENIED);
    let outer = groups.create(with_token(&owner, new("outer", ""))).await;
    let outer = outer.unwrap().into_inner().project_group_id;
    let inner = groups.create(with_token(&owner, new("inner", &outer)));
    let inner = inner.await.unwrap().into_inner().project_group_id;
    let nowhere = groups.create(with_token(&owner, new("x", "pg-0"))).await;
    assert_status(
        nowhere,
        Code::NotFound,
        &missing("project_group_id", "pg-0"),
    );
    let project = CreateProjectRequest {
        name: "deep".to_owned(),
        project_group_id: inner.clone(),
        ..CreateProjectRequest::default()
    };
    projects.create(with_token(&owner, project)).await.unwrap();
    for (include_children, count) in [(false, 0), (true, 1)] {
        let query = ProjectSearchQuery {
            project_group_id: outer.clone(),
            include_children,
            ..ProjectSearchQuery::default()
        };
        let listed = projects.list(with_token(&owner, query)).await.unwrap();
        assert_eq!(listed.into_inner().total_count, count);
    }
    for full in [outer, inner] {
        let request = ProjectGroupRequest {
            project_group_id: full,
        };
        let refused = groups.delete(with_token(&owner, request)).await;
        assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    }
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accounts_secret_is_with_the_secret_service_alone() {
    let stack = Stack::start_with(|settings| settings.plugins = vec![plugin()]).await;
    let owner = stack.token(WORKSPACE_SCOPE).await;
    let admin = stack.token(DOMAIN_SCOPE).await;
    let mut providers = ProviderClient::new(stack.channel("identity").await);
    let provider = CreateProviderRequest {
        provider: "aws".to_owned(),
        name: "AWS".to_owned(),
        ..CreateProviderRequest::default()
    };
    let again = providers.create(with_token(&admin, provider.clone())).await;
    assert_eq!(again.unwrap_err().code(), Code::AlreadyExists);
    let refused = providers.create(with_token(&owner, provider)).await;
    assert_status(refused, Code::PermissionDenied, DENIED);

    let mut projects = ProjectClient::new(stack.channel("identity").await);
    let default = projects
        .list(with_token(&owner, ProjectSearchQuery::default()))
        .await
        .unwrap()
        .into_inner()
        .results
        .remove(0);
    let mut accounts = ServiceAccountClient::new(stack.channel("identity").await);
    let new = CreateServiceAccountRequest {
        name: "prod".to_owned(),
        data: Some(object([("account_id", "123")])),
        provider: "aws".to_owned(),
        secret_data: Some(object([("key", "h1dden-v4lue")])),
        project_id: default.project_id,
        ..CreateServiceAccountRequest::default()
    };
    let account = accounts.create(with_token(&owner, new.clone())).await;
    let account = account.unwrap().into_inner();
    assert_eq!(account.state, 2);
    assert!(account.secret_id.starts_with("secret-"));

    let mut secrets = SecretClient::new(stack.channel("secret").await);
    let mut system_data = async |secret_id: &str| {
        let request = GetSecretDataRequest {
            secret_id: secret_id.to_owned(),
            domain_id: account.domain_id.clone(),
        };
        let data = secrets.get_data(with_token(&stack.system.token, request));
        Ok::<Struct, tonic::Status>(data.await?.into_inner().data.unwrap())
    };
    let held = system_data(&account.secret_id).await.unwrap();
    assert_eq!(held, object([("key", "h1dden-v4lue")]));
    let mut secrets = SecretClient::new(stack.channel("secret").await);
    let info = SecretRequest {
        secret_id: account.secret_id.clone(),
    };
    let info = secrets.get(with_token(&owner, info)).await.unwrap();
    assert_eq!(info.get_ref().provider, "aws");
    assert_eq!(
        info.get_ref().service_account_id,
        account.service_account_id
    );

    let change = UpdateServiceAccountSecretRequest {
        service_account_id: account.service_account_id.clone(),
        secret_data: Some(object([("key", "an0ther-v4lue")])),
        ..UpdateServiceAccountSecretRequest::default()
    };
    let changed = accounts
        .update_secret_data(with_token(&owner, change))
        .await;
    assert_eq!(changed.unwrap().into_inner().secret_id, account.secret_id);
    let held = system_data(&account.secret_id).await.unwrap();
    assert_eq!(held, object([("key", "an0ther-v4lue")]));
    for row in stack.stored("identity", "service_account").await {
        assert!(!row.to_string().contains("v4lue"), "{row}");
    }

    let one = ServiceAccountRequest {
        service_account_id: account.service_account_id.clone(),
    };
    let without = accounts
        .delete_secret_data(with_token(&owner, one.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((without.state, without.secret_id.as_str()), (1, ""));
    let gone = system_data(&account.secret_id).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    let other = stack.other_domain().await;
    let hidden = accounts.delete(with_token(&other.owner, one.clone())).await;
    assert_status(
        hidden,
        Code::NotFound,
        &missing("service_account_id", &one.service_account_id),
    );
    accounts.delete(with_token(&owner, one)).await.unwrap();
    let unknown = CreateServiceAccountRequest {
        provider: "nobody".to_owned(),
        ..new
    };
    let refused = accounts.create(with_token(&owner, unknown)).await;
    assert_status(refused, Code::NotFound, &missing("provider", "nobody"));
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn plugins_accounts_are_there_once_however_many_start() {
    let mut stack = Stack::start_with(|settings| settings.plugins = vec![plugin()]).await;
    stack.another("identity").await;
    stack.another("secret").await;
    let owner = stack.token(WORKSPACE_SCOPE).await;
    let mut accounts = ServiceAccountClient::new(stack.channel("identity").await);
    let listed = accounts
        .list(with_token(&owner, ServiceAccountSearchQuery::default()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.total_count, 2);
    let secrets = stack.stored("secret", "secret").await;
    assert_eq!(secrets.len(), 2);
    for account in listed.results {
        let secret = secrets
            .iter()
            .find(|secret| secret.get_str("secret_id").unwrap() == account.secret_id)
            .unwrap();
        let field = |key| secret.get_str(key).unwrap();
        assert_eq!(field("service_account_id"), account.service_account_id);
        assert_eq!(field("provider"), account.provider);
        assert_eq!(field("project_id"), account.project_id);
        assert_eq!(field("workspace_id"), account.workspace_id);
    }
    assert_eq!(stack.stored("identity", "provider").await.len(), 2);
    stack.stop().await;
}
