//! The services around the inventory, as far as collecting asks them: catalogue, credentials, and
//! where a plugin's pods are.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use bson::doc;
use lab::cloudforet::proto::plugin::v1 as plugin;
use lab::cloudforet::proto::repository::v1 as repository;
use lab::cloudforet::proto::secret::v1 as secret;
use prost_types::Struct;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tonic::metadata::MetadataMap;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;
use tonic::{Request, Response, Status};

use crate::collecting_plugin::{PASSWORD, Pod, Script, structure};

/// All of them in one, and the plugin's pods.
#[derive(Debug)]
pub(crate) struct Fakes {
    /// In the order in which they are given out.
    pub(crate) pods: Mutex<Vec<Pod>>,
    /// Who has which credential: their ids.
    pub(crate) secrets: Mutex<Vec<&'static str>>,
    /// The workspace that the credentials are of.
    pub(crate) workspace: String,
    turn: Mutex<usize>,
}

#[derive(Clone)]
struct Service(Arc<Fakes>);

type Answer<T> = Result<Response<T>, Status>;

impl Fakes {
    /// Serves them at an address; ends with the set.
    pub(crate) async fn start(
        script: Arc<Script>,
        workspace: String,
        serving: &mut JoinSet<()>,
    ) -> (Arc<Self>, SocketAddr) {
        let pod = script.pod().await;
        let fakes = Arc::new(Self {
            pods: Mutex::new(vec![pod]),
            secrets: Mutex::new(vec!["secret-1"]),
            workspace,
            turn: Mutex::default(),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let service = Service(Arc::clone(&fakes));
        serving.spawn(async move {
            Server::builder()
                .add_service(plugin::plugin_server::PluginServer::new(service.clone()))
                .add_service(repository::plugin_server::PluginServer::new(
                    service.clone(),
                ))
                .add_service(secret::secret_server::SecretServer::new(service))
                .serve_with_incoming(TcpIncoming::from(listener))
                .await
                .unwrap();
        });
        (fakes, address)
    }
}

/// Only the system calls these.
fn system(metadata: &MetadataMap) -> Result<(), Status> {
    let has = |key| metadata.get(key).is_some();
    if has("token") && has("x_domain_id") {
        return Ok(());
    }
    Err(Status::permission_denied(
        "ERROR_PERMISSION_DENIED: not the system",
    ))
}

fn unused<T>() -> Answer<T> {
    Err(Status::unimplemented("nobody asks for this"))
}

#[tonic::async_trait]
impl plugin::plugin_server::Plugin for Service {
    async fn get_plugin_endpoint(
        &self,
        request: Request<plugin::PluginEndpointRequest>,
    ) -> Answer<plugin::PluginEndpoint> {
        system(request.metadata())?;
        let pods = self.0.pods.lock().unwrap();
        let mut turn = self.0.turn.lock().unwrap();
        let pod = pods
            .get(*turn % pods.len().max(1))
            .ok_or_else(|| Status::unavailable("ERROR_NO_POSSIBLE_SUPERVISOR: no pod"))?;
        *turn += 1;
        Ok(Response::new(plugin::PluginEndpoint {
            endpoint: pod.endpoint.clone(),
            updated_version: "1.0".to_owned(),
            ..plugin::PluginEndpoint::default()
        }))
    }

    async fn get_plugin_metadata(
        &self,
        _: Request<plugin::PluginMetadataRequest>,
    ) -> Answer<plugin::PluginMetadata> {
        unused()
    }

    async fn notify_failure(&self, _: Request<plugin::PluginFailureRequest>) -> Answer<()> {
        unused()
    }
}

#[tonic::async_trait]
impl repository::plugin_server::Plugin for Service {
    async fn register(
        &self,
        _: Request<repository::RegisterPluginRequest>,
    ) -> Answer<repository::PluginInfo> {
        unused()
    }

    async fn update(
        &self,
        _: Request<repository::UpdatePluginRequest>,
    ) -> Answer<repository::PluginInfo> {
        unused()
    }

    async fn deregister(&self, _: Request<repository::PluginRequest>) -> Answer<()> {
        unused()
    }

    async fn enable(
        &self,
        _: Request<repository::PluginRequest>,
    ) -> Answer<repository::PluginInfo> {
        unused()
    }

    async fn disable(
        &self,
        _: Request<repository::PluginRequest>,
    ) -> Answer<repository::PluginInfo> {
        unused()
    }

    async fn get_versions(
        &self,
        request: Request<repository::RepositoryPluginRequest>,
    ) -> Answer<repository::VersionsInfo> {
        system(request.metadata())?;
        Ok(Response::new(repository::VersionsInfo {
            version: vec!["1.0".to_owned()],
            total_count: 1,
            results: vec!["1.0".to_owned()],
        }))
    }

    async fn get(
        &self,
        request: Request<repository::RepositoryPluginRequest>,
    ) -> Answer<repository::PluginInfo> {
        system(request.metadata())?;
        let plugin_id = request.into_inner().plugin_id;
        if plugin_id != "plugin-test" {
            return Err(Status::not_found(format!(
                "ERROR_NOT_FOUND: Resource cannot be found or access is denied. (plugin_id = {plugin_id})"
            )));
        }
        Ok(Response::new(repository::PluginInfo {
            plugin_id,
            provider: "aws".to_owned(),
            ..repository::PluginInfo::default()
        }))
    }

    async fn list(&self, _: Request<repository::PluginQuery>) -> Answer<repository::PluginsInfo> {
        unused()
    }
}

#[tonic::async_trait]
impl secret::secret_server::Secret for Service {
    async fn create(&self, _: Request<secret::CreateSecretRequest>) -> Answer<secret::SecretInfo> {
        unused()
    }

    async fn update(&self, _: Request<secret::UpdateSecretRequest>) -> Answer<secret::SecretInfo> {
        unused()
    }

    async fn delete(&self, _: Request<secret::SecretRequest>) -> Answer<()> {
        unused()
    }

    async fn enable(&self, _: Request<secret::SecretRequest>) -> Answer<secret::SecretInfo> {
        unused()
    }

    async fn disable(&self, _: Request<secret::SecretRequest>) -> Answer<secret::SecretInfo> {
        unused()
    }

    async fn update_data(&self, _: Request<secret::UpdateSecretDataRequest>) -> Answer<()> {
        unused()
    }

    async fn get_data(
        &self,
        request: Request<secret::GetSecretDataRequest>,
    ) -> Answer<secret::SecretDataInfo> {
        system(request.metadata())?;
        Ok(Response::new(secret::SecretDataInfo {
            data: Some(structure(&doc! { "password": PASSWORD })),
            ..secret::SecretDataInfo::default()
        }))
    }

    async fn get(&self, _: Request<secret::SecretRequest>) -> Answer<secret::SecretInfo> {
        unused()
    }

    async fn list(&self, request: Request<secret::SecretQuery>) -> Answer<secret::SecretsInfo> {
        system(request.metadata())?;
        let asked = request.into_inner().secret_id;
        let ids = self.0.secrets.lock().unwrap().clone();
        let ids = ids
            .into_iter()
            .filter(|id| asked.is_empty() || asked == **id);
        let info = |id: &str| secret::SecretInfo {
            secret_id: id.to_owned(),
            provider: "aws".to_owned(),
            workspace_id: self.0.workspace.clone(),
            service_account_id: format!("sa-of-{id}"),
            project_id: "project-1".to_owned(),
            ..secret::SecretInfo::default()
        };
        Ok(Response::new(secret::SecretsInfo {
            results: ids.map(info).collect(),
            total_count: 1,
        }))
    }

    async fn stat(&self, _: Request<secret::SecretStatQuery>) -> Answer<Struct> {
        unused()
    }
}
