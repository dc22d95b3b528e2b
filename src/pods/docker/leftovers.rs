//! What belongs to a lab in Docker, by label: found, and removed.

use std::collections::HashMap;
use std::time::Duration;

use bollard::errors::Error;
use bollard::query_parameters::{
    ListContainersOptionsBuilder, ListNetworksOptionsBuilder, ListVolumesOptionsBuilder,
    RemoveContainerOptionsBuilder, RemoveVolumeOptionsBuilder, WaitContainerOptionsBuilder,
};
use futures_util::StreamExt as _;

use super::connect::{Daemon, Wanting, status};
use crate::pods::PodError;

/// Name of the lab.
const NAME: &str = "lab.name";
/// `pod`, `node`, `network` or `volume`.
const ROLE: &str = "lab.role";
/// The process that made it: id and start time, so that a reused id is not taken for it.
const OWNER: &str = "lab.owner";
/// For a removal that somebody else has begun: as long as Docker itself waits for a killed program.
const REMOVAL: Duration = Duration::from_secs(10);
/// Version of the lab.
const VERSION: &str = "lab.version";

/// Labels and names of a lab's objects.
#[derive(Clone, Debug)]
pub(super) struct Labels {
    lab: String,
    owner: String,
}

impl Labels {
    pub(super) fn of(lab: &str) -> Self {
        Self {
            lab: lab.to_owned(),
            owner: owner(std::process::id()).unwrap_or_default(),
        }
    }

    /// The labels of an object with this role.
    pub(super) fn role(&self, role: &str) -> HashMap<String, String> {
        let labels = [
            (NAME, self.lab.as_str()),
            (ROLE, role),
            (OWNER, &self.owner),
            (VERSION, env!("CARGO_PKG_VERSION")),
        ];
        labels
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    /// The pod's own name in `docker ps`; with the lab's before it, unless that is the default.
    pub(super) fn container_name(&self, pod: &str) -> String {
        if self.lab == "lab" {
            pod.to_owned()
        } else {
            format!("{}-{pod}", self.lab)
        }
    }

    pub(super) fn node_name(&self) -> String {
        format!("{}-node", self.lab)
    }

    pub(super) fn network_name(&self) -> String {
        format!("lab-{}", self.lab)
    }

    pub(super) fn volume_name(&self, volume: &str) -> String {
        format!("lab-{}-{volume}", self.lab)
    }
}

/// Process id and start time (field 22 of `/proc/<pid>/stat`); `None` if there is no such process,
/// if it has ended and only waits to be collected, or if there is no `/proc`.
fn owner(pid: u32) -> Option<String> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may hold anything.
    let (_, rest) = stat.rsplit_once(") ")?;
    if rest.starts_with('Z') {
        return None;
    }
    let begun = rest.split(' ').nth(19)?;
    Some(format!("{pid}:{begun}"))
}

fn filter(lab: &str) -> HashMap<String, Vec<String>> {
    HashMap::from([("label".to_owned(), vec![format!("{NAME}={lab}")])])
}

/// All containers of a lab: id and labels.
async fn containers(
    daemon: &Daemon,
    lab: &str,
) -> Result<Vec<(String, HashMap<String, String>)>, PodError> {
    let options = ListContainersOptionsBuilder::new()
        .all(true)
        .filters(&filter(lab))
        .build();
    let found = daemon.docker.list_containers(Some(options)).await;
    let found = found.wanting(|| format!("list the containers of lab {lab:?}"))?;
    let pair = |container: bollard::models::ContainerSummary| {
        Some((container.id?, container.labels.unwrap_or_default()))
    };
    Ok(found.into_iter().filter_map(pair).collect())
}

