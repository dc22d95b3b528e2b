//! Secrets: who may make and read them, and where their data is never seen.

use base64::Engine as _;
use lab::cloudforet::proto::secret::v1::secret_client::SecretClient;
use lab::cloudforet::proto::secret::v1::{
    CreateSecretRequest, GetSecretDataRequest, SecretQuery, SecretRequest, UpdateSecretDataRequest,
};
use lab::cloudforet::{Settings, secret};
use lab::net::Trigger;
use prost_types::Struct;
use tokio::net::TcpListener;
use tonic::{Code, Request};

use crate::cloudforet_support::{
    DOMAIN_SCOPE, WORKSPACE_SCOPE, assert_status, channel, object, with_token,
};
use crate::support::stack::{Stack, emitter};

const DENIED: &str = "ERROR_PERMISSION_DENIED: Permission denied.";
/// Of a request whose spans are wanted.
const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn new(name: &str) -> CreateSecretRequest {
    CreateSecretRequest {
        name: name.to_owned(),
        data: Some(object([("password", "cl3ar-text")])),
        ..CreateSecretRequest::default()
    }
}

fn sampled<T>(token: &str, message: T) -> Request<T> {
    let mut request = with_token(token, message);
    let header = SAMPLED.parse().unwrap();
    request.metadata_mut().insert("traceparent", header);
    request
}

fn data_of(secret_id: &str) -> GetSecretDataRequest {
    GetSecretDataRequest {
        secret_id: secret_id.to_owned(),
        domain_id: String::new(),
    }
}

/// The system's call on a domain's behalf.
fn system<T>(stack: &Stack, message: T) -> Request<T> {
    let mut request = with_token(&stack.system.token, message);
    let domain = stack.settings.login.domain_id().parse().unwrap();
    request.metadata_mut().insert("x_domain_id", domain);
    request
}

