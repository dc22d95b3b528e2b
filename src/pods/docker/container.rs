//! What a pod or the node is as a container, and its way from created to running.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::pin;
use std::time::Duration;

use bollard::container::AttachContainerResults;
use bollard::models::{
    ContainerCreateBody, ContainerInspectResponse, HostConfig, HostConfigLogConfig, Mount,
    MountType, MountVolumeOptions, PortBinding,
};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, CreateContainerOptionsBuilder, KillContainerOptionsBuilder,
    StopContainerOptionsBuilder, UploadToContainerOptionsBuilder,
};
use tokio::sync::{mpsc, oneshot};

use super::connect::{Daemon, Wanting, status};
use super::leftovers::remove_container;
use super::{Prepared, Shared, watch};
use crate::model::{PodPort, Volume, Workload};
use crate::pods::environment::{Placement, compose};
use crate::pods::files::{Rendered, render};
use crate::pods::{NodeHandle, PodError, PodLine, PodSpec, StartedPod};

/// Kubernetes' `resolv.conf`, with the lab's one namespace.
const SEARCH: [&str; 3] = [
    "cloudforet.svc.cluster.local",
    "svc.cluster.local",
    "cluster.local",
];
/// The daemon keeps so much of a container's output for `docker logs`.
const LOG_SIZE: &str = "10m";
/// So long a container that is stopped keeps the next one from leaving the network. Most have left by
/// then, and nobody waits for the whole grace of another.
const TURN: Duration = Duration::from_millis(500);
/// Lines of the node that wait for the lab.
const NODE_LINES: usize = 1024;

/// Creates and starts a pod's container.
pub(super) async fn start_pod(
    shared: &Shared,
    prepared: &Prepared,
    spec: PodSpec,
) -> Result<StartedPod, PodError> {
    let daemon = &shared.daemon;
    let name = shared.labels.container_name(&spec.name);
    let (body, variables) = pod_body(shared, prepared, &spec);
    let files = render(&spec, &variables)?;
    let id = create(daemon, &name, body).await?;
    let attach = AttachContainerOptionsBuilder::new()
        .stream(true)
        .stdin(spec.template.attached)
        .stdout(true)
        .stderr(true)
        .build();
    let begun = async {
        if !files.is_empty() {
            upload(daemon, &id, &files).await?;
        }
        // Attached before the start, so that no line is missed.
        let attached = daemon.docker.attach_container(&id, Some(attach)).await;
        let attached = attached.wanting(|| format!("attach to the container {name:?}"))?;
        let started = daemon.docker.start_container(&id, None).await;
        started.wanting(|| format!("start the container {name:?}"))?;
        let seen = daemon.docker.inspect_container(&id, None).await;
        let seen = seen.wanting(|| format!("inspect the container {name:?}"))?;
        Ok((attached, seen))
    };
    let (attached, seen) = match begun.await {
        Ok(begun) => begun,
        Err(error) => {
            // The first error is the one to tell.
            let _ = remove_container(daemon, &id).await;
            return Err(error);
        }
    };
    let AttachContainerResults { output, input } = attached;
    let ip = address(&seen, &prepared.network);
    let ports = ports(&spec.template.ports, ip, &seen, prepared.reachable);
    let (exit, exited) = oneshot::channel();
    let watch = watch::Watch {
        daemon: daemon.clone(),
        id,
        pod: spec.name.as_str().into(),
        lines: shared.settings.lines.clone(),
    };
    // Owned by the container: ends with it, and every container is removed in the end.
    tokio::spawn(async move {
        // Nobody asks any more when the pod was stopped.
        let _ = exit.send(watch.run(output).await);
    });
    Ok(StartedPod {
        ip,
        ports,
        exited,
        input: spec.template.attached.then_some(input),
    })
}

/// Creates and starts the node.
pub(super) async fn start_node(
    shared: &Shared,
    prepared: &Prepared,
    mut env: BTreeMap<String, String>,
) -> Result<NodeHandle, PodError> {
    let daemon = &shared.daemon;
    let name = shared.labels.node_name();
    // A node that ended before is in the way of its successor.
    remove_container(daemon, &name).await?;
    let dns = prepared.subnet.pod_network();
    let dns = SocketAddr::new(dns.dns.into(), dns.dns_port);
    env.insert("LAB_DNS".to_owned(), dns.to_string());
    if !prepared.library_path.is_empty() {
        env.insert("LD_LIBRARY_PATH".to_owned(), prepared.library_path.clone());
    }
    let mut host = host_config(prepared);
    // To give ClusterIPs to its own interface, and to serve DNS on port 53.
    host.cap_add = Some(
        ["NET_ADMIN", "NET_BIND_SERVICE"]
            .map(str::to_owned)
            .to_vec(),
    );
    let body = ContainerCreateBody {
        image: Some(prepared.image.clone()),
        hostname: Some("node".to_owned()),
        cmd: Some(["/lab", "node"].map(str::to_owned).to_vec()),
        env: Some(assignments(&env)),
        labels: Some(shared.labels.role("node")),
        open_stdin: Some(true),
        // The lab's end, however it comes, closes the node's standard input.
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    };
    let id = create(daemon, &name, body).await?;
    let attach = AttachContainerOptionsBuilder::new()
        .stream(true)
        .stdin(true)
        .stdout(true)
        .stderr(true)
        .build();
    let attached = daemon.docker.attach_container(&id, Some(attach)).await;
    let AttachContainerResults { output, input } =
        attached.wanting(|| format!("attach to the container {name:?}"))?;
    if let Err(error) = daemon.docker.start_container(&id, None).await {
        let _ = remove_container(daemon, &id).await;
        return Err(error).wanting(|| format!("start the container {name:?}"));
    }
    let (sender, lines) = mpsc::channel::<PodLine>(NODE_LINES);
    // Ends with the node's output.
    tokio::spawn(watch::read(output, watch::forward("node", sender)));
    Ok(NodeHandle { input, lines })
}

