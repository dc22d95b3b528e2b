//! Cloudforet's APIs in one process: both console APIs and the services behind them, on a mongod.
//!
//! No load balancer, no ingress, no ClusterIP: what is tested here is the services themselves.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use lab::cloudforet::console_api::Version;
use lab::cloudforet::identity::SystemCredentials;
use lab::cloudforet::proto::identity::v2::domain_client::DomainClient;
use lab::cloudforet::proto::identity::v2::token_client::TokenClient;
use lab::cloudforet::proto::identity::v2::workspace_client::WorkspaceClient;
use lab::cloudforet::proto::identity::v2::{
    Admin, CreateDomainRequest, CreateWorkSpaceRequest, GrantTokenRequest, IssueTokenRequest,
};
use lab::cloudforet::telemetry::Emitter;
use lab::cloudforet::{
    Settings, console_api, cost_analysis, identity, inventory, repository, secret,
};
use lab::model::Event;
use lab::net::{Shutdown, Trigger};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::Status;
use tonic::transport::Channel;

use super::mongod::Mongod;
use crate::cloudforet_support::{self, DOMAIN_SCOPE, WORKSPACE_SCOPE, channel, object, with_token};

/// Those that speak gRPC, as settings name them.
const SERVICES: [&str; 5] = [
    "identity",
    "inventory",
    "repository",
    "secret",
    "cost_analysis",
];

/// Running services; `stop` drains them.
pub(crate) struct Stack {
    /// Settings with which a further service of this stack would be started.
    pub(crate) settings: Settings,
    /// Its token is good for every domain.
    pub(crate) system: SystemCredentials,
    /// Spans of all services.
    pub(crate) events: Receiver<Event>,
    emitter: Emitter,
    trigger: Trigger,
    shutdown: Shutdown,
    services: JoinSet<()>,
    data: TempDir,
    _mongod: Mongod,
}

/// Somebody else.
#[derive(Debug)]
pub(crate) struct Tenant {
    pub(crate) domain_id: String,
    /// A token for the whole domain.
    pub(crate) administrator: String,
    /// A token for the workspace.
    pub(crate) owner: String,
}

impl Stack {
    /// Everything, with sample data.
    pub(crate) async fn start() -> Self {
        Self::start_with(|settings| settings.sample_data = true).await
    }

