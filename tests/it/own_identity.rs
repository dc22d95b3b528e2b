//! A service that nobody here wrote in place of the lab's: the recipe of `examples/identity`.

use std::path::Path;

use mongodb::bson::doc;
use serde_json::{Value, json};

use crate::eventually;
use crate::support::lab::{Lab, cluster_ip};
use crate::support::spacectl::{Spacectl, program};

const PASSWORD: &str = "Admin123!@#";

#[tokio::test(flavor = "multi_thread")]
async fn cloudforets_own_identity_serves_the_lab() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/identity");
    let toml = std::fs::read_to_string(example.join("lab.toml")).unwrap();
    let mongod = std::env::var("LAB_MONGOD").expect("LAB_MONGOD names a mongod; tests/run sets it");
    let lab = Lab::new("process", &toml)
        .with_path(Path::new(&mongod).parent().unwrap())
        .with_path(program("LAB_SPACEONE").parent().unwrap());
    let template = std::fs::read_to_string(example.join("identity.yaml")).unwrap();
    lab.file("identity.yaml", &template);
    lab.up();
    let status = lab.status();
    user_of_mongodb(cluster_ip(&status, "mongodb")).await;
    lab.ok(&["scale", "identity", "1"]);

    let endpoints = ["identity", "inventory"].map(|service| {
        (
            service,
            format!("grpc://{}:50051", cluster_ip(&status, service)),
        )
    });
    let client = Spacectl::new("none", &endpoints);
    let admin = json!({"admin": {"user_id": "root", "password": PASSWORD, "name": "Root"}});
    let token = call(&client, "init", "identity.System", &admin)["system_token"].clone();
    let token = token.as_str().unwrap();

    // With the token in their settings other pods take the place of these.
    let before = pods(&lab.status());
    let config = lab.folder().join("lab.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    let text = text
        .replace(
            "SYSTEM_TOKEN = \"\"",
            &format!("SYSTEM_TOKEN = \"{token}\""),
        )
        .replace("replicas = 0", "replicas = 1");
    lab.file("lab.toml", &text);
    let told = lab.ok(&["reload"]);
    assert!(told.contains("Deployment identity changed"), "{told}");
    assert!(told.contains("Deployment inventory changed"), "{told}");
    eventually!("the pods are replaced", {
        let now = pods(&lab.status());
        (now.len() == 2 && now.iter().all(|pod| !before.contains(pod))).then_some(())
    });

    client.configure(token, &endpoints);
    let domain = json!({"name": "spaceone", "admin": {
        "user_id": "admin@example.com", "password": PASSWORD, "name": "Admin", "language": "en",
    }});
    let domain = call(&client, "create", "identity.Domain", &domain)["domain_id"].clone();
    let domains = client.run(&["list", "identity.Domain"]);
    assert!(domains.contains("Count: 2 / 2"), "{domains}");

    // The lab's console-api and inventory work with its tokens.
    let rest = Rest::new(&lab);
    let credentials = json!({"user_id": "admin@example.com", "password": PASSWORD});
    let issue = json!({"domain_id": domain, "auth_type": "LOCAL", "credentials": credentials});
    let issued = rest.post("/identity/token/issue", None, &issue).await;
    let grant = |scope: &str, workspace: &Value| {
        json!({
            "grant_type": "REFRESH_TOKEN", "token": issued["refresh_token"], "scope": scope,
            "workspace_id": workspace,
        })
    };
    let of_domain = rest
        .post(
            "/identity/token/grant",
            None,
            &grant("DOMAIN", &Value::Null),
        )
        .await;
    let of_domain = of_domain["access_token"].as_str();
    let workspace = json!({"name": "Default"});
    let workspace = rest
        .post("/identity/workspace/create", of_domain, &workspace)
        .await;
    let of_workspace = grant("WORKSPACE", &workspace["workspace_id"]);
    let of_workspace = rest
        .post("/identity/token/grant", None, &of_workspace)
        .await;
    let of_workspace = of_workspace["access_token"].as_str();
    let server = json!({
        "name": "mine", "provider": "lab", "cloud_service_group": "G", "cloud_service_type": "T",
        "data": {}, "reference": {},
    });
    let path = "/inventory/cloud-service/create";
    let created = rest.post(path, of_workspace, &server).await;
    assert_eq!(created["workspace_id"], workspace["workspace_id"]);
    let listed = rest
        .post("/inventory/cloud-service/list", of_workspace, &json!({}))
        .await;
    assert_eq!(listed["total_count"], 1, "{listed}");
    lab.down();
}

/// The user that `identity.yaml` names.
async fn user_of_mongodb(address: &str) {
    let uri = format!("mongodb://{address}:27017/?directConnection=true");
    let client = mongodb::Client::with_uri_str(uri).await.unwrap();
    let user = doc! { "createUser": "admin", "pwd": "password", "roles": ["root"] };
    client.database("admin").run_command(user).await.unwrap();
}

/// A call that must succeed.
fn call(client: &Spacectl, verb: &str, resource: &str, request: &Value) -> Value {
    let request = request.to_string();
    let output = client.run(&["exec", verb, resource, "-j", &request, "-o", "json"]);
    serde_json::from_str(&output).unwrap_or_else(|_| panic!("{verb} {resource}: {output}"))
}

/// The ready pods of identity and inventory.
fn pods(status: &Value) -> Vec<String> {
    let pods = status["pods"].as_array().unwrap().iter();
    pods.filter(|pod| pod["service"] == "identity" || pod["service"] == "inventory")
        .filter(|pod| pod["ready"] == true)
        .map(|pod| pod["name"].as_str().unwrap().to_owned())
        .collect()
}

/// console-api-v2, through the ingress.
struct Rest {
    https: crate::support::https::Https,
    api: String,
}

impl Rest {
    fn new(lab: &Lab) -> Self {
        let status = lab.status();
        let api = status["urls"]["console_api_v2"].as_str().unwrap();
        Self {
            https: lab.https(),
            api: api.trim_end_matches('/').to_owned(),
        }
    }

    /// A call that must succeed.
    async fn post(&self, path: &str, token: Option<&str>, body: &Value) -> Value {
        let url = format!("{}{path}", self.api);
        let answer = self.https.post(&url, token, body).await.unwrap();
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        answer.json()
    }
}
