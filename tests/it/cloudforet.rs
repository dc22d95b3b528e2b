//! What both services have in common, over gRPC on a real store: signing in, tokens, reflection,
//! readiness, drain, and the film.

use std::net::SocketAddr;

use lab::cloudforet::proto::core::v1::server_info_client::ServerInfoClient;
use lab::cloudforet::proto::identity::v2::domain_client::DomainClient;
use lab::cloudforet::proto::identity::v2::endpoint_client::EndpointClient;
use lab::cloudforet::proto::identity::v2::user_client::UserClient;
use lab::cloudforet::proto::identity::v2::user_profile_client::UserProfileClient;
use lab::cloudforet::proto::identity::v2::{
    EndpointSearchQuery, GetDomainAuthRequest, UserProfileRequest, UserSearchQuery,
};
use lab::cloudforet::proto::inventory::v1::CloudServiceQuery;
use lab::cloudforet::proto::inventory::v1::cloud_service_client::CloudServiceClient;
use lab::model::{Event, SpanKind};
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1alpha::ServerReflectionRequest;
use tonic_reflection::pb::v1alpha::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1alpha::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1alpha::server_reflection_response::MessageResponse;

use crate::cloudforet_support::{
    Backends, DOMAIN_SCOPE, USER_SCOPE, WORKSPACE_SCOPE, assert_status, channel, new_server,
    serving, with_token,
};

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
    assert_eq!(endpoints.get_ref().total_count, 6);
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
            "spaceone.api.inventory.v1.CloudServiceQuerySet",
            "spaceone.api.inventory.v1.CloudServiceType",
            "spaceone.api.inventory.v1.Collector",
            "spaceone.api.inventory.v1.Job",
            "spaceone.api.inventory.v1.JobTask",
            "spaceone.api.inventory.v1.Region",
            "spaceone.api.inventory.v1.Server",
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
    // Which connection it was, only Linux tells.
    if cfg!(target_os = "linux") {
        let remote = rows.outbound.unwrap().remote;
        assert_eq!(remote, backends.store);
    }
}

#[tokio::test]
async fn a_backend_is_ready_once_its_store_is() {
    // A port that refuses for now: bound, so that nobody else gets it, but not listening.
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    let address = socket.local_addr().unwrap();
    let mut backends = Backends::start().await;
    backends.settings.mongodb = format!("mongodb://{address}");
    backends.settings.database_prefix.push_str("late-");
    let inventory = backends.another_inventory().await;

    let mut health = HealthClient::new(channel(inventory).await);
    let status = health
        .check(HealthCheckRequest::default())
        .await
        .unwrap()
        .into_inner()
        .status();
    assert_eq!(status, ServingStatus::NotServing);

    let listener = socket.listen(64).unwrap();
    let store = backends.store;
    tokio::spawn(async move {
        loop {
            let (mut here, _) = listener.accept().await.unwrap();
            tokio::spawn(async move {
                let mut there = tokio::net::TcpStream::connect(store).await.unwrap();
                // Ends with an error when the test ends.
                let _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
            });
        }
    });
    serving(inventory).await;
}

#[tokio::test]
async fn on_the_signal_open_connections_are_closed_and_the_backend_returns() {
    let mut backends = Backends::start().await;
    let mut info = ServerInfoClient::new(channel(backends.inventory).await);
    info.get_version(()).await.unwrap();
    // The connection is still open, and idle.
    tokio::time::timeout(crate::support::PATIENCE, backends.stop())
        .await
        .unwrap();
    assert!(info.get_version(()).await.is_err());
}
