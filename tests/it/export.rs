//! `lab export kubernetes`: what runs, as kubectl, Kubernetes' own schemas and the lab itself read it.

mod discovery;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, PersistentVolumeClaim, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::networking::v1::{Ingress, IngressClass};
use lab::config::{self, Config, Overrides};
use lab::export::{self, Options, StoreImage};
use lab::model::{ClusterIp, Conditions, Endpoint, EndpointAddress, Exported, Workload};
use lab::registry::Cluster;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::support::lab::{BINARY, Lab};

/// A lab with something of everything that a manifest can say.
const TOML: &str = r#"
[ingress]
controller = "CONTROLLER"
[services.web]
image = "registry.example/web:1"
args = ["--name", "$(HOSTNAME)", "--at", "{port}"]
ports = [{ name = "http", port = 80, target_port = 8080 }, { name = "udp", port = 53, protocol = "UDP" }]
type = "LoadBalancer"
external_traffic_policy = "Local"
load_balancer_source_ranges = ["10.0.0.0/8"]
session_affinity = "ClientIP"
session_affinity_timeout = "1h"
annotations = { "a.example/on" = "on" }
env = { ANSWER = "1e3", PRICE = "$(X)" }
files = { "/etc/web.yaml" = "web.tmpl" }
replicas = 3
readiness = { http = "/check", port = 8080, period = "1500ms" }
grace = "1s"
[services.mine]
command = ["./serve", "--listen", "{address}:{port}"]
port = 9000
headless = true
[services.far]
endpoints = ["192.0.2.7:9000"]
port = 80
[services.near]
endpoints = ["127.0.0.1:9000"]
port = 80
[services.outside]
type = "ExternalName"
external_name = "db.example.com"
[[ingresses]]
name = "web"
annotations = { "x.example/size" = "0x10" }
rules = [{ host = "web.example.com", paths = [{ path = "/a", path_type = "Exact", service = "web", port = "http" }] }]
tls = [{ hosts = ["web.example.com"], secret = "web-tls" }]
default_backend = { service = "web", port = 80 }
"#;

fn config(controller: &str) -> Config {
    let folder = tempfile::tempdir().unwrap();
    let template = "mongo: ${MONGODB_SERVICE_HOST}:${MONGODB_SERVICE_PORT}\nown: ${PORT}\nplain: $${A}\nother: ${NOBODY}\n";
    std::fs::write(folder.path().join("web.tmpl"), template).unwrap();
    let toml = TOML.replace("CONTROLLER", controller);
    let file = folder.path().join("lab.toml");
    config::parse(Some((&file, &toml)), &Overrides::default()).unwrap()
}

/// The export of a lab that was just started with this config.
fn exported(config: &Config) -> Exported {
    let mut cluster = Cluster::default();
    for service in &config.services {
        let mut service = service.clone();
        if service.cluster_ip != ClusterIp::None {
            service.cluster_ip = ClusterIp::Address([10, 43, 0, 9].into());
        }
        cluster
            .services
            .insert(service.name.clone(), Arc::new(service));
    }
    for deployment in &config.deployments {
        cluster
            .deployments
            .insert(deployment.name.clone(), Arc::new(deployment.clone()));
    }
    for ingress in &config.ingresses {
        cluster
            .ingresses
            .insert(ingress.name.clone(), Arc::new(ingress.clone()));
    }
    for (service, address) in [("far", "192.0.2.7:9000"), ("near", "127.0.0.1:9000")] {
        let address = address.parse().unwrap();
        let endpoint = Endpoint {
            pod: None,
            addresses: vec![EndpointAddress {
                pod: address,
                host: address,
            }],
            conditions: Conditions {
                ready: true,
                serving: true,
                terminating: false,
            },
        };
        let slice = lab::model::EndpointSlice {
            service: service.to_owned(),
            endpoints: vec![endpoint],
        };
        cluster.slices.insert(service.to_owned(), Arc::new(slice));
    }
    cluster.ingress_classes = Arc::new(config.ingress_classes.clone());
    cluster.ingress_replicas = 1;
    export::kubernetes(&cluster, &options())
}

