//! Getting at a plugin: which pod, how long it takes, who may say where pods are.

use std::collections::BTreeMap;
use std::time::Duration;

use lab::cloudforet::proto::plugin::v1::plugin_client::PluginClient;
use lab::cloudforet::proto::plugin::v1::supervisor_client::SupervisorClient;
use lab::cloudforet::proto::plugin::v1::supervisor_info::State;
use lab::cloudforet::proto::plugin::v1::{
    PluginInfo, PluginMetadataRequest, PluginQuery, PublishSupervisorRequest, RecoverPluginRequest,
    SupervisorQuery, SupervisorRequest,
};
use tonic::Code;

use crate::cloudforet_support::{
    DOMAIN_SCOPE, WORKSPACE_SCOPE, assert_status, channel, object, with_token,
};
use crate::eventually;
use crate::plugin_support::{BROKEN, Plane, SAMPLE, STRANGE, endpoint_of};

/// What the real clients allow.
const DEADLINE: Duration = Duration::from_secs(180);

/// The rows of the books, as a supervisor sees them.
async fn installed(plane: &Plane) -> Vec<PluginInfo> {
    let mut supervisors = SupervisorClient::new(channel(plane.plugin).await);
    let all = with_token(&plane.system, PluginQuery::default());
    let listed = supervisors.list_plugins(all).await.unwrap();
    listed.into_inner().results
}

#[tokio::test]
async fn the_first_call_waits_for_a_pod_and_the_next_ones_take_turns() {
    let plane = Plane::start().await;
    let first = plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
    assert!(first.endpoint.starts_with("grpc://127.0.0.1:"));
    assert_eq!(first.updated_version, "");
    let mut turns = Vec::new();
    for _ in 0..6 {
        let next = plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
        turns.push(next.endpoint);
    }
    assert_eq!(turns[..3], turns[3..]);
    turns.sort();
    turns.dedup();
    assert_eq!(turns.len(), 3);
    let row = installed(&plane).await.remove(0);
    assert_eq!(row.endpoints, turns);
    assert_eq!(row.endpoint, turns[0]);
    assert_eq!((row.state, row.supervisor_name.as_str()), (2, "root"));
}

#[tokio::test]
async fn the_newest_version_is_taken_unless_one_is_named() {
    let plane = Plane::start().await;
    let newest = plane.endpoint(SAMPLE, "", DEADLINE).await.unwrap();
    assert_eq!(newest.updated_version, "1.10");
    assert_eq!(installed(&plane).await[0].version, "1.10");

    let wrong = plane.endpoint(SAMPLE, "3.0", DEADLINE).await;
    assert_status(
        wrong,
        Code::InvalidArgument,
        "ERROR_INVALID_PLUGIN_VERSION: Plugin version is invalid. (plugin_id = plugin-sample, version = 3.0)",
    );
    for version in ["1.9", ""] {
        let unknown = plane.endpoint("plugin-x", version, DEADLINE).await;
        let unknown = unknown.unwrap_err();
        assert_eq!(unknown.code(), Code::NotFound);
        assert!(unknown.message().starts_with("ERROR_NOT_FOUND"));
    }
    let mut plugins = PluginClient::new(channel(plane.plugin).await);
    let manual = lab::cloudforet::proto::plugin::v1::PluginEndpointRequest {
        plugin_id: SAMPLE.to_owned(),
        ..Default::default()
    };
    assert_status(
        plugins.get_plugin_endpoint(manual).await,
        Code::InvalidArgument,
        "ERROR_REQUIRED_PARAMETER: Required parameter. (key = version)",
    );
}

