//! What the inventory shows of cloud services in other ways: servers, and kept analyses; and the
//! collectors that it has from the start.

use std::net::SocketAddr;

use lab::cloudforet::proto::core::v2::filter::{KeyAlias, OperatorAlias, ValueAlias};
use lab::cloudforet::proto::core::v2::{AnalyzeQuery, Filter, Query, StatisticsQuery};
use lab::cloudforet::proto::inventory::v1::cloud_service_client::CloudServiceClient;
use lab::cloudforet::proto::inventory::v1::cloud_service_query_set_client::CloudServiceQuerySetClient;
use lab::cloudforet::proto::inventory::v1::collector_client::CollectorClient;
use lab::cloudforet::proto::inventory::v1::server_client::ServerClient;
use lab::cloudforet::proto::inventory::v1::{
    CloudServiceQuerySetRequest, CollectorQuery, CreateCloudServiceQuerySetRequest,
    CreateServiceRequest, GetServerRequest, ServerQuery, ServerStatQuery,
};
use lab::model::{COLLECTOR, DATA_SOURCE, Plugin};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use tonic::Code;
use tonic::transport::Channel;

use crate::cloudforet_support::{
    Backends, WORKSPACE_SCOPE, assert_status, channel, create, new_server, object, text, with_token,
};

fn filter(key: &str, operator: &str, value: &str) -> Filter {
    Filter {
        key_alias: Some(KeyAlias::K(key.to_owned())),
        value_alias: Some(ValueAlias::V(text(value))),
        operator_alias: Some(OperatorAlias::O(operator.to_owned())),
    }
}

