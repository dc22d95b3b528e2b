//! A store and the backends on it, in this process, on ports of the system's choice.

use std::net::SocketAddr;
use std::sync::mpsc::Receiver;

use lab::cloudforet::proto::identity::v2::token_client::TokenClient;
use lab::cloudforet::proto::identity::v2::{GrantTokenRequest, IssueTokenRequest};
use lab::cloudforet::proto::inventory::v1::cloud_service_client::CloudServiceClient;
use lab::cloudforet::proto::inventory::v1::{
    CloudServiceInfo, CloudServiceReference, CreateServiceRequest,
};
use lab::cloudforet::telemetry::Emitter;
use lab::cloudforet::{Settings, identity, inventory};
use lab::model::Event;
use lab::net::Trigger;
use lab::stores::mongo;
use prost_types::value::Kind;
use prost_types::{Struct, Value};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

pub(crate) const SERVING: i32 = 1;
pub(crate) const USER_SCOPE: i32 = 5;
pub(crate) const WORKSPACE_SCOPE: i32 = 3;
pub(crate) const DOMAIN_SCOPE: i32 = 2;

/// Identity and inventory on a database of their own.
#[derive(Debug)]
pub(crate) struct Backends {
    pub(crate) settings: Settings,
    pub(crate) identity: SocketAddr,
    pub(crate) inventory: SocketAddr,
    pub(crate) events: Receiver<Event>,
    emitter: Emitter,
    /// Where the store listens.
    pub(crate) store: SocketAddr,
    triggers: Vec<Trigger>,
    /// The backends need it to the end, so it goes last.
    end_of_store: Trigger,
    serving: JoinSet<()>,
}

/// The built-in store, in memory, until the signal.
async fn open_store(serving: &mut JoinSet<()>) -> (SocketAddr, Trigger) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (trigger, shutdown) = Trigger::new();
    let settings = mongo::Settings {
        data: None,
        pod: "mongodb".to_owned(),
        emit: Box::new(drop),
    };
    serving.spawn(async move { mongo::serve(listener, settings, shutdown).await.unwrap() });
    (address, trigger)
}

// === impl Backends ===

impl Backends {
    /// One of each, without sample data.
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    /// One of each.
    pub(crate) async fn start_with(change: impl FnOnce(&mut Settings)) -> Self {
        let mut serving = JoinSet::new();
        let (store, end_of_store) = open_store(&mut serving).await;
        let mut settings = Settings {
            pod: "test".to_owned(),
            mongodb: format!("mongodb://{store}"),
            ..Settings::default()
        };
        change(&mut settings);
        let (emitter, events) = Emitter::channel(1024);
        let mut backends = Self {
            identity: SocketAddr::from(([127, 0, 0, 1], 0)),
            inventory: SocketAddr::from(([127, 0, 0, 1], 0)),
            settings,
            events,
            emitter,
            store,
            triggers: Vec::new(),
            end_of_store,
            serving,
        };
        let identity = TcpListener::bind(backends.identity).await.unwrap();
        backends.identity = identity.local_addr().unwrap();
        let endpoint = format!("grpc://{}", backends.identity);
        backends
            .settings
            .endpoints
            .insert("identity".to_owned(), endpoint);
        let (trigger, shutdown) = Trigger::new();
        let (settings, emitter) = (backends.settings.clone(), backends.emitter.clone());
        backends.serving.spawn(async move {
            identity::serve(identity, settings, emitter, shutdown)
                .await
                .unwrap();
        });
        backends.triggers.push(trigger);
        backends.inventory = backends.another_inventory().await;
        self::serving(backends.identity).await;
        self::serving(backends.inventory).await;
        backends
    }

    /// One more replica of the inventory, which may not be ready yet.
    pub(crate) async fn another_inventory(&mut self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (trigger, shutdown) = Trigger::new();
        let (settings, emitter) = (self.settings.clone(), self.emitter.clone());
        self.serving.spawn(async move {
            inventory::serve(listener, settings, emitter, shutdown)
                .await
                .unwrap();
        });
        self.triggers.push(trigger);
        address
    }