/// SIGTERM, SIGKILL after `grace`, and gone.
pub(super) async fn stop(shared: &Shared, name: &str, grace: Duration) -> Result<(), PodError> {
    let daemon = &shared.daemon;
    // Docker counts whole seconds.
    let seconds = grace.as_millis().div_ceil(1000);
    let seconds = i32::try_from(seconds).unwrap_or(i32::MAX);
    let options = StopContainerOptionsBuilder::new().t(seconds).build();
    let stopped = {
        let turn = shared.leaving.lock().await;
        let mut stopping = pin!(daemon.docker.stop_container(name, Some(options)));
        if let Ok(stopped) = tokio::time::timeout(TURN, &mut stopping).await {
            stopped
        } else {
            drop(turn);
            stopping.await
        }
    };
    match stopped {
        // Gone or ended already.
        Err(error) if matches!(status(&error), Some(404 | 304)) => {}
        other => other.wanting(|| format!("stop the container {name:?}"))?,
    }
    remove_container(daemon, name).await
}

/// SIGKILL, as a fault.
pub(super) async fn kill(daemon: &Daemon, name: &str, pod: &str) -> Result<(), PodError> {
    let options = KillContainerOptionsBuilder::new().signal("SIGKILL").build();
    match daemon.docker.kill_container(name, Some(options)).await {
        Err(error) if matches!(status(&error), Some(404 | 409)) => Err(PodError::Unknown {
            pod: pod.to_owned(),
        }),
        other => other.wanting(|| format!("kill the container {name:?}")),
    }
}

/// Pauses a container, or lets it go on. One that is so already is no error.
pub(super) async fn freeze(
    daemon: &Daemon,
    name: &str,
    pod: &str,
    still: bool,
) -> Result<(), PodError> {
    let done = if still {
        daemon.docker.pause_container(name).await
    } else {
        daemon.docker.unpause_container(name).await
    };
    match done {
        Err(error) if status(&error) == Some(404) => Err(PodError::Unknown {
            pod: pod.to_owned(),
        }),
        // Docker says that it is paused, is not, or does not run.
        Err(error) if matches!(status(&error), Some(409 | 500)) && !still => Ok(()),
        other => other.wanting(|| format!("pause the container {name:?}")),
    }
}

async fn create(
    daemon: &Daemon,
    name: &str,
    body: ContainerCreateBody,
) -> Result<String, PodError> {
    let options = CreateContainerOptionsBuilder::new().name(name).build();
    let created = daemon.docker.create_container(Some(options), body).await;
    Ok(created
        .wanting(|| format!("create the container {name:?}"))?
        .id)
}

/// Puts files into a container that was not started yet.
async fn upload(daemon: &Daemon, id: &str, files: &[Rendered]) -> Result<(), PodError> {
    let options = UploadToContainerOptionsBuilder::new().path("/").build();
    let body = bollard::body_full(archive(files).into());
    let sent = daemon.docker.upload_to_container(id, Some(options), body);
    sent.await
        .wanting(|| "copy files into a container".to_owned())
}

/// A tar of these files, which any user of the container may read, as those of a `ConfigMap`.
fn archive(files: &[Rendered]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_mode(0o644);
        header.set_size(file.text.len() as u64);
        let path = file.target.trim_start_matches('/');
        // Nothing is written but memory, and the path was checked with the config.
        let _ = tar.append_data(&mut header, path, file.text.as_bytes());
    }
    tar.into_inner().unwrap_or_default()
}

