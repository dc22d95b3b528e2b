//! Identity and inventory over gRPC, on a real store.

use lab::cloudforet::proto::core::v1::server_info_client::ServerInfoClient;
use lab::cloudforet::proto::identity::v2::domain_client::DomainClient;
use lab::cloudforet::proto::identity::v2::endpoint_client::EndpointClient;
use lab::cloudforet::proto::identity::v2::user_client::UserClient;
use lab::cloudforet::proto::identity::v2::user_profile_client::UserProfileClient;
use lab::cloudforet::proto::identity::v2::{
    EndpointSearchQuery, GetDomainAuthRequest, UserProfileRequest, UserSearchQuery,
};
use lab::cloudforet::proto::inventory::v1::cloud_service_client::CloudServiceClient;
use lab::cloudforet::proto::inventory::v1::{
    CloudServiceInfo, CloudServiceQuery, CloudServiceReference, CloudServiceRequest,
    CreateServiceRequest, UpdateCloudServiceRequest,
};
use lab::model::{Event, SpanKind};
use prost_types::Struct;
use tonic::{Code, Status};
use tonic_reflection::pb::v1alpha::ServerReflectionRequest;
use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1alpha::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1alpha::server_reflection_response::MessageResponse;

use crate::cloudforet_support::{
    Backends, DOMAIN_SCOPE, USER_SCOPE, WORKSPACE_SCOPE, channel, object, with_token,
};

fn new_server(name: &str) -> CreateServiceRequest {
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

async fn create(backends: &Backends, token: &str, name: &str) -> Result<CloudServiceInfo, Status> {
    let mut services = CloudServiceClient::new(channel(backends.inventory).await);
    let created = services.create(with_token(token, new_server(name))).await?;
    Ok(created.into_inner())
}

fn assert_status<T: std::fmt::Debug>(result: Result<T, Status>, code: Code, message: &str) {
    let status = result.expect_err("the call must fail");
    assert_eq!((status.code(), status.message()), (code, message));
}

#[tokio::test]
async fn a_user_signs_in_and_gets_tokens_by_scope() {
    let backends = Backends::start().await;
    let login = &backends.settings.login;
    let mut domains = DomainClient::new(channel(backends.identity).await);
    let request = GetDomainAuthRequest {
        name: login.domain.clone(),
    };
    let domain = domains.get_auth_info(request).await.unwrap().into_inner();
    assert_eq!(domain.domain_id, login.domain_id());

    let (access, _) = backends.sign_in(&login.password).await.unwrap();
    let mut profile = UserProfileClient::new(channel(backends.identity).await);
    let me = profile
        .get(with_token(&access, UserProfileRequest::default()))
        .await
        .unwrap();
    assert_eq!(me.get_ref().user_id, login.user);
    let mine = profile
        .get_workspaces(with_token(&access, UserProfileRequest::default()))
        .await;
    let mine = mine.unwrap().into_inner();
    assert_eq!(mine.total_count, 1);
    assert_eq!(mine.results[0].workspace_id, login.workspace_id());

    let administrator = backends.token(DOMAIN_SCOPE).await.unwrap();
    let mut users = UserClient::new(channel(backends.identity).await);
    let all = users
        .list(with_token(&administrator, UserSearchQuery::default()))
        .await
        .unwrap();
    assert_eq!(all.get_ref().results[0].user_id, login.user);
    let refused = users
        .list(with_token(&access, UserSearchQuery::default()))
        .await;
    assert_status(
        refused,
        Code::PermissionDenied,
        "ERROR_PERMISSION_DENIED: Permission denied.",
    );

    let mut endpoints = EndpointClient::new(channel(backends.identity).await);
    let endpoints = endpoints
        .list(EndpointSearchQuery::default())
        .await
        .unwrap();
    assert_eq!(endpoints.get_ref().total_count, 2);
}

#[tokio::test]
async fn ten_wrong_passwords_block_the_right_one() {
    let backends = Backends::start().await;
    for _ in 0..10 {
        let refused = backends.sign_in("guess").await;
        assert_status(
            refused,
            Code::Unauthenticated,
            "ERROR_AUTHENTICATE_FAILURE: Authenticate failure. \
             (message = User not found or password is incorrect.)",
        );
    }
    let refused = backends.sign_in(&backends.settings.login.password).await;
    assert_status(
        refused,
        Code::Unauthenticated,
        "ERROR_AUTHENTICATE_FAILURE: Authenticate failure. \
         (message = Too many failed attempts, try again in a few minutes.)",
    );
}

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
    // Empty is not the same as absent.
    let bare = CreateServiceRequest {
        data: Some(Struct::default()),
        ..new_server("x")
    };
    services.create(with_token(&token, bare)).await.unwrap();
}

