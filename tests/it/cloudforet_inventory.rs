//! What the inventory keeps: resources, types, regions, and whose they are.

use bson::{Bson, doc};
use lab::cloudforet::proto::core::v2::filter::{KeyAlias, OperatorAlias, ValueAlias};
use lab::cloudforet::proto::core::v2::{Filter, Query};
use lab::cloudforet::proto::inventory::v1::cloud_service_client::CloudServiceClient;
use lab::cloudforet::proto::inventory::v1::cloud_service_type_client::CloudServiceTypeClient;
use lab::cloudforet::proto::inventory::v1::region_client::RegionClient;
use lab::cloudforet::proto::inventory::v1::{
    CloudServiceExportRequest, CloudServiceQuery, CloudServiceRequest, CloudServiceTypeQuery,
    CreateCloudServiceTypeRequest, CreateRegionRequest, CreateServiceRequest, RegionQuery,
    RegionRequest, UpdateCloudServiceRequest, UpdateRegionRequest,
};
use prost_types::Struct;
use tonic::Code;

use crate::cloudforet_support::{
    Backends, WORKSPACE_SCOPE, assert_status, channel, create, new_server, object, serving, text,
    with_token,
};
use crate::eventually;

#[tokio::test]
async fn a_resource_is_created_read_changed_and_deleted() {
    let backends = Backends::start().await;
    let token = backends.token(WORKSPACE_SCOPE).await.unwrap();
    let created = create(&backends, &token, "one").await.unwrap();
    assert!(created.cloud_service_id.starts_with("cloud-svc-"));
    assert_eq!(created.state, "ACTIVE");
    assert_eq!(created.workspace_id, backends.settings.login.workspace_id());
    assert!(created.tags.as_ref().unwrap().fields.contains_key("custom"));

    let mut services = CloudServiceClient::new(channel(backends.inventory).await);
    let one = CloudServiceRequest {
        cloud_service_id: created.cloud_service_id.clone(),
    };
    let read = services
        .get(with_token(&token, one.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(read, created);

    let change = UpdateCloudServiceRequest {
        cloud_service_id: created.cloud_service_id.clone(),
        name: "renamed".to_owned(),
        data: Some(object([("zone", "a")])),
        ..UpdateCloudServiceRequest::default()
    };
    let changed = services
        .update(with_token(&token, change))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(changed.name, "renamed");
    assert_eq!(changed.ip_addresses, ["10.0.0.1"]);
    let data = changed.data.unwrap().fields;
    assert!(data.contains_key("state") && data.contains_key("zone"));

    services
        .delete(with_token(&token, one.clone()))
        .await
        .unwrap();
    let missing = services.get(with_token(&token, one)).await;
    let message = format!(
        "ERROR_NOT_FOUND: Resource cannot be found or access is denied. (cloud_service_id = {})",
        created.cloud_service_id
    );
    assert_status(missing, Code::NotFound, &message);
    let listed = services
        .list(with_token(&token, CloudServiceQuery::default()))
        .await
        .unwrap();
    assert_eq!(listed.get_ref().total_count, 0);
    let deleted = CloudServiceQuery {
        state: "DELETED".to_owned(),
        ..CloudServiceQuery::default()
    };
    let listed = services
        .list(with_token(&token, deleted))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(listed.total_count, 1);
    assert!(!listed.results[0].deleted_at.is_empty());
}

#[tokio::test]
async fn a_request_that_lacks_something_is_told_what() {
    let backends = Backends::start().await;
    let token = backends.token(WORKSPACE_SCOPE).await.unwrap();
    let mut services = CloudServiceClient::new(channel(backends.inventory).await);
    for (request, key) in [
        (
            CreateServiceRequest {
                provider: String::new(),
                ..new_server("x")
            },
            "provider",
        ),
        (
            CreateServiceRequest {
                data: None,
                ..new_server("x")
            },
            "data",
        ),
        (
            CreateServiceRequest {
                reference: None,
                ..new_server("x")
            },
            "reference",
        ),
    ] {
        let message = format!("ERROR_REQUIRED_PARAMETER: Required parameter. (key = {key})");
        let refused = services.create(with_token(&token, request)).await;
        assert_status(refused, Code::InvalidArgument, &message);
    }
    let export = services
        .export(with_token(&token, CloudServiceExportRequest::default()))
        .await;
    assert_eq!(export.unwrap_err().code(), Code::Unimplemented);
    // Empty is not the same as absent.
    let bare = CreateServiceRequest {
        data: Some(Struct::default()),
        ..new_server("x")
    };
    services.create(with_token(&token, bare)).await.unwrap();
}

#[tokio::test]
async fn another_domains_resources_are_out_of_reach() {
    let ours = Backends::start().await;
    let theirs = Backends::start_with(|settings| {
        settings.mongodb.clone_from(&ours.settings.mongodb);
        settings.login.domain = "other".to_owned();
    })
    .await;
    let (our_token, their_token) = (
        ours.token(WORKSPACE_SCOPE).await.unwrap(),
        theirs.token(WORKSPACE_SCOPE).await.unwrap(),
    );
    let created = create(&ours, &our_token, "secret").await.unwrap();

    // The same inventory, the same store, another token.
    let mut services = CloudServiceClient::new(channel(ours.inventory).await);
    let listed = services
        .list(with_token(&their_token, CloudServiceQuery::default()))
        .await
        .unwrap();
    assert_eq!(listed.get_ref().total_count, 0);
    let one = CloudServiceRequest {
        cloud_service_id: created.cloud_service_id.clone(),
    };
    let read = services.get(with_token(&their_token, one.clone())).await;
    assert_eq!(read.unwrap_err().code(), Code::NotFound);
    let deleted = services.delete(with_token(&their_token, one)).await;
    assert_eq!(deleted.unwrap_err().code(), Code::NotFound);
    // Not through a reference to our types either.
    let mut types = CloudServiceTypeClient::new(channel(ours.inventory).await);
    let kind = CreateCloudServiceTypeRequest {
        name: "Instance".to_owned(),
        provider: "aws".to_owned(),
        group: "EC2".to_owned(),
        ..CreateCloudServiceTypeRequest::default()
    };
    types.create(with_token(&our_token, kind)).await.unwrap();
    create(&ours, &their_token, "theirs").await.unwrap();
    let by_reference = |domain: String| CloudServiceQuery {
        query: Some(Query {
            filter: vec![Filter {
                key_alias: Some(KeyAlias::K("ref_cloud_service_type.domain_id".to_owned())),
                value_alias: Some(ValueAlias::V(text(&domain))),
                operator_alias: Some(OperatorAlias::O("eq".to_owned())),
            }],
            ..Query::default()
        }),
        ..CloudServiceQuery::default()
    };
    let request = by_reference(ours.settings.login.domain_id());
    let found = services
        .list(with_token(&our_token, request.clone()))
        .await
        .unwrap();
    assert_eq!(found.get_ref().total_count, 1);
    let found = services
        .list(with_token(&their_token, request))
        .await
        .unwrap();
    assert_eq!(found.get_ref().total_count, 0);
    let asked = CloudServiceQuery {
        workspace_id: ours.settings.login.workspace_id(),
        ..CloudServiceQuery::default()
    };
    let asked = services.list(with_token(&their_token, asked)).await;
    assert_eq!(asked.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn regions_and_types_are_listed_and_regions_are_unique() {
    let sample = Backends::start_with(|settings| settings.sample_data = true).await;
    let token = sample.token(WORKSPACE_SCOPE).await.unwrap();
    let inventory = channel(sample.inventory).await;
    let mut types = CloudServiceTypeClient::new(inventory.clone());
    let request = CloudServiceTypeQuery {
        provider: "aws".to_owned(),
        is_primary: true,
        ..CloudServiceTypeQuery::default()
    };
    let aws = types
        .list(with_token(&token, request))
        .await
        .unwrap()
        .into_inner();
    assert!(
        aws.results
            .iter()
            .all(|kind| kind.is_primary && kind.provider == "aws")
    );
    assert!(
        aws.results
            .iter()
            .any(|kind| kind.cloud_service_type_key == "aws.EC2.Instance")
    );

    let mut regions = RegionClient::new(inventory);
    let request = CreateRegionRequest {
        name: "Mars".to_owned(),
        region_code: "mars-1".to_owned(),
        provider: "aws".to_owned(),
        tags: None,
    };
    let mars = regions
        .create(with_token(&token, request.clone()))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(mars.region_key, "aws.mars-1");
    let again = regions
        .create(with_token(&token, request))
        .await
        .unwrap_err();
    assert_eq!(again.code(), Code::AlreadyExists);
    assert!(
        again.message().starts_with("ERROR_SAVE_UNIQUE_VALUES: "),
        "{}",
        again.message()
    );
    let change = UpdateRegionRequest {
        region_id: mars.region_id.clone(),
        name: "Red".to_owned(),
        tags: None,
    };
    let changed = regions.update(with_token(&token, change)).await.unwrap();
    assert_eq!(changed.get_ref().name, "Red");
    let one = RegionRequest {
        region_id: mars.region_id.clone(),
    };
    regions
        .delete(with_token(&token, one.clone()))
        .await
        .unwrap();
    let gone = regions.get(with_token(&token, one)).await.unwrap_err();
    assert_eq!(gone.code(), Code::NotFound);
    let left = regions
        .list(with_token(&token, RegionQuery::default()))
        .await
        .unwrap();
    assert_eq!(left.get_ref().total_count, 16);
    assert!(
        left.get_ref().results[0]
            .tags
            .as_ref()
            .unwrap()
            .fields
            .contains_key("latitude")
    );
}

#[tokio::test]
async fn replicas_that_start_at_once_load_the_sample_once() {
    let mut backends = Backends::start_with(|settings| settings.sample_data = true).await;
    // A fresh database for all of these.
    backends.settings.database_prefix.push_str("again-");
    let (one, two, three) = (
        backends.another_inventory().await,
        backends.another_inventory().await,
        backends.another_inventory().await,
    );
    tokio::join!(serving(one), serving(two), serving(three));
    let options = mongodb::options::ClientOptions::parse(&backends.settings.mongodb)
        .await
        .unwrap();
    let client = mongodb::Client::with_options(options).unwrap();
    let database = client.database(&format!("{}inventory", backends.settings.database_prefix));
    let services = database.collection::<bson::Document>("cloud_service");
    let count = services.count_documents(doc! {}).await.unwrap();
    let ids = services
        .distinct("cloud_service_id", doc! {})
        .await
        .unwrap();
    assert!(ids.iter().all(|id| matches!(id, Bson::String(_))));
    assert_eq!(usize::try_from(count).unwrap(), ids.len());
    assert!(count > 250);
}

#[tokio::test]
async fn a_token_that_is_over_forged_or_of_another_kind_opens_nothing() {
    let backends = Backends::start().await;
    let brief = backends.token_for(WORKSPACE_SCOPE, 1).await.unwrap();
    let (_, refresh) = backends
        .sign_in(&backends.settings.login.password)
        .await
        .unwrap();
    let mut services = CloudServiceClient::new(channel(backends.inventory).await);
    let mut refused = async |token: &str| {
        let request = with_token(token, CloudServiceQuery::default());
        let status = services.list(request).await.err()?;
        assert_eq!(status.code(), Code::Unauthenticated);
        Some(status.message().to_owned())
    };
    // The claims of one token under the signature of another.
    let other = backends.token(WORKSPACE_SCOPE).await.unwrap();
    let (claims, _) = brief.rsplit_once('.').unwrap();
    let (_, signature) = other.rsplit_once('.').unwrap();
    for wrong in [format!("{claims}.{signature}"), refresh] {
        let said = refused(&wrong).await.unwrap();
        assert_eq!(
            said,
            "ERROR_AUTHENTICATE_FAILURE: Authenticate failure. (message = Token is invalid.)"
        );
    }
    let said = eventually!("the token is over", refused(&brief).await);
    assert_eq!(
        said,
        "ERROR_AUTHENTICATE_FAILURE: Authenticate failure. (message = Token is expired.)"
    );
    assert_eq!(refused(&other).await, None);
}
