//! Which runtime runs the pods, as the config wants it and the machine allows it.

use std::sync::Arc;

use super::StartError;
use crate::config::{Config, RuntimeChoice, SubnetChoice};
use crate::pods::{self, PodRuntime, RuntimeSettings};

/// The runtime that the config asks for, if this machine has it.
pub(super) async fn choose(
    config: &Config,
    settings: RuntimeSettings,
) -> Result<Arc<dyn PodRuntime>, StartError> {
    let wanted = match config.runtime {
        RuntimeChoice::Auto => pods::Wanted::Auto,
        RuntimeChoice::Process => pods::Wanted::Process,
        RuntimeChoice::Docker => pods::Wanted::Docker,
    };
    let choice = pods::Choice {
        wanted,
        program: std::env::current_exe().map_err(StartError::system("find this program"))?,
        docker: pods::docker::DockerSettings {
            subnet: match config.docker.subnet {
                SubnetChoice::Auto => None,
                SubnetChoice::Fixed(subnet) => Some(subnet.to_string()),
            },
            image: config.docker.image.clone(),
        },
    };
    let runtime = pods::choose(choice, settings).await?;
    check_images(config, &*runtime)?;
    Ok(runtime)
}

/// Images run in containers only.
pub(super) fn check_images(config: &Config, runtime: &dyn PodRuntime) -> Result<(), StartError> {
    let images: Vec<&str> = config.images().collect();
    if runtime.name() != "docker" && !images.is_empty() {
        return Err(StartError::Images {
            names: images.join(", "),
            reason: runtime.describe(),
        });
    }
    Ok(())
}