    /// Gives all of them the signal, and returns when they have.
    pub(crate) async fn stop(&mut self) {
        for trigger in &self.triggers {
            trigger.trigger();
            trigger.drained().await;
        }
        self.end_of_store.trigger();
        while let Some(ended) = self.serving.join_next().await {
            ended.unwrap();
        }
    }

    /// Signs in and returns the access and the refresh token.
    pub(crate) async fn sign_in(&self, password: &str) -> Result<(String, String), Status> {
        let login = &self.settings.login;
        let request = IssueTokenRequest {
            credentials: Some(object([
                ("user_id", login.user.as_str()),
                ("password", password),
            ])),
            auth_type: 1,
            domain_id: login.domain_id(),
            ..IssueTokenRequest::default()
        };
        let tokens = TokenClient::new(channel(self.identity).await)
            .issue(request)
            .await?
            .into_inner();
        Ok((tokens.access_token, tokens.refresh_token))
    }

    /// A token for a scope.
    pub(crate) async fn token(&self, scope: i32) -> Result<String, Status> {
        self.token_for(scope, 0).await
    }

    /// A token for a scope, good for so many seconds; 0 is the service's default.
    pub(crate) async fn token_for(&self, scope: i32, seconds: i32) -> Result<String, Status> {
        let (_, refresh) = self.sign_in(&self.settings.login.password).await?;
        let request = GrantTokenRequest {
            grant_type: 1,
            token: refresh,
            scope,
            workspace_id: self.settings.login.workspace_id(),
            timeout: seconds,
            ..GrantTokenRequest::default()
        };
        let granted = TokenClient::new(channel(self.identity).await)
            .grant(request)
            .await?;
        Ok(granted.into_inner().access_token)
    }
}

/// A connection of one's own.
pub(crate) async fn channel(address: SocketAddr) -> Channel {
    Channel::from_shared(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

/// Returns once the backend says that it is ready.
pub(crate) async fn serving(address: SocketAddr) {
    let mut health = HealthClient::new(channel(address).await);
    let mut changes = health
        .watch(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner();
    while let Some(health) = changes.message().await.unwrap() {
        if health.status == SERVING {
            return;
        }
    }
    panic!("the backend at {address} ended before it was ready");
}

/// A call with a token.
pub(crate) fn with_token<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request
        .metadata_mut()
        .insert("token", token.parse().unwrap());
    request
}

/// An object of texts.
pub(crate) fn object<'a>(fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> Struct {
    let field = |(key, value): (&str, &str)| (key.to_owned(), text(value));
    Struct {
        fields: fields.into_iter().map(field).collect(),
    }
}

/// A text.
pub(crate) fn text(value: &str) -> Value {
    Value {
        kind: Some(Kind::StringValue(value.to_owned())),
    }
}

/// A server to create.
pub(crate) fn new_server(name: &str) -> CreateServiceRequest {
    CreateServiceRequest {
        name: name.to_owned(),
        provider: "aws".to_owned(),
        cloud_service_group: "EC2".to_owned(),
        cloud_service_type: "Instance".to_owned(),
        region_code: "us-east-1".to_owned(),
        ip_addresses: vec!["10.0.0.1".to_owned()],
        data: Some(object([("state", "RUNNING")])),
        reference: Some(CloudServiceReference {
            resource_id: format!("i-{name}"),
            external_link: String::new(),
        }),
        tags: Some(object([("team.name", "web")])),
        ..CreateServiceRequest::default()
    }
}

/// Creates a server.
pub(crate) async fn create(
    backends: &Backends,
    token: &str,
    name: &str,
) -> Result<CloudServiceInfo, Status> {
    let mut services = CloudServiceClient::new(channel(backends.inventory).await);
    let created = services.create(with_token(token, new_server(name))).await?;
    Ok(created.into_inner())
}

/// The call failed, and exactly so.
pub(crate) fn assert_status<T: std::fmt::Debug>(
    result: Result<T, Status>,
    code: Code,
    message: &str,
) {
    let status = result.expect_err("the call must fail");
    assert_eq!((status.code(), status.message()), (code, message));
}