fn options() -> Options {
    Options {
        lab: "lab".to_owned(),
        image: "cloudforet-lab:latest".to_owned(),
        settings: json!({"login": {"domain": "spaceone", "user": "admin", "password": ""}}),
        stores: vec![StoreImage {
            volume: "mongod",
            image: "mongo:8".to_owned(),
            arguments: Vec::new(),
        }],
        redirect_https: true,
    }
}

fn write(exported: &Exported, folder: &Path) {
    for file in &exported.files {
        std::fs::write(folder.join(&file.name), &file.text).unwrap();
    }
}

/// What kubectl makes of the files, by kind and name.
async fn read_by_kubectl(exported: &Exported) -> BTreeMap<(String, String), Value> {
    let folder = tempfile::tempdir().unwrap();
    let manifests = folder.path().join("manifests");
    std::fs::create_dir(&manifests).unwrap();
    write(exported, &manifests);
    let server = discovery::start().await;
    let output = tokio::process::Command::new("kubectl")
        .args(["create", "--dry-run=client", "--validate=false", "-o", "json"])
        .arg(format!("--server=http://{server}"))
        .arg("--cache-dir")
        .arg(folder.path().join("cache"))
        .arg("-f")
        .arg(&manifests)
        .env("KUBECONFIG", "/dev/null")
        .env("HOME", folder.path())
        .output()
        .await
        .expect("there is no kubectl: run the tests with tests/run, or `apt-get install kubernetes-client`");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}");
    // One document after the other, or one list.
    let documents = serde_json::Deserializer::from_slice(&output.stdout).into_iter::<Value>();
    let mut objects = BTreeMap::new();
    for document in documents.map(Result::unwrap) {
        let items = document["items"].as_array().cloned();
        for object in items.unwrap_or_else(|| vec![document]) {
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let key = (text(&object["kind"]), text(&object["metadata"]["name"]));
            assert!(
                objects.insert(key.clone(), object).is_none(),
                "twice: {key:?}"
            );
        }
    }
    objects
}

/// What Kubernetes keeps of an object: what its schema does not know is not in it.
fn kept<T: DeserializeOwned + Serialize>(object: &Value) -> Value {
    let typed: T = serde_json::from_value(object.clone()).unwrap_or_else(|error| {
        panic!("{error}: {object:#}");
    });
    serde_json::to_value(typed).unwrap()
}

#[tokio::test]
async fn kubectl_reads_every_object_and_the_schemas_know_every_field() {
    for controller in ["traefik", "nginx"] {
        let config = config(controller);
        let objects = read_by_kubectl(&exported(&config)).await;
        for ((kind, name), object) in &objects {
            let kept = match kind.as_str() {
                "Namespace" => kept::<Namespace>(object),
                "Deployment" => kept::<Deployment>(object),
                "Service" => kept::<Service>(object),
                "ConfigMap" => kept::<ConfigMap>(object),
                "PersistentVolumeClaim" => kept::<PersistentVolumeClaim>(object),
                "EndpointSlice" => kept::<EndpointSlice>(object),
                "Ingress" => kept::<Ingress>(object),
                "IngressClass" => kept::<IngressClass>(object),
                other => panic!("{other} {name} is not expected"),
            };
            assert_eq!(&kept, object, "{kind} {name}");
        }
        let names = |kind: &str| -> BTreeSet<&str> {
            let found = objects.keys().filter(|(found, _)| found == kind);
            found.map(|(_, name)| name.as_str()).collect()
        };
        let wanted = config.deployments.iter().map(|one| one.name.as_str());
        assert_eq!(names("Deployment"), wanted.collect());
        let wanted = config.services.iter().map(|one| one.name.as_str());
        assert_eq!(names("Service"), wanted.collect());
        assert_eq!(names("EndpointSlice"), BTreeSet::from(["far-fixed"]));
        assert_eq!(names("Ingress").len(), config.ingresses.len());
    }
}