#[tokio::test(flavor = "multi_thread")]
async fn data_is_the_systems_to_read_and_nowhere_in_clear() {
    let stack = Stack::start_with(|_| {}).await;
    let owner = stack.token(WORKSPACE_SCOPE).await;
    let admin = stack.token(DOMAIN_SCOPE).await;
    let mut secrets = SecretClient::new(stack.channel("secret").await);
    let made = secrets.create(sampled(&owner, new("one"))).await.unwrap();
    let made = made.into_inner();
    assert_eq!(made.workspace_id, stack.settings.login.workspace_id());
    let change = UpdateSecretDataRequest {
        secret_id: made.secret_id.clone(),
        schema_id: "access-key".to_owned(),
        data: Some(object([("password", "n3w-clear-text")])),
    };
    secrets.update_data(sampled(&owner, change)).await.unwrap();
    for token in [&owner, &admin] {
        let refused = secrets.get_data(with_token(token, data_of(&made.secret_id)));
        assert_status(refused.await, Code::PermissionDenied, DENIED);
    }
    let mut read = system(&stack, data_of(&made.secret_id));
    let header = SAMPLED.parse().unwrap();
    read.metadata_mut().insert("traceparent", header);
    let read = secrets.get_data(read).await.unwrap().into_inner();
    assert_eq!(read.data.unwrap(), object([("password", "n3w-clear-text")]));

    for collection in ["secret", "secret_data"] {
        for row in stack.stored("secret", collection).await {
            let bytes = bson::serialize_to_vec(&row).unwrap();
            for part in ["cl3ar-text", "n3w-clear-text", "password"] {
                let found = bytes
                    .windows(part.len())
                    .any(|window| window == part.as_bytes());
                assert!(!found, "{part} is in {collection}");
            }
        }
    }
    let sealed = stack.stored("secret", "secret_data").await.remove(0);
    let sealed = sealed.get_binary_generic("data").unwrap();
    let told: Vec<_> = stack.events.try_iter().collect();
    let told = serde_json::to_string(&told).unwrap();
    assert!(told.contains("update secret_data"), "{told}");
    let sealed = base64::engine::general_purpose::STANDARD.encode(&sealed[..24]);
    for part in ["cl3ar-text", "n3w-clear-text", sealed.as_str()] {
        assert!(!told.contains(part), "{part} is in a span");
    }
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_its_workspaces_and_domains() {
    let stack = Stack::start_with(|_| {}).await;
    let owner = stack.token(WORKSPACE_SCOPE).await;
    let other = stack.other_domain().await;
    let mut secrets = SecretClient::new(stack.channel("secret").await);
    let lacking = CreateSecretRequest {
        data: None,
        ..new("x")
    };
    let refused = secrets.create(with_token(&owner, lacking)).await;
    let words = "ERROR_REQUIRED_PARAMETER: Required parameter. (key = data)";
    assert_status(refused, Code::InvalidArgument, words);
    let for_domain = CreateSecretRequest {
        resource_group: 1,
        ..new("x")
    };
    let refused = secrets.create(with_token(&owner, for_domain)).await;
    assert_status(refused, Code::PermissionDenied, DENIED);
    let one = secrets.create(with_token(&owner, new("one"))).await;
    let one = SecretRequest {
        secret_id: one.unwrap().into_inner().secret_id,
    };

    let missing = format!(
        "ERROR_NOT_FOUND: Resource cannot be found or access is denied. (secret_id = {})",
        one.secret_id
    );
    for token in [&other.administrator, &other.owner] {
        let hidden = secrets.get(with_token(token, one.clone())).await;
        assert_status(hidden, Code::NotFound, &missing);
        let hidden = secrets.delete(with_token(token, one.clone())).await;
        assert_status(hidden, Code::NotFound, &missing);
        let listed = secrets.list(with_token(token, SecretQuery::default()));
        assert_eq!(listed.await.unwrap().into_inner().total_count, 0);
    }
    // Nor does the system take it for another domain's.
    let mut elsewhere = with_token(&stack.system.token, data_of(&one.secret_id));
    let domain = other.domain_id.parse().unwrap();
    elsewhere.metadata_mut().insert("x_domain_id", domain);
    let hidden = secrets.get_data(elsewhere).await;
    assert_status(hidden, Code::NotFound, &missing);

    secrets
        .disable(with_token(&owner, one.clone()))
        .await
        .unwrap();
    let disabled = secrets.get_data(system(&stack, data_of(&one.secret_id)));
    assert_eq!(disabled.await.unwrap_err().code(), Code::InvalidArgument);
    secrets
        .enable(with_token(&owner, one.clone()))
        .await
        .unwrap();
    secrets.delete(with_token(&owner, one)).await.unwrap();
    assert!(stack.stored("secret", "secret_data").await.is_empty());
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn replicas_share_the_key_and_a_wrong_one_is_told() {
    let mut stack = Stack::start_with(|_| {}).await;
    let owner = stack.token(WORKSPACE_SCOPE).await;
    let mut secrets = SecretClient::new(stack.channel("secret").await);
    let one = secrets.create(with_token(&owner, new("one"))).await;
    let one = one.unwrap().into_inner().secret_id;
    let second = stack.another("secret").await;
    let mut secrets = SecretClient::new(channel(second).await);
    let read = secrets.get_data(system(&stack, data_of(&one))).await;
    assert_ne!(read.unwrap().into_inner().data, Some(Struct::default()));

    std::fs::write(stack.data_folder().join("key"), [7; 32]).unwrap();
    let third = stack.another("secret").await;
    let mut secrets = SecretClient::new(channel(third).await);
    let refused = secrets.get_data(system(&stack, data_of(&one))).await;
    let refused = refused.unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    let words = refused.message();
    assert!(
        words.starts_with("ERROR_UNKNOWN") && words.contains("was encrypted with key"),
        "{words}"
    );
    stack.stop().await;
}

#[tokio::test]
async fn without_a_folder_for_the_key_there_is_no_service() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_trigger, shutdown) = Trigger::new();
    let served = secret::serve(listener, Settings::default(), None, emitter(), shutdown).await;
    assert_eq!(
        served.unwrap_err().to_string(),
        "no key for secrets: there is no folder for it (hint: LAB_DATA names one)"
    );
}
