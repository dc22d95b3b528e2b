//! `Supervisor`: who runs plugins, what they should run, and what they say about it.

use std::collections::HashMap;
use std::sync::Arc;

use bson::{Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::Plugins;
use super::books::{self, DISABLED, ENABLED, INSTALLED, SUPERVISOR};
use super::message;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;
use crate::cloudforet::proto::plugin::v1::supervisor_server::Supervisor;
use crate::cloudforet::proto::plugin::v1::{
    PluginInfo, PluginQuery, PluginsInfo, PublishSupervisorRequest, RecoverPluginRequest,
    RegisterSupervisorRequest, SupervisorInfo, SupervisorQuery, SupervisorRequest,
    SupervisorStatQuery, SupervisorsInfo, plugin_query,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::given;

/// The service.
#[derive(Debug)]
pub(super) struct Supervisors(pub(super) Arc<Plugins>);

#[tonic::async_trait]
impl Supervisor for Supervisors {
    /// For supervisors only: whoever publishes says where plugins are called.
    async fn publish(
        &self,
        request: Request<PublishSupervisorRequest>,
    ) -> Result<Response<SupervisorInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        if !caller.is_system() {
            return Err(Failure::Denied.into());
        }
        let row = self.0.publish(&caller, request.into_inner()).await?;
        Ok(Response::new(message::supervisor(&row)))
    }

    /// Takes a supervisor that has published itself into the caller's domain.
    async fn register(
        &self,
        request: Request<RegisterSupervisorRequest>,
    ) -> Result<Response<SupervisorInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let row = self.0.changeable(&caller, &request.supervisor_id).await?;
        let mut set = changes(request);
        set.insert("state", ENABLED);
        let row = self.0.database.change(&SUPERVISOR, row, set).await?;
        Ok(Response::new(message::supervisor(&row)))
    }

    async fn update(
        &self,
        request: Request<RegisterSupervisorRequest>,
    ) -> Result<Response<SupervisorInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let row = self.0.changeable(&caller, &request.supervisor_id).await?;
        let row = self
            .0
            .database
            .change(&SUPERVISOR, row, changes(request))
            .await?;
        Ok(Response::new(message::supervisor(&row)))
    }

    /// Forgets a supervisor and what was installed there. One that is alive comes back at once.
    async fn deregister(
        &self,
        request: Request<SupervisorRequest>,
    ) -> Result<Response<()>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let id = &request.get_ref().supervisor_id;
        self.0.changeable(&caller, id).await?;
        let this = doc! { "supervisor_id": id };
        let database = &self.0.database;
        database
            .rows(&SUPERVISOR)
            .await?
            .delete(this.clone())
            .await?;
        database.rows(&INSTALLED).await?.delete_all(this).await?;
        Ok(Response::new(()))
    }

    async fn enable(
        &self,
        request: Request<SupervisorRequest>,
    ) -> Result<Response<SupervisorInfo>, Status> {
        self.set_state(request, ENABLED).await
    }

    async fn disable(
        &self,
        request: Request<SupervisorRequest>,
    ) -> Result<Response<SupervisorInfo>, Status> {
        self.set_state(request, DISABLED).await
    }

    async fn recover_plugin(
        &self,
        request: Request<RecoverPluginRequest>,
    ) -> Result<Response<PluginInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let row = self
            .0
            .replace(
                &caller,
                &request.supervisor_id,
                &request.plugin_id,
                &request.version,
            )
            .await?;
        let supervisor = self.0.changeable(&caller, &request.supervisor_id).await?;
        let names = [(request.supervisor_id, text(&supervisor, "name"))].into();
        Ok(Response::new(message::plugin(&row, &names)))
    }

    async fn get(
        &self,
        request: Request<SupervisorRequest>,
    ) -> Result<Response<SupervisorInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let id = &request.get_ref().supervisor_id;
        let scope = books::visible_to(&caller);
        let row = self.0.database.one(&SUPERVISOR, scope, id).await?;
        Ok(Response::new(message::supervisor(&row)))
    }

    async fn list(
        &self,
        request: Request<SupervisorQuery>,
    ) -> Result<Response<SupervisorsInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let mut base = vec![books::visible_to(&caller)];
        base.extend(given(&[
            ("supervisor_id", &request.supervisor_id),
            ("name", &request.name),
        ]));
        if request.is_public {
            base.push(doc! { "is_public": true });
        }
        let query = request.query.unwrap_or_default();
        let (rows, total_count) = self.0.database.list(&SUPERVISOR, base, &query).await?;
        Ok(Response::new(SupervisorsInfo {
            results: rows.iter().map(message::supervisor).collect(),
            total_count,
        }))
    }

    async fn stat(
        &self,
        request: Request<SupervisorStatQuery>,
    ) -> Result<Response<Struct>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let base = vec![books::visible_to(&caller)];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&SUPERVISOR, base, query).await?;
        Ok(Response::new(answer))
    }

    async fn list_plugins(
        &self,
        request: Request<PluginQuery>,
    ) -> Result<Response<PluginsInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let state = request.state();
        let mut which = vec![books::visible_to(&caller)];
        which.extend(given(&[
            ("supervisor_id", &request.supervisor_id),
            ("hostname", &request.hostname),
        ]));
        let supervisors = self.0.supervisors(doc! { "$and": which }).await?;
        let names: HashMap<String, String> = supervisors
            .iter()
            .map(|row| (text(row, "supervisor_id"), text(row, "name")))
            .collect();
        let ids: Vec<&String> = names.keys().collect();
        let mut base = vec![doc! { "supervisor_id": { "$in": ids } }];
        base.extend(given(&[
            ("plugin_id", &request.plugin_id),
            ("version", &request.version),
            ("endpoint", &request.endpoint),
        ]));
        if state != plugin_query::State::None {
            base.push(doc! { "state": state.as_str_name() });
        }
        let query = request.query.unwrap_or_default();
        let (rows, total_count) = self.0.database.list(&INSTALLED, base, &query).await?;
        Ok(Response::new(PluginsInfo {
            results: rows
                .iter()
                .map(|row| message::plugin(row, &names))
                .collect(),
            total_count,
        }))
    }
}

impl Supervisors {
    async fn set_state(
        &self,
        request: Request<SupervisorRequest>,
        state: &str,
    ) -> Result<Response<SupervisorInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let id = &request.get_ref().supervisor_id;
        let row = self.0.changeable(&caller, id).await?;
        let set = doc! { "state": state };
        let row = self.0.database.change(&SUPERVISOR, row, set).await?;
        Ok(Response::new(message::supervisor(&row)))
    }
}

/// What of a supervisor its owner may set. `updated_at` is left alone: it says when the supervisor
/// was last heard of.
fn changes(request: RegisterSupervisorRequest) -> Document {
    let mut set = Document::new();
    if !request.name.is_empty() {
        set.insert("name", request.name);
    }
    if request.is_public {
        set.insert("is_public", true);
    }
    if request.priority != 0 {
        set.insert("priority", request.priority);
    }
    for (key, value) in [("labels", &request.labels), ("tags", &request.tags)] {
        if let Some(value) = value {
            set.insert(key, to_document(value));
        }
    }
    set
}