#[tokio::test]
async fn a_service_says_what_the_lab_was_told() {
    let exported = exported(&config("traefik"));
    let objects = read_by_kubectl(&exported).await;
    let object = |kind: &str, name: &str| &objects[&(kind.to_owned(), name.to_owned())];
    let web = &object("Service", "web")["spec"];
    assert_eq!(web["type"], "LoadBalancer");
    assert_eq!(web["externalTrafficPolicy"], "Local");
    assert_eq!(web["loadBalancerSourceRanges"], json!(["10.0.0.0/8"]));
    assert_eq!(
        web["sessionAffinityConfig"]["clientIP"]["timeoutSeconds"],
        3600
    );
    assert_eq!(web["ports"][0]["targetPort"], 8080);
    assert_eq!(web["ports"][1]["protocol"], "UDP");
    assert_eq!(
        object("Service", "web")["metadata"]["annotations"]["a.example/on"],
        "on"
    );
    assert_eq!(object("Service", "mine")["spec"]["clusterIP"], "None");
    assert_eq!(object("Service", "far")["spec"].get("selector"), None);
    let outside = &object("Service", "outside")["spec"];
    assert_eq!(outside["externalName"], "db.example.com");
    let inventory = object("Service", "inventory");
    let scheme = "traefik.ingress.kubernetes.io/service.serversscheme";
    assert_eq!(inventory["metadata"]["annotations"][scheme], "h2c");
    assert_eq!(inventory["spec"]["selector"]["app"], "inventory");
}

#[tokio::test]
async fn a_deployment_and_an_ingress_say_what_the_lab_was_told() {
    let exported = exported(&config("traefik"));
    let objects = read_by_kubectl(&exported).await;
    let object = |kind: &str, name: &str| &objects[&(kind.to_owned(), name.to_owned())];
    let web = &object("Deployment", "web")["spec"];
    assert_eq!(web["replicas"], 3);
    let pod = &web["template"]["spec"];
    assert_eq!(pod["terminationGracePeriodSeconds"], 1);
    let container = &pod["containers"][0];
    assert_eq!(container["image"], "registry.example/web:1");
    // Kubernetes would fill in `$(NAME)`.
    assert_eq!(
        container["args"],
        json!(["--name", "$$(HOSTNAME)", "--at", "8080"])
    );
    assert_eq!(
        container["readinessProbe"]["httpGet"],
        json!({"path": "/check", "port": 8080})
    );
    assert_eq!(container["readinessProbe"]["periodSeconds"], 2);
    let variable = |name: &str| {
        let all = container["env"].as_array().unwrap();
        all.iter().find(|one| one["name"] == name).unwrap()["value"].clone()
    };
    assert_eq!(variable("ANSWER"), "1e3");
    assert_eq!(variable("PRICE"), "$$(X)");
    let map = object("ConfigMap", "web-files")["data"]
        .as_object()
        .unwrap();
    let (key, text) = map.iter().next().unwrap();
    assert_eq!(
        text,
        "mongo: mongodb:27017\nown: 8080\nplain: ${A}\nother: ${NOBODY}\n"
    );
    assert_eq!(container["volumeMounts"][0]["subPath"], **key);
    assert_eq!(container["volumeMounts"][0]["mountPath"], "/etc/web.yaml");

    let mongodb = &object("Deployment", "mongodb")["spec"];
    assert_eq!(mongodb["strategy"]["type"], "Recreate");
    let claim = &mongodb["template"]["spec"]["volumes"][0]["persistentVolumeClaim"]["claimName"];
    assert!(objects.contains_key(&(
        "PersistentVolumeClaim".to_owned(),
        claim.as_str().unwrap().to_owned()
    )));
    assert_eq!(object("Deployment", "supervisor")["spec"]["replicas"], 0);

    let web = &object("Ingress", "web");
    assert_eq!(web["metadata"]["annotations"]["x.example/size"], "0x10");
    assert_eq!(web["spec"]["ingressClassName"], "traefik");
    assert_eq!(
        web["spec"]["tls"],
        json!([{"hosts": ["web.example.com"], "secretName": "web-tls"}])
    );
    assert_eq!(
        web["spec"]["defaultBackend"]["service"]["port"]["number"],
        80
    );
    let path = &web["spec"]["rules"][0]["http"]["paths"][0];
    assert_eq!(
        (
            &path["pathType"],
            &path["backend"]["service"]["port"]["name"]
        ),
        (&json!("Exact"), &json!("http"))
    );
}