#[tokio::test]
async fn without_a_good_token_nothing_is_shown() {
    let backends = Backends::start().await;
    let mut services = CloudServiceClient::new(channel(backends.inventory).await);
    let failure = |reason: &str| {
        format!("ERROR_AUTHENTICATE_FAILURE: Authenticate failure. (message = {reason})")
    };
    let none = services.list(CloudServiceQuery::default()).await;
    assert_status(
        none,
        Code::Unauthenticated,
        &failure("Empty token provided."),
    );
    let garbage = services
        .list(with_token("garbage", CloudServiceQuery::default()))
        .await;
    assert_status(
        garbage,
        Code::Unauthenticated,
        &failure("Cannot decode token."),
    );

    let token = backends.token(WORKSPACE_SCOPE).await.unwrap();
    let (rest, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let forged = format!("{rest}.{first}{}", &signature[1..]);
    let refused = services
        .list(with_token(&forged, CloudServiceQuery::default()))
        .await;
    assert_status(
        refused,
        Code::Unauthenticated,
        &failure("Token is invalid."),
    );

    let (_, refresh) = backends
        .sign_in(&backends.settings.login.password)
        .await
        .unwrap();
    let refused = services
        .list(with_token(&refresh, CloudServiceQuery::default()))
        .await;
    assert_eq!(refused.unwrap_err().code(), Code::Unauthenticated);

    let denied = "ERROR_PERMISSION_DENIED: Permission denied.";
    let user = backends.token(USER_SCOPE).await.unwrap();
    let refused = services
        .list(with_token(&user, CloudServiceQuery::default()))
        .await;
    assert_status(refused, Code::PermissionDenied, denied);
    let administrator = backends.token(DOMAIN_SCOPE).await.unwrap();
    services
        .list(with_token(&administrator, CloudServiceQuery::default()))
        .await
        .unwrap();
    let refused = services
        .create(with_token(&administrator, new_server("x")))
        .await;
    assert_status(refused, Code::PermissionDenied, denied);
}

#[tokio::test]
async fn another_domains_resources_are_out_of_reach() {
    let ours = Backends::start().await;
    let theirs = Backends::start_with(|settings| {
        settings.database_prefix = ours.settings.database_prefix.clone();
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
    let asked = CloudServiceQuery {
        workspace_id: ours.settings.login.workspace_id(),
        ..CloudServiceQuery::default()
    };
    let asked = services.list(with_token(&their_token, asked)).await;
    assert_eq!(asked.unwrap_err().code(), Code::PermissionDenied);
}

#[tokio::test]
async fn reflection_needs_no_token_and_knows_every_import() {
    let backends = Backends::start().await;
    let mut reflection = ServerReflectionClient::new(channel(backends.inventory).await);
    let mut ask = async |message: MessageRequest| {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(message),
        };
        let mut answers = reflection
            .server_reflection_info(tokio_stream::once(request))
            .await
            .unwrap()
            .into_inner();
        answers
            .message()
            .await
            .unwrap()
            .unwrap()
            .message_response
            .unwrap()
    };
    let services = ask(MessageRequest::ListServices(String::new())).await;
    let MessageResponse::ListServicesResponse(services) = services else {
        panic!("{services:?}");
    };
    let mut names: Vec<_> = services
        .service
        .iter()
        .map(|service| service.name.as_str())
        .collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "grpc.health.v1.Health",
            "grpc.reflection.v1alpha.ServerReflection",
            "spaceone.api.core.v1.ServerInfo",
            "spaceone.api.inventory.v1.CloudService",
            "spaceone.api.inventory.v1.CloudServiceType",
            "spaceone.api.inventory.v1.Region",
        ]
    );
    for name in names.iter().map(|name| (*name).to_owned()) {
        let file = ask(MessageRequest::FileContainingSymbol(name)).await;
        assert!(
            matches!(file, MessageResponse::FileDescriptorResponse(_)),
            "{file:?}"
        );
    }
    for file in [
        "spaceone/api/core/v2/query.proto",
        "google/protobuf/struct.proto",
        "google/protobuf/empty.proto",
    ] {
        let file = ask(MessageRequest::FileByFilename(file.to_owned())).await;
        assert!(
            matches!(file, MessageResponse::FileDescriptorResponse(_)),
            "{file:?}"
        );
    }
    let mut info = ServerInfoClient::new(channel(backends.identity).await);
    assert!(
        !info
            .get_version(())
            .await
            .unwrap()
            .get_ref()
            .version
            .is_empty()
    );
}

#[tokio::test]
async fn a_sampled_call_is_told_hop_by_hop() {
    let backends = Backends::start().await;
    let token = backends.token(WORKSPACE_SCOPE).await.unwrap();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let mut services = CloudServiceClient::new(channel(backends.inventory).await);
    let mut request = with_token(&token, CloudServiceQuery::default());
    let header = format!("00-{trace}-00f067aa0ba902b7-01");
    request
        .metadata_mut()
        .insert("traceparent", header.parse().unwrap());
    services.list(request).await.unwrap();
    // The next one rides on the same channel, and asks for no key any more.
    services
        .list(with_token(&token, CloudServiceQuery::default()))
        .await
        .unwrap();

    let spans: Vec<_> = backends
        .events
        .try_iter()
        .filter_map(|event| match event {
            Event::Span(span) => Some(span),
            Event::Connection(_) => None,
        })
        .collect();
    assert!(
        spans.iter().all(|span| span.trace.to_string() == trace),
        "{spans:?}"
    );
    let find = |kind, name: &str| {
        let mut found = spans
            .iter()
            .filter(|span| span.kind == kind && span.name == name);
        found
            .next()
            .unwrap_or_else(|| panic!("{kind:?} {name} in {spans:#?}"))
    };
    let list = find(SpanKind::GrpcServer, "CloudService/list");
    assert_eq!(list.inbound.unwrap().local, backends.inventory);
    assert_eq!(list.status, "OK");
    let call = find(SpanKind::GrpcClient, "Domain/get_public_key");
    assert_eq!(call.parent, Some(list.id));
    assert_eq!(call.attributes["channel"], "new");
    let outbound = call.outbound.unwrap();
    assert_eq!(outbound.remote, backends.identity);
    let key = find(SpanKind::GrpcServer, "Domain/get_public_key");
    assert_eq!(key.parent, Some(call.id));
    assert_eq!(key.inbound.unwrap().remote, outbound.local);
    assert_eq!(
        find(SpanKind::MongoClient, "find domain").parent,
        Some(key.id)
    );
    let rows = find(SpanKind::MongoClient, "find cloud_service");
    assert_eq!(rows.parent, Some(list.id));
    assert_eq!(rows.attributes["documents"], 0);
}