    /// Everything, with what `change` makes of the settings.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let mongod = Mongod::start().await;
        let system = SystemCredentials::new().unwrap();
        let (trigger, shutdown) = Trigger::new();
        let (emitter, events) = Emitter::channel(65_536);
        let mut settings = Settings {
            endpoints: [].into(),
            mongodb: mongod.url(),
            system_key: Some(system.key.clone()),
            ..Settings::default()
        };
        assert!(settings.set_system_token(&system.token));
        let mut bound = Vec::new();
        for name in SERVICES {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let endpoint = format!("grpc://{}", listener.local_addr().unwrap());
            settings.endpoints.insert(name.to_owned(), endpoint);
            bound.push((name, listener));
        }
        change(&mut settings);
        let mut stack = Self {
            settings,
            system,
            events,
            emitter,
            trigger,
            shutdown,
            services: JoinSet::new(),
            data: tempfile::tempdir().unwrap(),
            _mongod: mongod,
        };
        for (name, listener) in bound {
            stack.serve(name, "a", listener);
        }
        for version in ["console-api", "console-api-v2"] {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            stack.serve(version, "a", listener);
        }
        // Before that a first start may be half done.
        for name in SERVICES {
            cloudforet_support::serving(stack.address(name)).await;
        }
        stack
    }

    /// One more replica of a service, ready.
    pub(crate) async fn another(&mut self, name: &'static str) -> SocketAddr {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        self.serve(name, "b", listener);
        cloudforet_support::serving(address).await;
        address
    }

    fn serve(&mut self, name: &'static str, replica: &str, listener: TcpListener) {
        let settings = Settings {
            pod: format!("{}-{replica}", name.replace('_', "-")),
            ..self.settings.clone()
        };
        let (data, events, end) = (
            self.data_folder(),
            self.emitter.clone(),
            self.shutdown.clone(),
        );
        self.services.spawn(async move {
            let served = match name {
                "identity" => Box::pin(identity::serve(listener, settings, events, end)).await,
                "inventory" => Box::pin(inventory::serve(listener, settings, events, end)).await,
                "repository" => Box::pin(repository::serve(listener, settings, events, end)).await,
                "secret" => {
                    Box::pin(secret::serve(listener, settings, Some(data), events, end)).await
                }
                "cost_analysis" => {
                    Box::pin(cost_analysis::serve(listener, settings, events, end)).await
                }
                _ => {
                    let version = match name {
                        "console-api" => Version::V1,
                        _ => Version::V2,
                    };
                    let serving = console_api::serve(listener, version, settings, events, end);
                    Box::pin(serving).await.unwrap();
                    Ok(())
                }
            };
            served.unwrap();
        });
    }

    /// The folder with the secret service's key.
    pub(crate) fn data_folder(&self) -> PathBuf {
        self.data.path().to_owned()
    }

    /// Where a service listens.
    pub(crate) fn address(&self, name: &str) -> SocketAddr {
        let endpoint = &self.settings.endpoints[name];
        endpoint.trim_start_matches("grpc://").parse().unwrap()
    }

    /// A connection to a service.
    pub(crate) async fn channel(&self, name: &str) -> Channel {
        channel(self.address(name)).await
    }

    /// What somebody's signing in gives: an access and a refresh token.
    pub(crate) async fn sign_in(
        &self,
        domain_id: &str,
        user: &str,
        password: &str,
    ) -> Result<(String, String), Status> {
        let request = IssueTokenRequest {
            credentials: Some(object([("user_id", user), ("password", password)])),
            auth_type: 1,
            domain_id: domain_id.to_owned(),
            ..IssueTokenRequest::default()
        };
        let mut tokens = TokenClient::new(self.channel("identity").await);
        let issued = tokens.issue(request).await?.into_inner();
        Ok((issued.access_token, issued.refresh_token))
    }

    /// A token for a scope, and for a workspace unless that is empty.
    pub(crate) async fn grant(
        &self,
        refresh_token: &str,
        scope: i32,
        workspace_id: &str,
    ) -> Result<String, Status> {
        let request = GrantTokenRequest {
            grant_type: 1,
            token: refresh_token.to_owned(),
            scope,
            workspace_id: workspace_id.to_owned(),
            ..GrantTokenRequest::default()
        };
        let mut tokens = TokenClient::new(self.channel("identity").await);
        Ok(tokens.grant(request).await?.into_inner().access_token)
    }

    /// A token of the first domain's administrator.
    pub(crate) async fn token(&self, scope: i32) -> String {
        let login = &self.settings.login;
        let (_, refresh) = self
            .sign_in(&login.domain_id(), &login.user, &login.password)
            .await
            .unwrap();
        let workspace = login.workspace_id();
        self.grant(&refresh, scope, &workspace).await.unwrap()
    }

    /// Another domain with a workspace, and tokens of its administrator for both.
    pub(crate) async fn other_domain(&self) -> Tenant {
        let (user, password) = ("other", "Other123!@#");
        let request = CreateDomainRequest {
            name: "other".to_owned(),
            admin: Some(Admin {
                user_id: user.to_owned(),
                password: password.to_owned(),
                ..Admin::default()
            }),
            tags: None,
        };
        let request = with_token(&self.system.token, request);
        let mut domains = DomainClient::new(self.channel("identity").await);
        let domain = domains.create(request).await.unwrap().into_inner();
        let (_, refresh) = self
            .sign_in(&domain.domain_id, user, password)
            .await
            .unwrap();
        let administrator = self.grant(&refresh, DOMAIN_SCOPE, "").await.unwrap();
        let mut workspaces = WorkspaceClient::new(self.channel("identity").await);
        let request = CreateWorkSpaceRequest {
            name: "theirs".to_owned(),
            tags: None,
        };
        let request = with_token(&administrator, request);
        let workspace = workspaces.create(request).await.unwrap().into_inner();
        let workspace_id = workspace.workspace_id;
        let owner = self.grant(&refresh, WORKSPACE_SCOPE, &workspace_id).await;
        Tenant {
            domain_id: domain.domain_id,
            owner: owner.unwrap(),
            administrator,
        }
    }

    /// The rows of a collection as they are in the store.
    pub(crate) async fn stored(&self, database: &str, collection: &str) -> Vec<bson::Document> {
        use futures_util::TryStreamExt as _;
        let uri = format!("{}/?directConnection=true", self.settings.mongodb);
        let client = mongodb::Client::with_uri_str(uri).await.unwrap();
        let rows = client.database(database).collection(collection);
        let found = rows.find(bson::doc! {}).await.unwrap();
        found.try_collect().await.unwrap()
    }

    /// Drains everything.
    pub(crate) async fn stop(mut self) {
        self.trigger.trigger();
        while let Some(ended) = self.services.join_next().await {
            ended.unwrap();
        }
    }
}

/// Spans that nobody reads.
pub(crate) fn emitter() -> Emitter {
    Emitter::channel(1).0
}
