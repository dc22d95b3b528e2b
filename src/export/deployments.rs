//! Deployments, with the claims for their volumes and the `ConfigMap`s of their files.

use serde_json::{Value, json};

use super::document::Document;
use super::files::{self, Names};
use super::{Export, container, environment, metadata};
use crate::model::Deployment;

/// What a store is given; K3s' local-path does not hold anybody to it.
const SIZE: &str = "1Gi";

/// Deployments, claims and `ConfigMap`s.
pub(super) fn all(export: &mut Export<'_>) -> (Vec<Document>, Vec<Document>, Vec<Document>) {
    let (mut deployments, mut claims, mut maps) = (Vec::new(), Vec::new(), Vec::new());
    for deployment in export.cluster.deployments.values() {
        if let Some(plugin) = &deployment.plugin {
            export.notes.push(format!(
                "the pods of {plugin} are not exported: the supervisor starts them, and there is none in a cluster"
            ));
            continue;
        }
        let mut names = Names::of(export);
        let map = config_map(deployment, &mut names);
        let written = write(export, deployment, &mut names);
        deployments.push(written);
        maps.extend(map);
        if let Some(volume) = &deployment.template.volume {
            claims.push(Document::new(claim(&volume.name)));
        }
        if !names.unknown.is_empty() {
            let unknown: Vec<_> = names.unknown.iter().map(String::as_str).collect();
            export.notes.push(format!(
                "files of {} ask for {}, which is not known before the pod runs: fill it in by hand",
                deployment.name,
                unknown.join(", ")
            ));
        }
    }
    (deployments, claims, maps)
}

fn write(export: &mut Export<'_>, deployment: &Deployment, names: &mut Names) -> Document {
    let template = &deployment.template;
    let name = &deployment.name;
    let mut program = container::program(export, deployment, names);
    let mut container = json!({
        "name": name,
        "image": program.image,
        // What was imported by hand cannot be pulled.
        "imagePullPolicy": "IfNotPresent",
    });
    let mut set = |key: &str, value: Value| {
        if !matches!(&value, Value::Array(all) if all.is_empty()) {
            container[key] = value;
        }
    };
    set("command", json!(program.command));
    set("args", json!(program.arguments));
    set("env", json!(environment::of(export, deployment, names)));
    let ports = template.ports.iter();
    set(
        "ports",
        ports.map(|port| json!({ "containerPort": port })).collect(),
    );
    if let Some(probe) = container::readiness(deployment) {
        set("readinessProbe", probe);
    }
    let (mounts, volumes) = mounts(deployment);
    set("volumeMounts", json!(mounts));
    let mut pod = json!({
        "terminationGracePeriodSeconds": container::seconds(template.grace),
        "containers": [container],
    });
    if !volumes.is_empty() {
        pod["volumes"] = json!(volumes);
    }
    let mut spec = json!({
        "replicas": if program.idle { 0 } else { deployment.replicas },
        "selector": { "matchLabels": { "app": name } },
        "template": {
            "metadata": { "labels": { "app": name, "app.kubernetes.io/name": name } },
            "spec": pod,
        },
    });
    if template.volume.is_some() {
        // Two pods must not open one store.
        spec["strategy"] = json!({ "type": "Recreate" });
    }
    if !template.wait_for.is_empty() {
        program.comments.push(format!(
            "In the lab its pods start when these have a ready endpoint: {}",
            template.wait_for.join(", ")
        ));
    }
    Document::with(
        json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": metadata(name),
            "spec": spec,
        }),
        program.comments,
    )
}

/// `volumeMounts` and `volumes`.
fn mounts(deployment: &Deployment) -> (Vec<Value>, Vec<Value>) {
    let template = &deployment.template;
    let (mut mounts, mut volumes) = (Vec::new(), Vec::new());
    if let Some(volume) = &template.volume {
        mounts.push(json!({ "name": "data", "mountPath": volume.mount }));
        volumes.push(json!({
            "name": "data",
            "persistentVolumeClaim": { "claimName": volume.name },
        }));
    }
    for (index, target) in template.files.keys().enumerate() {
        mounts.push(json!({
            "name": "files",
            "mountPath": files::place(target),
            "subPath": files::key(index, target),
        }));
    }
    if !template.files.is_empty() {
        volumes.push(json!({ "name": "files", "configMap": { "name": map_name(deployment) } }));
    }
    (mounts, volumes)
}

fn config_map(deployment: &Deployment, names: &mut Names) -> Option<Document> {
    let files = &deployment.template.files;
    if files.is_empty() {
        return None;
    }
    let mut data = serde_json::Map::new();
    for (index, (target, template)) in files.iter().enumerate() {
        let text = names.filled(template, deployment);
        data.insert(files::key(index, target), json!(text));
    }
    Some(Document::with(
        json!({
            "apiVersion": "v1",
            "kind": "ConfigMap",
            "metadata": metadata(&map_name(deployment)),
            "data": data,
        }),
        vec![
            "Whoever may read ConfigMaps may read these files: move passwords into a Secret"
                .to_owned(),
        ],
    ))
}

fn map_name(deployment: &Deployment) -> String {
    format!("{}-files", deployment.name)
}

fn claim(name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": metadata(name),
        "spec": {
            "accessModes": ["ReadWriteOnce"],
            "resources": { "requests": { "storage": SIZE } },
        },
    })
}
