//! All containers of the Docker engine, the lab's own and everybody else's, for the `host` plugin.

use std::time::Duration;

use bollard::models::ContainerSummary;
use bollard::query_parameters::ListContainersOptionsBuilder;

use super::connect::connect;
use crate::model::Container;

/// An engine on this machine answers within milliseconds; whoever asks about the machine must not
/// wait for one that hangs.
const PATIENCE: Duration = Duration::from_secs(1);

/// What there is; nothing if no engine answers.
pub async fn containers() -> Option<Vec<Container>> {
    let asked = async {
        let daemon = connect().await.ok()?;
        let options = ListContainersOptionsBuilder::new().all(true).build();
        daemon.docker.list_containers(Some(options)).await.ok()
    };
    let found = tokio::time::timeout(PATIENCE, asked).await.ok()??;
    let mut containers: Vec<Container> = found.into_iter().map(container).collect();
    containers.sort_by(|one, other| one.name.cmp(&other.name));
    Some(containers)
}

fn container(found: ContainerSummary) -> Container {
    let name = found.names.and_then(|names| names.into_iter().next());
    let networks = found
        .network_settings
        .and_then(|settings| settings.networks)
        .unwrap_or_default();
    let addresses = networks
        .into_values()
        .filter_map(|network| network.ip_address);
    let mut addresses: Vec<String> = addresses.filter(|address| !address.is_empty()).collect();
    addresses.sort();
    Container {
        id: found.id.unwrap_or_default(),
        name: name.unwrap_or_default().trim_start_matches('/').to_owned(),
        image: found.image.unwrap_or_default(),
        state: found
            .state
            .map(|state| state.to_string())
            .unwrap_or_default(),
        addresses,
    }
}