/// Refuses to take over from a lab of the same name that is alive.
pub(super) async fn refuse_if_running(daemon: &Daemon, lab: &str) -> Result<(), PodError> {
    for (_, labels) in containers(daemon, lab).await? {
        let Some(recorded) = labels.get(OWNER).filter(|recorded| !recorded.is_empty()) else {
            continue;
        };
        let pid = recorded.split(':').next().and_then(|pid| pid.parse().ok());
        let Some(pid) = pid.filter(|pid| *pid != std::process::id()) else {
            continue;
        };
        if owner(pid).as_ref() == Some(recorded) {
            return Err(PodError::NameInUse {
                lab: lab.to_owned(),
                pid,
            });
        }
    }
    Ok(())
}

/// Removes all containers and networks of a lab; says how many containers there were.
pub(in crate::pods) async fn remove_all(daemon: &Daemon, lab: &str) -> Result<usize, PodError> {
    let found = containers(daemon, lab).await?;
    let count = found.len();
    let mut result = Ok(());
    // One after the other, as containers leave a network.
    for (id, _) in found {
        result = result.and(remove_container(daemon, &id).await);
    }
    result?;
    let options = ListNetworksOptionsBuilder::new()
        .filters(&filter(lab))
        .build();
    let networks = daemon.docker.list_networks(Some(options)).await;
    for network in networks.wanting(|| format!("list the networks of lab {lab:?}"))? {
        let id = network.id.unwrap_or_default();
        let removed = match daemon.docker.remove_network(&id).await {
            Err(error) if status(&error) == Some(404) => Ok(()),
            other => other,
        };
        if removed.is_err() {
            let name = network.name.unwrap_or_default();
            let why = if is_empty(daemon, &id).await {
                "Docker has lost count of its containers; it can be removed when Docker was restarted"
            } else {
                "is a container of yours connected to it?"
            };
            removed.wanting(|| format!("remove the network {name:?} ({why})"))?;
        }
    }
    Ok(count)
}

/// Whether nothing is connected to a network.
async fn is_empty(daemon: &Daemon, network: &str) -> bool {
    let seen = daemon.docker.inspect_network(network, None).await;
    seen.is_ok_and(|seen| seen.containers.is_none_or(|all| all.is_empty()))
}

/// Removes one container, running or not, with its anonymous volumes.
pub(super) async fn remove_container(daemon: &Daemon, id: &str) -> Result<(), PodError> {
    let options = RemoveContainerOptionsBuilder::new()
        .force(true)
        .v(true)
        .build();
    let removed = match daemon.docker.remove_container(id, Some(options)).await {
        // Somebody else is removing it, and until then it has its place in the network.
        Err(error) if status(&error) == Some(409) => gone(daemon, id).await,
        other => other,
    };
    match removed {
        Err(error) if status(&error) == Some(404) => Ok(()),
        other => other.wanting(|| format!("remove the container {id:?}")),
    }
}

/// Waits until a container is gone. One that stays is seen when the network cannot be removed.
async fn gone(daemon: &Daemon, id: &str) -> Result<(), Error> {
    let options = WaitContainerOptionsBuilder::new()
        .condition("removed")
        .build();
    let mut waiting = std::pin::pin!(daemon.docker.wait_container(id, Some(options)));
    match tokio::time::timeout(REMOVAL, waiting.next()).await {
        // A code other than 0 is the program's, and no failure of the removal.
        Ok(Some(Err(error))) if !matches!(error, Error::DockerContainerWaitError { .. }) => {
            Err(error)
        }
        _ => Ok(()),
    }
}

/// Removes the volumes of a lab: its data.
pub(in crate::pods) async fn remove_volumes(daemon: &Daemon, lab: &str) -> Result<(), PodError> {
    let options = ListVolumesOptionsBuilder::new()
        .filters(&filter(lab))
        .build();
    let volumes = daemon.docker.list_volumes(Some(options)).await;
    let volumes = volumes.wanting(|| format!("list the volumes of lab {lab:?}"))?;
    for volume in volumes.volumes.unwrap_or_default() {
        let options = RemoveVolumeOptionsBuilder::new().force(true).build();
        let removed = daemon
            .docker
            .remove_volume(&volume.name, Some(options))
            .await;
        removed.wanting(|| format!("remove the volume {:?}", volume.name))?;
    }
    Ok(())
}
