//! Which runtime, and why.

use std::path::PathBuf;
use std::sync::Arc;

use super::docker::{self, DockerRuntime, DockerSettings};
use super::process::{self, ProcessRuntime};
use super::{PodError, PodRuntime, RuntimeSettings};

/// `--runtime`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// Docker when its daemon answers, else processes.
    #[default]
    Auto,
    /// Processes.
    Process,
    /// Docker, or an error.
    Docker,
}

/// What the choice depends on.
#[derive(Clone, Debug)]
pub struct Choice {
    /// What was asked for.
    pub wanted: Wanted,
    /// The lab's binary, usually the running one.
    pub program: PathBuf,
    /// `[docker]` of lab.toml.
    pub docker: DockerSettings,
}

/// Chooses and makes the runtime; [`PodRuntime::describe`] says why it was chosen.
pub async fn choose(
    choice: Choice,
    settings: RuntimeSettings,
) -> Result<Arc<dyn PodRuntime>, PodError> {
    let Choice {
        wanted,
        program,
        docker,
    } = choice;
    let reason = match wanted {
        Wanted::Process => "processes were asked for".to_owned(),
        Wanted::Docker => {
            let daemon = docker::connect().await?;
            return Ok(Arc::new(DockerRuntime::new(daemon, settings, docker, program)));
        }
        Wanted::Auto => match docker::connect().await {
            Ok(daemon) if !daemon.is_local() => {
                format!("{}, so pods are processes; `--runtime docker` takes it all the same", daemon.describe())
            }
            Ok(_) if !cfg!(target_os = "linux") && docker.image.is_none() => {
                "Docker answers, but the pod image can be made on Linux only and `[docker] image` is not set, so pods are processes".to_owned()
            }
            Ok(daemon) => {
                return Ok(Arc::new(DockerRuntime::new(daemon, settings, docker, program)));
            }
            Err(PodError::DockerUnreachable { address, reason, .. }) => {
                format!("no Docker daemon at {address} ({reason}), so pods are processes")
            }
            Err(error) => return Err(error),
        },
    };
    Ok(Arc::new(ProcessRuntime::new(settings, program, reason)?))
}

/// Removes what a lab that does not run has left: containers and networks, and its data if that is
/// to go. Without a Docker daemon there is nothing of Docker's to remove.
pub async fn clean(settings: &RuntimeSettings, data: bool) -> Result<(), PodError> {
    if let Ok(daemon) = docker::connect().await {
        docker::remove_all(&daemon, &settings.lab).await?;
        if data {
            docker::remove_volumes(&daemon, &settings.lab).await?;
        }
    }
    if data {
        process::remove_data(settings)?;
    }
    Ok(())
}