async fn servers(address: SocketAddr) -> ServerClient<Channel> {
    ServerClient::new(channel(address).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn servers_are_cloud_services_under_other_names() {
    let backends = Backends::start().await;
    let token = backends.token(WORKSPACE_SCOPE).await.unwrap();
    let made = create(&backends, &token, "web-1").await.unwrap();
    let mut services = CloudServiceClient::new(channel(backends.inventory).await);
    let bucket = CreateServiceRequest {
        cloud_service_group: "S3".to_owned(),
        cloud_service_type: "Bucket".to_owned(),
        ..new_server("bucket-1")
    };
    let bucket = services.create(with_token(&token, bucket)).await.unwrap();
    let bucket = bucket.into_inner().cloud_service_id;
    let machine = CreateServiceRequest {
        cloud_service_group: "Lab".to_owned(),
        cloud_service_type: "Server".to_owned(),
        ip_addresses: vec!["192.0.2.1".to_owned(), "10.0.0.1".to_owned()],
        data: Some(Struct {
            fields: [(
                "os".to_owned(),
                Value {
                    kind: Some(Kind::StructValue(object([("os_type", "LINUX")]))),
                },
            )]
            .into(),
        }),
        ..new_server("laptop")
    };
    services.create(with_token(&token, machine)).await.unwrap();

    let mut servers = servers(backends.inventory).await;
    let list = |query: ServerQuery| with_token(&token, query);
    let all = servers.list(list(ServerQuery::default())).await.unwrap();
    assert_eq!(all.into_inner().total_count, 2);
    for (query, name) in [
        (
            ServerQuery {
                server_id: made.cloud_service_id.clone(),
                ..ServerQuery::default()
            },
            "web-1",
        ),
        (
            ServerQuery {
                primary_ip_address: "10.0.0.1".to_owned(),
                ..ServerQuery::default()
            },
            "web-1",
        ),
        (
            ServerQuery {
                os_type: 1,
                ..ServerQuery::default()
            },
            "laptop",
        ),
        (
            ServerQuery {
                query: Some(Query {
                    filter: vec![filter("primary_ip_address", "contain", "192")],
                    only: vec!["name".to_owned(), "primary_ip_address".to_owned()],
                    ..Query::default()
                }),
                ..ServerQuery::default()
            },
            "laptop",
        ),
    ] {
        let found = servers.list(list(query)).await.unwrap().into_inner();
        assert_eq!(found.results.len(), 1, "{found:?}");
        assert_eq!(found.results[0].name, name);
        assert!(!found.results[0].primary_ip_address.is_empty());
    }
    let get = |server_id: &str| {
        let server_id = server_id.to_owned();
        let request = GetServerRequest {
            server_id,
            ..GetServerRequest::default()
        };
        with_token(&token, request)
    };
    let one = servers.get(get(&made.cloud_service_id)).await.unwrap();
    assert_eq!(one.into_inner().cloud_service_group, "EC2");
    assert_status(
        servers.get(get(&bucket)).await,
        Code::NotFound,
        &format!(
            "ERROR_NOT_FOUND: Resource cannot be found or access is denied. (server_id = {bucket})"
        ),
    );
    let query = StatisticsQuery {
        distinct: "os_type".to_owned(),
        filter: vec![filter("os_type", "eq", "LINUX")],
        ..StatisticsQuery::default()
    };
    let query = ServerStatQuery { query: Some(query) };
    let told = servers.stat(with_token(&token, query)).await.unwrap();
    let results = told.into_inner().fields.remove("results").unwrap();
    let linux = ListValue {
        values: vec![text("LINUX")],
    };
    assert_eq!(results.kind, Some(Kind::ListValue(linux)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_kept_analysis_is_run_when_it_is_asked_for() {
    let backends = Backends::start().await;
    let token = backends.token(WORKSPACE_SCOPE).await.unwrap();
    create(&backends, &token, "web-1").await.unwrap();
    let mut sets = CloudServiceQuerySetClient::new(channel(backends.inventory).await);
    let query = |operator: &str| AnalyzeQuery {
        group_by: Some(ListValue {
            values: vec![text("provider")],
        }),
        fields: Some(Struct {
            fields: [(
                "count".to_owned(),
                Value {
                    kind: Some(Kind::StructValue(object([("operator", operator)]))),
                },
            )]
            .into(),
        }),
        ..AnalyzeQuery::default()
    };
    let wish = |operator: &str| CreateCloudServiceQuerySetRequest {
        name: "by provider".to_owned(),
        query_options: Some(query(operator)),
        provider: "aws".to_owned(),
        ..CreateCloudServiceQuerySetRequest::default()
    };
    let refused = sets.create(with_token(&token, wish("guess"))).await;
    assert!(refused.unwrap_err().message().starts_with("ERROR_"));
    let made = sets
        .create(with_token(&token, wish("count")))
        .await
        .unwrap();
    let made = made.into_inner();
    assert_eq!(made.data_keys, ["count"]);
    assert_eq!(made.additional_info_keys, ["provider"]);
    let this = || {
        let query_set_id = made.query_set_id.clone();
        with_token(&token, CloudServiceQuerySetRequest { query_set_id })
    };
    let kept = sets.get(this()).await.unwrap().into_inner();
    assert_eq!(kept.query_options, Some(query("count")));
    let found = sets.test(this()).await.unwrap().into_inner();
    let Some(Kind::ListValue(results)) = &found.fields["results"].kind else {
        panic!("{found:?}");
    };
    assert_eq!(results.values.len(), 1);
    sets.run(this()).await.unwrap();
    assert_eq!(sets.disable(this()).await.unwrap().into_inner().state, 2);
    let refused = sets.run(this()).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    sets.delete(this()).await.unwrap();
    assert_eq!(sets.get(this()).await.unwrap_err().code(), Code::NotFound);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_that_collects_has_its_collector_from_the_start() {
    let plugin = |name: &str, resource_type: &str| Plugin {
        name: name.to_owned(),
        plugin_id: format!("plugin-{name}"),
        resource_type: resource_type.to_owned(),
        version: "1.0".to_owned(),
        replicas: 1,
        providers: vec!["lab".to_owned()],
        options: serde_json::json!({ "count": 10 }),
        ..Plugin::default()
    };
    let mut backends = Backends::start_with(|settings| {
        settings.plugins = vec![plugin("sample", COLLECTOR), plugin("cost", DATA_SOURCE)];
    })
    .await;
    // Another replica finds it there.
    let other = backends.another_inventory().await;
    crate::cloudforet_support::serving(other).await;
    let token = backends.token(WORKSPACE_SCOPE).await.unwrap();
    let mut collectors = CollectorClient::new(channel(other).await);
    let query = with_token(&token, CollectorQuery::default());
    let found = collectors.list(query).await.unwrap().into_inner();
    assert_eq!(found.total_count, 1);
    let info = found.results[0].plugin_info.as_ref().unwrap();
    assert_eq!(info.plugin_id, "plugin-sample");
    let options = info.options.as_ref().unwrap();
    assert_eq!(options.fields["count"].kind, Some(Kind::NumberValue(10.0)));
}