#[test]
fn what_cannot_move_is_told() {
    let exported = exported(&config("traefik"));
    for told in [
        "mine runs a command",
        "near leads to addresses",
        "NOBODY",
        "supervisor talks",
    ] {
        assert!(
            exported.notes.iter().any(|note| note.contains(told)),
            "{told}: {:?}",
            exported.notes
        );
    }
    assert!(
        !exported
            .notes
            .iter()
            .any(|note| note.contains("Service far"))
    );
}

#[test]
fn the_flavour_decides_how_http2_backends_are_named() {
    let text = |controller: &str, file: &str| {
        let exported = exported(&config(controller));
        let found = exported.files.iter().find(|found| found.name == file);
        found.unwrap().text.clone()
    };
    let (traefik, nginx) = (
        text("traefik", "70-ingresses.yaml"),
        text("nginx", "70-ingresses.yaml"),
    );
    assert!(
        nginx.contains("nginx.ingress.kubernetes.io/backend-protocol: GRPC"),
        "{nginx}"
    );
    assert!(
        nginx.contains("ingressClassName: nginx") && !nginx.contains("ingressClassName: traefik")
    );
    assert!(!traefik.contains("backend-protocol"));
    assert!(!text("nginx", "30-services.yaml").contains("serversscheme"));
}

