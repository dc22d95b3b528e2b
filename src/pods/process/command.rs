//! From a template to the command line that runs it, and the sockets it is told to bind.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use super::State;
use super::ports::listen_address;
use crate::model::{PodPort, Workload};
use crate::pods::{PodError, PodSpec};

/// In a command or its environment: the port to listen on.
const PORT: &str = "{port}";
/// In a command or its environment: the address to listen on.
const ADDRESS: &str = "{address}";
/// In a command or its environment: the folder with the pod's files.
const FILES: &str = "{files}";

/// What a pod was given on this host.
#[derive(Debug)]
pub(super) struct Given {
    /// The address it holds in the block, if any.
    pub(super) address: Option<Ipv4Addr>,
    /// Wildcard ports it holds.
    pub(super) wildcard: Vec<u16>,
    /// The sockets it is to bind, in the order of the template's ports.
    pub(super) listen: Vec<SocketAddr>,
}

impl Given {
    /// Takes address and ports for a pod.
    pub(super) fn take(state: &mut State, spec: &PodSpec) -> Result<Self, PodError> {
        let no = |what| PodError::NoAddress {
            what,
            whom: format!("pod {:?}", spec.name),
        };
        let ports = &spec.template.ports;
        state.wildcard.reserve(ports);
        let mut given = Self {
            address: None,
            wildcard: Vec::new(),
            listen: Vec::new(),
        };
        if binds_wildcard(spec) {
            for _ in ports {
                let Some(port) = state.wildcard.take() else {
                    given.free(state);
                    return Err(no("port"));
                };
                given.wildcard.push(port);
                given
                    .listen
                    .push(SocketAddr::new(Ipv4Addr::LOCALHOST.into(), port));
            }
            return Ok(given);
        }
        let address = state.block.take().ok_or_else(|| no("address"))?;
        given.address = Some(address);
        for port in ports {
            let Some(listen) = listen_address(address, *port) else {
                given.free(state);
                return Err(no("port"));
            };
            given.listen.push(listen);
        }
        Ok(given)
    }

    /// Gives everything back.
    pub(super) fn free(&self, state: &mut State) {
        self.wildcard
            .iter()
            .for_each(|port| state.wildcard.free(*port));
        if let Some(address) = self.address {
            state.block.free(address);
        }
    }

    /// The pod's own address.
    pub(super) fn ip(&self) -> IpAddr {
        self.address.unwrap_or(Ipv4Addr::LOCALHOST).into()
    }

    /// Where its ports are reached. `gateway` is the host's address inside the pod network, for
    /// commands beside containers.
    pub(super) fn ports(&self, template: &[u16], gateway: Option<Ipv4Addr>) -> Vec<PodPort> {
        let pairs = template.iter().zip(&self.listen);
        pairs
            .map(|(port, listen)| PodPort {
                port: *port,
                pod: gateway.map_or(*listen, |ip| SocketAddr::new(ip.into(), listen.port())),
                host: *listen,
            })
            .collect()
    }
}

/// A command of the user's that is not told an address may bind the wildcard address only: it
/// needs a port that is free everywhere, or it would fail beside `<ip>:50051` listeners.
fn binds_wildcard(spec: &PodSpec) -> bool {
    let Workload::Command { command, .. } = &spec.template.workload else {
        return false;
    };
    let told = command.iter().chain(spec.template.env.values());
    !told.into_iter().any(|text| text.contains(ADDRESS))
}

/// Program, arguments and folder of a pod.
#[derive(Debug)]
pub(super) struct CommandLine {
    /// Arguments of this binary.
    pub(super) arguments: Vec<String>,
    /// Where it runs.
    pub(super) folder: Option<PathBuf>,
    /// For messages.
    pub(super) program: String,
}

/// The arguments with which this binary runs the pod: `pod`, or `exec -- …` for a command.
pub(super) fn command_line(
    spec: &PodSpec,
    listen: &[SocketAddr],
    files: &Path,
) -> Result<CommandLine, PodError> {
    match &spec.template.workload {
        Workload::BuiltIn { program } => Ok(CommandLine {
            arguments: vec!["pod".to_owned()],
            folder: None,
            program: program.clone(),
        }),
        Workload::Command {
            command,
            working_directory,
        } => {
            let words = command.iter().map(|word| fill(word, listen, files));
            Ok(CommandLine {
                arguments: ["exec", "--"]
                    .map(str::to_owned)
                    .into_iter()
                    .chain(words)
                    .collect(),
                folder: working_directory.clone(),
                program: command.first().cloned().unwrap_or_default(),
            })
        }
        Workload::Image { .. } => Err(PodError::Unsupported {
            pod: spec.name.clone(),
            needs: "a container image",
            remedy: "run the lab with `--runtime docker`, or give the service a `command`",
        }),
    }
}

/// Fills `{port}`, `{address}` and `{files}` into the variables of a command.
pub(super) fn fill_variables(
    variables: &mut BTreeMap<String, String>,
    listen: &[SocketAddr],
    files: &Path,
) {
    for value in variables.values_mut() {
        if [PORT, ADDRESS, FILES]
            .iter()
            .any(|name| value.contains(name))
        {
            *value = fill(value, listen, files);
        }
    }
}

fn fill(text: &str, listen: &[SocketAddr], files: &Path) -> String {
    let text = text.replace(FILES, &files.display().to_string());
    let Some(first) = listen.first() else {
        return text;
    };
    text.replace(PORT, &first.port().to_string())
        .replace(ADDRESS, &first.ip().to_string())
}
