//! What a pod runs in a cluster, and when it counts as ready.

use std::time::Duration;

use serde_json::{Value, json};

use super::Export;
use super::environment::escaped;
use super::files::Names;
use crate::model::{Deployment, ProbeAction, Workload};

/// The image of a command of the user's: no registry has this name, so nothing is pulled by mistake.
const NO_IMAGE: &str = "image-of.invalid";

/// Image, command and arguments.
#[derive(Debug, Default)]
pub(super) struct Program {
    pub(super) image: String,
    pub(super) command: Vec<String>,
    pub(super) arguments: Vec<String>,
    /// What is to be said about it where it stands.
    pub(super) comments: Vec<String>,
    /// It cannot do its work in a cluster: no pods are asked for.
    pub(super) idle: bool,
}

/// What the Deployment's pods run.
pub(super) fn program(
    export: &mut Export<'_>,
    deployment: &Deployment,
    names: &mut Names,
) -> Program {
    let name = &deployment.name;
    match &deployment.template.workload {
        Workload::BuiltIn { program } => {
            let mut found = Program {
                image: export.options.image.clone(),
                command: vec!["/lab".to_owned(), "pod".to_owned()],
                ..Program::default()
            };
            if deployment.template.attached {
                let told = format!(
                    "{program} talks to the lab over its standard input, and there is no lab in a cluster: \
                     Deployment {name} has no replicas"
                );
                found.comments.push(told.clone());
                found.idle = true;
                export.notes.push(told);
            }
            found
        }
        Workload::Image { image, command } => Program {
            image: image.clone(),
            arguments: command
                .iter()
                .map(|word| escaped(&names.placed(word, deployment)))
                .collect(),
            ..Program::default()
        },
        Workload::Command { command, .. } => {
            let volume = deployment.template.volume.as_ref();
            let store = export.options.stores.iter();
            let mut store =
                store.filter(|store| volume.is_some_and(|own| own.name == store.volume));
            if let Some(store) = store.next() {
                return Program {
                    image: store.image.clone(),
                    arguments: store.arguments.clone(),
                    comments: vec![format!(
                        "In the lab this is the program of this machine: {}",
                        command.first().map_or("", String::as_str)
                    )],
                    ..Program::default()
                };
            }
            export.notes.push(format!(
                "Deployment {name} runs a command of yours, which no image holds: put one in place of {NO_IMAGE}/{name}"
            ));
            Program {
                image: format!("{NO_IMAGE}/{name}:latest"),
                comments: vec![
                    "TODO: a command of yours runs here, which no image holds. Put one in place of the".to_owned(),
                    "image below; it must listen on 0.0.0.0 and the container's port. The command was:".to_owned(),
                    format!("  {}", command.join(" ")),
                ],
                ..Program::default()
            }
        }
    }
}

/// `readinessProbe`, if there is one.
pub(super) fn readiness(deployment: &Deployment) -> Option<Value> {
    let probe = &deployment.template.readiness;
    let mut value = match &probe.action {
        ProbeAction::Grpc { port } => json!({ "grpc": { "port": port } }),
        ProbeAction::Http { port, path } => json!({ "httpGet": { "path": path, "port": port } }),
        // Kubernetes knows no PING of Redis', and images need not hold redis-cli.
        ProbeAction::Tcp { port } | ProbeAction::Redis { port } => {
            json!({ "tcpSocket": { "port": port } })
        }
        ProbeAction::None => return None,
    };
    value["periodSeconds"] = json!(seconds(probe.period));
    value["timeoutSeconds"] = json!(seconds(probe.timeout));
    value["failureThreshold"] = json!(probe.failure_threshold.max(1));
    Some(value)
}

/// Whole seconds, at least one, as Kubernetes counts.
pub(super) fn seconds(duration: Duration) -> u64 {
    let whole = duration.as_secs();
    let more = u64::from(duration.subsec_nanos() > 0);
    (whole + more).max(1)
}