#[test]
fn an_export_is_the_same_each_time_and_holds_no_secret() {
    let config = config("traefik");
    let first = exported(&config);
    assert_eq!(first, exported(&config));
    let names: Vec<_> = first.files.iter().map(|file| file.name.as_str()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for file in &first.files {
        assert!(!file.text.contains(&config.login.password), "{}", file.name);
        assert!(!file.text.contains("PRIVATE KEY") && !file.text.contains("kind: Secret"));
        assert!(file.text.ends_with('\n'));
    }
    let ingresses = first
        .files
        .iter()
        .find(|file| file.name == "70-ingresses.yaml");
    assert!(
        ingresses
            .unwrap()
            .text
            .contains("create secret tls web-tls --cert=FILE --key=FILE")
    );
    let readme = &first.files.last().unwrap().text;
    for told in [
        "k3s ctr images import",
        "export credentials",
        "kubectl apply -f .",
        "/etc/hosts",
        "web.example.com",
    ] {
        assert!(readme.contains(told), "{told}\n{readme}");
    }
}

#[test]
fn the_lab_reads_its_own_export() {
    let config = config("traefik");
    let folder = tempfile::tempdir().unwrap();
    write(&exported(&config), folder.path());
    let toml =
        "manifests = [\"30-services.yaml\", \"70-ingresses.yaml\"]\ncloudforet.enabled = false\n";
    let again = config::parse(
        Some((&folder.path().join("lab.toml"), toml)),
        &Overrides::default(),
    )
    .unwrap();
    let by_name = |config: &Config| -> BTreeMap<String, lab::model::Service> {
        let services = config.services.iter().cloned();
        services
            .map(|service| (service.name.clone(), service))
            .collect()
    };
    let (before, after) = (by_name(&config), by_name(&again));
    assert_eq!(
        before.keys().collect::<Vec<_>>(),
        after.keys().collect::<Vec<_>>()
    );
    for (name, service) in &before {
        let found = &after[name];
        assert_eq!(found.ports, service.ports, "{name}");
        assert_eq!(found.kind, service.kind, "{name}");
        assert_eq!(found.session_affinity, service.session_affinity, "{name}");
        assert_eq!(found.external_name, service.external_name, "{name}");
    }
    for ingress in &config.ingresses {
        let found = again
            .ingresses
            .iter()
            .find(|found| found.name == ingress.name)
            .unwrap();
        assert_eq!(
            (&found.rules, &found.tls),
            (&ingress.rules, &ingress.tls),
            "{}",
            ingress.name
        );
        assert_eq!(found.default_backend, ingress.default_backend);
    }
}

#[tokio::test]
async fn a_pod_runs_with_the_environment_that_is_exported() {
    let config = config("traefik");
    let objects = read_by_kubectl(&exported(&config)).await;
    let object = &objects[&("Deployment".to_owned(), "console-api-v2".to_owned())];
    let container = &object["spec"]["template"]["spec"]["containers"][0];
    assert_eq!(container["command"], json!(["/lab", "pod"]));
    // What the Secret of `lab export credentials` holds.
    let secret = export::credentials("a password", "{}", "a.token.made");
    let mut command = Command::new(BINARY);
    command
        .arg("pod")
        .env_clear()
        .stdin(Stdio::null())
        .stdout(Stdio::null());
    let address = "127.77.3.9:8080";
    for variable in container["env"].as_array().unwrap() {
        let name = variable["name"].as_str().unwrap();
        let value = match (&variable["value"], &variable["valueFrom"]) {
            (Value::String(value), _) => value.replace("0.0.0.0:8080", address),
            (_, from) if from["fieldRef"]["fieldPath"] == "metadata.name" => {
                "console-api-v2-x".to_owned()
            }
            (_, from) => {
                let key = from["secretKeyRef"]["key"].as_str().unwrap();
                let lines = secret.lines().map(str::trim);
                let line = lines
                    .filter_map(|line| line.split_once(": "))
                    .find(|(found, _)| *found == key);
                line.unwrap().1.trim_matches('"').to_owned()
            }
        };
        command.env(name, value);
    }
    let mut pod = command.spawn().unwrap();
    crate::eventually!("the pod answers its probe", {
        assert!(pod.try_wait().unwrap().is_none(), "the pod has ended");
        tokio::net::TcpStream::connect(address).await.ok()
    });
    pod.kill().unwrap();
    pod.wait().unwrap();
    let builtin = config
        .deployments
        .iter()
        .filter(|one| matches!(one.template.workload, Workload::BuiltIn { .. }));
    assert!(builtin.count() > 10);
}

#[test]
fn the_command_writes_all_files_or_none() {
    let lab = Lab::start(
        "process",
        "cloudforet.enabled = false\n[services.away]\nendpoints = [\"127.0.0.1:9\"]\nport = 80\n",
    );
    let told: Value =
        serde_json::from_str(&lab.ok(&["-o", "json", "export", "kubernetes", "out"])).unwrap();
    let names = told["files"].as_array().unwrap();
    assert_eq!(names.last().unwrap(), "README.md");
    assert_eq!(told["notes"].as_array().unwrap().len(), 1);
    let folder = lab.folder().join("out");
    let services = folder.join("30-services.yaml");
    assert!(
        std::fs::read_to_string(&services)
            .unwrap()
            .contains("name: away")
    );
    std::fs::write(&services, "mine").unwrap();
    std::fs::remove_file(folder.join("README.md")).unwrap();
    let refused = lab.run(&["export", "kubernetes", "out"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("--force"));
    assert_eq!(std::fs::read_to_string(&services).unwrap(), "mine");
    assert!(!folder.join("README.md").exists(), "nothing was written");
    let paths = lab.ok(&["export", "kubernetes", "out", "--force"]);
    assert!(paths.lines().all(|path| Path::new(path).starts_with("out")));
    assert!(
        std::fs::read_to_string(&services)
            .unwrap()
            .contains("name: away")
    );
    assert!(folder.join("README.md").exists());
    // Nobody's credentials are needed here.
    assert_eq!(lab.run(&["export", "credentials"]).status.code(), Some(1));
}
