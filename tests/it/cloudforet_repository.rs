//! The catalogue of plugins.

use lab::cloudforet::proto::repository::v1::plugin_client::PluginClient;
use lab::cloudforet::proto::repository::v1::repository_client::RepositoryClient;
use lab::cloudforet::proto::repository::v1::{
    PluginQuery, PluginRequest, RegisterPluginRequest, RepositoryPluginRequest, RepositoryQuery,
    UpdatePluginRequest,
};
use lab::model::{DATA_SOURCE, Plugin};
use tonic::Code;

use crate::cloudforet_support::{DOMAIN_SCOPE, WORKSPACE_SCOPE, assert_status, object, with_token};
use crate::support::stack::Stack;

fn configured() -> Plugin {
    Plugin {
        name: "sample-cost".to_owned(),
        plugin_id: "plugin-sample-cost".to_owned(),
        resource_type: DATA_SOURCE.to_owned(),
        image: "lab/sample-cost".to_owned(),
        version: "1.2".to_owned(),
        replicas: 1,
        providers: vec!["aws".to_owned()],
        options: serde_json::json!({"months": 2}),
    }
}

fn named(plugin_id: &str) -> RepositoryPluginRequest {
    RepositoryPluginRequest {
        plugin_id: plugin_id.to_owned(),
        repository_id: String::new(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn configured_plugins_are_in_the_catalogue_of_every_domain_once() {
    let mut stack = Stack::start_with(|settings| settings.plugins = vec![configured()]).await;
    stack.another("repository").await;
    assert_eq!(stack.stored("repository", "plugin").await.len(), 1);
    let other = stack.other_domain().await;
    let owner = stack.token(WORKSPACE_SCOPE).await;
    let mut plugins = PluginClient::new(stack.channel("repository").await);
    for token in [&owner, &other.owner, &stack.system.token] {
        let one = plugins.get(with_token(token, named("plugin-sample-cost")));
        let one = one.await.unwrap().into_inner();
        assert_eq!(one.image, "lab/sample-cost");
        assert_eq!(one.resource_type, DATA_SOURCE);
        assert_eq!(one.provider, "aws");
        assert!(one.capability.unwrap().fields.contains_key("options"));
        assert_eq!(one.repository_info.unwrap().repository_type, "LOCAL");
        let versions = plugins.get_versions(with_token(token, named("plugin-sample-cost")));
        assert_eq!(versions.await.unwrap().into_inner().results, ["1.2"]);
    }
    let one = PluginRequest {
        plugin_id: "plugin-sample-cost".to_owned(),
    };
    let theirs = plugins.disable(with_token(&other.administrator, one.clone()));
    assert_eq!(theirs.await.unwrap_err().code(), Code::NotFound);
    let admin = stack.token(DOMAIN_SCOPE).await;
    let managed = plugins.deregister(with_token(&admin, one)).await;
    assert_eq!(managed.unwrap_err().code(), Code::InvalidArgument);

    // The configuration changes, and the catalogue follows.
    stack.settings.plugins[0].version = "1.3".to_owned();
    stack.another("repository").await;
    let versions = plugins.get_versions(with_token(&owner, named("plugin-sample-cost")));
    assert_eq!(versions.await.unwrap().into_inner().results, ["1.3"]);
    let mut repositories = RepositoryClient::new(stack.channel("repository").await);
    let all = repositories.list(with_token(&owner, RepositoryQuery::default()));
    assert_eq!(all.await.unwrap().into_inner().total_count, 1);
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registered_plugin_is_its_domains_own() {
    let stack = Stack::start_with(|_| {}).await;
    let admin = stack.token(DOMAIN_SCOPE).await;
    let owner = stack.token(WORKSPACE_SCOPE).await;
    let other = stack.other_domain().await;
    let mut plugins = PluginClient::new(stack.channel("repository").await);
    let new = RegisterPluginRequest {
        plugin_id: "plugin-mine".to_owned(),
        name: "mine".to_owned(),
        resource_type: DATA_SOURCE.to_owned(),
        image: "me/mine".to_owned(),
        registry_type: 1,
        tags: Some(object([("team", "web")])),
        ..RegisterPluginRequest::default()
    };
    let refused = plugins.register(with_token(&owner, new.clone())).await;
    let denied = "ERROR_PERMISSION_DENIED: Permission denied.";
    assert_status(refused, Code::PermissionDenied, denied);
    let lacking = RegisterPluginRequest {
        image: String::new(),
        ..new.clone()
    };
    let refused = plugins.register(with_token(&admin, lacking)).await;
    let words = "ERROR_REQUIRED_PARAMETER: Required parameter. (key = image)";
    assert_status(refused, Code::InvalidArgument, words);
    plugins
        .register(with_token(&admin, new.clone()))
        .await
        .unwrap();
    let again = plugins.register(with_token(&admin, new)).await;
    assert_eq!(again.unwrap_err().code(), Code::AlreadyExists);
    let versions = plugins.get_versions(with_token(&owner, named("plugin-mine")));
    assert_eq!(versions.await.unwrap().into_inner().results, ["latest"]);

    let hidden = plugins.get(with_token(&other.administrator, named("plugin-mine")));
    assert_eq!(hidden.await.unwrap_err().code(), Code::NotFound);
    let listed = plugins.list(with_token(&other.owner, PluginQuery::default()));
    assert_eq!(listed.await.unwrap().into_inner().total_count, 0);
    let change = UpdatePluginRequest {
        plugin_id: "plugin-mine".to_owned(),
        name: "renamed".to_owned(),
        ..UpdatePluginRequest::default()
    };
    let changed = plugins.update(with_token(&admin, change)).await.unwrap();
    assert_eq!(changed.get_ref().name, "renamed");
    assert!(
        changed
            .into_inner()
            .tags
            .unwrap()
            .fields
            .contains_key("team")
    );
    let one = PluginRequest {
        plugin_id: "plugin-mine".to_owned(),
    };
    plugins
        .disable(with_token(&admin, one.clone()))
        .await
        .unwrap();
    let disabled = PluginQuery {
        state: 2,
        ..PluginQuery::default()
    };
    let listed = plugins.list(with_token(&owner, disabled)).await.unwrap();
    assert_eq!(listed.into_inner().total_count, 1);
    plugins.deregister(with_token(&admin, one)).await.unwrap();
    let gone = plugins.get(with_token(&admin, named("plugin-mine"))).await;
    assert_eq!(gone.unwrap_err().code(), Code::NotFound);
    stack.stop().await;
}
