//! What a pod is told in a cluster: the lab's contract with `lab pod`, and the user's own variables.

use serde_json::{Value, json};

use super::files::Names;
use super::{CREDENTIALS, Export, PASSWORD_KEY, SYSTEM_KEY, SYSTEM_TOKEN};
use crate::model::{Deployment, Workload};

/// The built-in programs that are no services of Cloudforet's, and need none of their secrets.
const STORES: [&str; 2] = ["mongodb", "redis"];

/// `env` of the container. The user's word wins over the lab's, as in the lab.
pub(super) fn of(export: &Export<'_>, deployment: &Deployment, names: &mut Names) -> Vec<Value> {
    let template = &deployment.template;
    let mut variables: Vec<(&str, Value)> = Vec::new();
    let plain = |text: &str| json!({ "value": escaped(text) });
    match &template.workload {
        Workload::BuiltIn { program } => {
            let own_name = json!({ "valueFrom": { "fieldRef": { "fieldPath": "metadata.name" } } });
            variables.push(("LAB_POD", own_name));
            variables.push(("LAB_PROGRAM", plain(program)));
            let listen = template.ports.iter().map(|port| format!("0.0.0.0:{port}"));
            let listen: Vec<_> = listen.collect();
            if !listen.is_empty() {
                variables.push(("LAB_LISTEN", plain(&listen.join(","))));
            }
            if let Some(volume) = &template.volume {
                variables.push(("LAB_DATA", plain(&volume.mount)));
            }
            if !STORES.contains(&program.as_str()) {
                variables.push(("LAB_SETTINGS", plain(&export.options.settings.to_string())));
                variables.push(("LAB_LOGIN_PASSWORD", secret(PASSWORD_KEY)));
                variables.push(("LAB_SYSTEM_KEY", secret(SYSTEM_KEY)));
                variables.push(("LAB_SYSTEM_TOKEN", secret(SYSTEM_TOKEN)));
            }
        }
        Workload::Image { .. } | Workload::Command { .. } => {
            if let Some(port) = template.ports.first() {
                variables.push(("PORT", plain(&port.to_string())));
            }
        }
    }
    for (name, value) in &template.env {
        variables.retain(|(known, _)| known != name);
        variables.push((name, plain(&names.placed(value, deployment))));
    }
    variables
        .into_iter()
        .map(|(name, mut value)| {
            // The name first, as everybody writes it.
            let mut variable = json!({ "name": name });
            if let (Some(all), Some(rest)) = (variable.as_object_mut(), value.as_object_mut()) {
                all.append(rest);
            }
            variable
        })
        .collect()
}

/// Kubernetes replaces `$(NAME)` in values and arguments; `$$(` is a plain `$(`.
pub(super) fn escaped(text: &str) -> String {
    text.replace("$(", "$$(")
}

fn secret(key: &str) -> Value {
    json!({ "valueFrom": { "secretKeyRef": { "name": CREDENTIALS, "key": key } } })
}