#[tokio::test]
async fn a_plugin_that_never_gets_ready_is_an_error_with_the_pods_own_reason() {
    let plane = Plane::start().await;
    let patience = Duration::from_secs(3);
    let broken = plane.endpoint(BROKEN, "1.9", patience).await;
    assert_status(
        broken,
        Code::Internal,
        "ERROR_INSTALL_PLUGIN_TIMEOUT: The plugin has no pod that is ready. \
         (plugin_id = plugin-broken, version = 1.9, reason = broken-0: ImagePullBackOff: no such image)",
    );
    // What cannot get better is not waited for.
    let strange = plane.endpoint(STRANGE, "1.9", DEADLINE).await.unwrap_err();
    assert!(
        strange
            .message()
            .contains("nobody has heard of this plugin"),
        "{strange}"
    );
    let mut supervisors = SupervisorClient::new(channel(plane.plugin).await);
    let token = plane.backends.token(WORKSPACE_SCOPE).await.unwrap();
    let all = with_token(&token, SupervisorQuery::default());
    let root = supervisors
        .list(all)
        .await
        .unwrap()
        .into_inner()
        .results
        .remove(0);
    assert_eq!((root.state(), root.is_public), (State::Enabled, true));
    assert!(root.tags.unwrap().fields.contains_key("not_ready"));
}

#[tokio::test]
async fn without_a_supervisor_nothing_can_run() {
    let mut plane = Plane::start_without_supervisor(|_| {}).await;
    let nobody = plane.endpoint(SAMPLE, "1.9", Duration::from_secs(1)).await;
    assert_status(
        nobody,
        Code::Unavailable,
        "ERROR_NO_POSSIBLE_SUPERVISOR: There is no supervisor to run the plugin. (plugin_id = plugin-sample)",
    );
    // One that comes while somebody waits is soon enough.
    let asked = tokio::spawn(endpoint_of(plane.plugin, SAMPLE, "1.9", DEADLINE));
    plane.start_supervisor();
    asked.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_plugin_that_nobody_asks_for_is_removed_with_its_pods() {
    let plane = Plane::start_with(|settings| {
        settings.plugin_idle = Duration::from_millis(1500);
    })
    .await;
    plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
    assert_eq!(plane.platform.running().len(), 1);
    eventually!(
        "the pods are gone",
        plane.platform.running().is_empty().then_some(())
    );
    assert!(installed(&plane).await.is_empty());
    plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
    assert_eq!(*plane.platform.started.lock().unwrap(), 6);
}

#[tokio::test]
async fn a_supervisor_that_was_restarted_finds_its_pods_again() {
    let mut plane = Plane::start().await;
    let before = plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
    plane.stop_supervisor().await;
    plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
    plane.start_supervisor();
    // A plugin that only the new one can have started.
    plane.endpoint(SAMPLE, "", DEADLINE).await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let endpoint = plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
        seen.push(endpoint.endpoint);
    }
    assert!(seen.contains(&before.endpoint));
    assert_eq!(*plane.platform.started.lock().unwrap(), 6);
}

#[tokio::test]
async fn whichever_replica_is_asked_hears_of_the_pods() {
    let mut plane = Plane::start().await;
    let other = plane.another_plugin_service().await;
    // The supervisor talks to the first one only.
    let there = endpoint_of(other, SAMPLE, "1.9", DEADLINE).await.unwrap();
    let mut turns = BTreeMap::new();
    turns.insert(there.endpoint, 1);
    for _ in 0..4 {
        for service in [plane.plugin, other] {
            let next = endpoint_of(service, SAMPLE, "1.9", DEADLINE).await.unwrap();
            *turns.entry(next.endpoint).or_insert(0) += 1;
        }
    }
    // Nine in turn, as if there were one.
    assert!(turns.values().all(|count| *count == 3), "{turns:?}");
}

#[tokio::test]
async fn a_pod_that_is_gone_is_not_handed_out() {
    let plane = Plane::start().await;
    let gone = plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
    plane.platform.kill(&gone.endpoint).await;
    for _ in 0..6 {
        let next = plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
        assert_ne!(next.endpoint, gone.endpoint);
    }
}