/// What the daemon is told of a pod, and the pod's variables.
fn pod_body(
    shared: &Shared,
    prepared: &Prepared,
    spec: &PodSpec,
) -> (ContainerCreateBody, BTreeMap<String, String>) {
    let template = &spec.template;
    let any = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let placement = Placement {
        listen: template
            .ports
            .iter()
            .map(|port| SocketAddr::new(any, *port))
            .collect(),
        data: template
            .volume
            .as_ref()
            .map(|volume| volume.mount.clone().into()),
        ..Placement::default()
    };
    let mut env = compose(spec, &placement);
    let mut host = host_config(prepared);
    host.mounts = template
        .volume
        .as_ref()
        .map(|volume| vec![mount(shared, volume)]);
    let (image, cmd) = match &template.workload {
        Workload::Image { image, command } => {
            // A foreign image may count on Docker's usual capabilities, to change its user.
            host.cap_drop = None;
            (
                image.clone(),
                (!command.is_empty()).then(|| command.clone()),
            )
        }
        Workload::BuiltIn { .. } | Workload::Command { .. } => {
            if !prepared.library_path.is_empty() {
                env.insert("LD_LIBRARY_PATH".to_owned(), prepared.library_path.clone());
            }
            let cmd = ["/lab", "pod"].map(str::to_owned).to_vec();
            (prepared.image.clone(), Some(cmd))
        }
    };
    let mut exposed = None;
    if !prepared.reachable {
        let published = |port: &u16| {
            let binding = PortBinding {
                host_ip: Some(Ipv4Addr::LOCALHOST.to_string()),
                host_port: Some(String::new()),
            };
            (key(*port), Some(vec![binding]))
        };
        exposed = Some(template.ports.iter().map(|port| key(*port)).collect());
        host.port_bindings = Some(template.ports.iter().map(published).collect());
    }
    let mut labels = shared.labels.role("pod");
    labels.insert("lab.pod".to_owned(), spec.name.clone());
    labels.insert("lab.deployment".to_owned(), spec.deployment.clone());
    let body = ContainerCreateBody {
        image: Some(image),
        hostname: Some(spec.name.clone()),
        cmd,
        env: Some(assignments(&env)),
        labels: Some(labels),
        exposed_ports: exposed,
        // Such a pod ends with the lab, as the node does: its standard input closes.
        open_stdin: Some(template.attached),
        stdin_once: Some(template.attached),
        attach_stdin: Some(template.attached),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    };
    (body, env)
}

/// What all containers of a lab have in common: its network, its names, and no powers.
fn host_config(prepared: &Prepared) -> HostConfig {
    let dns = prepared.subnet.pod_network().dns;
    HostConfig {
        network_mode: Some(prepared.network.clone()),
        dns: Some(vec![dns.to_string()]),
        dns_search: Some(SEARCH.map(str::to_owned).to_vec()),
        dns_options: Some(vec!["ndots:5".to_owned()]),
        cap_drop: Some(vec!["ALL".to_owned()]),
        security_opt: Some(vec!["no-new-privileges".to_owned()]),
        log_config: Some(HostConfigLogConfig {
            typ: Some("json-file".to_owned()),
            config: Some(HashMap::from([(
                "max-size".to_owned(),
                LOG_SIZE.to_owned(),
            )])),
        }),
        ..HostConfig::default()
    }
}

/// A named volume; Docker creates it with its labels at the first use.
fn mount(shared: &Shared, volume: &Volume) -> Mount {
    Mount {
        target: Some(volume.mount.clone()),
        source: Some(shared.labels.volume_name(&volume.name)),
        typ: Some(MountType::VOLUME),
        volume_options: Some(MountVolumeOptions {
            labels: Some(shared.labels.role("volume")),
            ..MountVolumeOptions::default()
        }),
        ..Mount::default()
    }
}

fn assignments(env: &BTreeMap<String, String>) -> Vec<String> {
    env.iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect()
}

/// A port as the API writes it.
fn key(port: u16) -> String {
    format!("{port}/tcp")
}

/// The address that Docker gave it. A program that ended at once has none any more.
fn address(seen: &ContainerInspectResponse, network: &str) -> IpAddr {
    let networks = seen
        .network_settings
        .as_ref()
        .and_then(|settings| settings.networks.as_ref());
    let endpoint = networks.and_then(|networks| networks.get(network));
    let address = endpoint.and_then(|endpoint| endpoint.ip_address.as_deref());
    let parsed = address.and_then(|address| address.parse().ok());
    parsed.unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}

fn ports(
    template: &[u16],
    ip: IpAddr,
    seen: &ContainerInspectResponse,
    reachable: bool,
) -> Vec<PodPort> {
    let bound = seen
        .network_settings
        .as_ref()
        .and_then(|settings| settings.ports.as_ref());
    let published = |port: u16| {
        let binding = bound?.get(&key(port))?.as_ref()?.first()?;
        let number = binding.host_port.as_ref()?.parse().ok()?;
        Some(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), number))
    };
    let place = |port: &u16| {
        let pod = SocketAddr::new(ip, *port);
        let host = if reachable { None } else { published(*port) };
        PodPort {
            port: *port,
            pod,
            host: host.unwrap_or(pod),
        }
    };
    template.iter().map(place).collect()
}