#[tokio::test]
async fn a_plugin_is_recovered_by_new_pods() {
    let plane = Plane::start().await;
    let before = plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
    let row = installed(&plane).await.remove(0);
    let recover = RecoverPluginRequest {
        supervisor_id: row.supervisor_id,
        version: row.version,
        plugin_id: row.plugin_id,
        ..RecoverPluginRequest::default()
    };
    let mut supervisors = SupervisorClient::new(channel(plane.plugin).await);
    let member = plane.backends.token(WORKSPACE_SCOPE).await.unwrap();
    let refused = supervisors
        .recover_plugin(with_token(&member, recover.clone()))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let token = plane.backends.token(DOMAIN_SCOPE).await.unwrap();
    let told = supervisors
        .recover_plugin(with_token(&token, recover))
        .await;
    assert_eq!(told.unwrap().get_ref().state, 3);
    let after = plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
    assert_ne!(after.endpoint, before.endpoint);
    assert_eq!(*plane.platform.started.lock().unwrap(), 6);
}

#[tokio::test]
async fn only_services_publish_and_only_administrators_change() {
    let plane = Plane::start().await;
    plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
    let mut supervisors = SupervisorClient::new(channel(plane.plugin).await);
    let publish = PublishSupervisorRequest {
        name: "root".to_owned(),
        hostname: "evil".to_owned(),
        ..PublishSupervisorRequest::default()
    };
    let administrator = plane.backends.token(DOMAIN_SCOPE).await.unwrap();
    let refused = supervisors
        .publish(with_token(&administrator, publish.clone()))
        .await;
    assert_status(
        refused,
        Code::PermissionDenied,
        "ERROR_PERMISSION_DENIED: Permission denied.",
    );
    let forged = lab::cloudforet::identity::SystemCredentials::new().unwrap();
    for token in [forged.token.as_str(), "nonsense"] {
        let refused = supervisors
            .publish(with_token(token, publish.clone()))
            .await;
        assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);
    }
    let nobody = supervisors.list(SupervisorQuery::default()).await;
    assert_eq!(nobody.unwrap_err().code(), Code::Unauthenticated);

    let all = with_token(&administrator, SupervisorQuery::default());
    let listed = supervisors.list(all).await.unwrap().into_inner();
    assert_eq!(listed.total_count, 1);
    let one = SupervisorRequest {
        supervisor_id: listed.results[0].supervisor_id.clone(),
        ..SupervisorRequest::default()
    };
    let member = plane.backends.token(WORKSPACE_SCOPE).await.unwrap();
    let refused = supervisors.disable(with_token(&member, one.clone())).await;
    assert_eq!(refused.unwrap_err().code(), Code::PermissionDenied);
    let disabled = supervisors
        .disable(with_token(&administrator, one.clone()))
        .await;
    assert_eq!(disabled.unwrap().get_ref().state(), State::Disabled);
    let nobody = plane.endpoint(SAMPLE, "1.9", Duration::from_secs(1)).await;
    assert!(
        nobody
            .unwrap_err()
            .message()
            .starts_with("ERROR_NO_POSSIBLE_SUPERVISOR")
    );
    let enabled = supervisors.enable(with_token(&administrator, one)).await;
    assert_eq!(enabled.unwrap().get_ref().state(), State::Enabled);
    plane.endpoint(SAMPLE, "1.9", DEADLINE).await.unwrap();
}

#[tokio::test]
async fn metadata_is_what_a_pod_says() {
    let plane = Plane::start().await;
    let token = plane.backends.token(WORKSPACE_SCOPE).await.unwrap();
    let mut plugins = PluginClient::new(channel(plane.plugin).await);
    let ask = PluginMetadataRequest {
        plugin_id: SAMPLE.to_owned(),
        upgrade_mode: 1,
        ..PluginMetadataRequest::default()
    };
    let told = plugins
        .get_plugin_metadata(with_token(&token, ask.clone()))
        .await;
    let metadata = told.unwrap().into_inner().metadata.unwrap();
    assert!(metadata.fields.contains_key("options_schema"));
    // The plugin's own error comes through.
    let wrong = PluginMetadataRequest {
        options: Some(object([("count", "many")])),
        ..ask.clone()
    };
    let refused = plugins.get_plugin_metadata(with_token(&token, wrong)).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(refused.message().contains("key = count"), "{refused}");
    let nobody = plugins.get_plugin_metadata(ask).await;
    assert_eq!(nobody.unwrap_err().code(), Code::Unauthenticated);
}
