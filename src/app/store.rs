//! What serves MongoDB's and Redis's protocols: decided before the first pod starts, and told in `status`.

use std::path::{Path, PathBuf};

use super::StartError;
use crate::config::{Config, StoreChoice, StoresConfig};
use crate::export::StoreImage;
use crate::model::{Deployment, StoresStatus, Volume, Workload};
use crate::pods::PodRuntime;

/// A protocol for which there is a built-in store, a real server and an image.
#[derive(Debug)]
struct Protocol {
    /// The name of the built-in program, of its volume, and of the key in `[stores]`.
    name: &'static str,
    /// The real program on the PATH.
    server: &'static str,
    /// The volume of the real one. Its files mean nothing to the built-in store, so each has a volume
    /// of its own.
    server_volume: &'static str,
    /// Where the image keeps its files.
    image_mount: &'static str,
    /// Arguments for an image in place of its own.
    image_command: &'static [&'static str],
    choice: fn(&StoresConfig) -> (StoreChoice, &str),
    /// The command line of the real program, with its data in a folder.
    command: fn(&Path, &Path) -> Vec<String>,
    status: fn(&mut StoresStatus) -> &mut Option<String>,
}

static PROTOCOLS: [Protocol; 2] = [
    Protocol {
        name: "mongodb",
        server: "mongod",
        server_volume: "mongod",
        image_mount: "/data/db",
        image_command: &[],
        choice: |stores| (stores.mongodb, &stores.mongodb_image),
        command: mongod,
        status: |stores| &mut stores.mongodb,
    },
    Protocol {
        name: "redis",
        server: "redis-server",
        server_volume: "redis-server",
        image_mount: "/data",
        // The image's entry point puts `redis-server` in front of options.
        image_command: &REDIS_KEEPS,
        choice: |stores| (stores.redis, &stores.redis_image),
        command: redis_server,
        status: |stores| &mut stores.redis,
    },
];

/// With these a real Redis keeps what it has acknowledged, as the built-in store does: queued jobs
/// are to survive a kill. With its default, `everysec`, a write waits for a running `fsync` of the
/// second before, and a kill loses it.
const REDIS_KEEPS: [&str; 6] = [
    "--appendonly",
    "yes",
    "--appendfsync",
    "always",
    "--save",
    "",
];

/// Where a built-in store keeps its files inside a container.
const BUILT_IN_MOUNT: &str = "/data";

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    BuiltIn,
    Server(PathBuf),
    Image(String),
}

/// What was chosen, in words.
#[derive(Debug)]
pub(super) struct Chosen(Vec<(&'static Protocol, String)>);

impl Chosen {
    /// Writes it into the status; what was chosen earlier stays.
    pub(super) fn tell(self, status: &mut StoresStatus) {
        for (protocol, words) in self.0 {
            *(protocol.status)(status) = Some(words);
        }
    }
}

impl Protocol {
    fn is_served_by(&self, deployment: &Deployment) -> bool {
        let workload = &deployment.template.workload;
        matches!(workload, Workload::BuiltIn { program } if program == self.name)
    }

    /// `auto` stays with the store that has data already, so that installing a real one does not
    /// make data disappear.
    async fn find(
        &self,
        stores: &StoresConfig,
        runtime: &dyn PodRuntime,
    ) -> Result<Found, StartError> {
        let (name, server) = (self.name, self.server);
        let (choice, image) = (self.choice)(stores);
        let refused = |why: &str| Err(StartError::Store(why.to_owned()));
        match (choice, runtime.name()) {
            (StoreChoice::Server, "docker") => refused(&format!(
                "[stores] {name} = \"{server}\" needs the process runtime"
            )),
            (StoreChoice::Server, _) => match on_path(server) {
                Some(program) => Ok(Found::Server(program)),
                None => refused(&format!(
                    "[stores] {name} = \"{server}\", but there is no {server} on the PATH"
                )),
            },
            (StoreChoice::Image, "docker") => Ok(Found::Image(image.to_owned())),
            (StoreChoice::Image, _) => refused(&format!(
                "[stores] {name} = \"image\" needs the Docker runtime"
            )),
            (StoreChoice::BuiltIn, _) => Ok(Found::BuiltIn),
            (StoreChoice::Auto, _) if runtime.has_volume(name).await => Ok(Found::BuiltIn),
            (StoreChoice::Auto, "docker") => Ok(if runtime.has_image(image).await {
                Found::Image(image.to_owned())
            } else {
                Found::BuiltIn
            }),
            (StoreChoice::Auto, _) => Ok(on_path(server).map_or(Found::BuiltIn, Found::Server)),
        }
    }

    /// Puts what was found into the Deployment; what it is, in words.
    fn put(&self, found: Found, deployment: &mut Deployment, data: &Path) -> String {
        let (words, workload, volume, mount) = match found {
            Found::BuiltIn => (
                "built-in store".to_owned(),
                deployment.template.workload.clone(),
                self.name,
                BUILT_IN_MOUNT,
            ),
            Found::Server(program) => (
                format!("{} ({})", self.server, program.display()),
                Workload::Command {
                    command: (self.command)(&program, &data.join(self.server_volume)),
                    working_directory: None,
                },
                self.server_volume,
                self.image_mount,
            ),
            Found::Image(image) => (
                format!("image {image}"),
                Workload::Image {
                    image,
                    command: self.image_command.iter().map(|&word| word.into()).collect(),
                },
                self.server_volume,
                self.image_mount,
            ),
        };
        deployment.template.workload = workload;
        deployment.template.volume = Some(Volume {
            name: volume.to_owned(),
            mount: mount.to_owned(),
        });
        words
    }
}

/// Puts the chosen programs into the Deployments of the stores. Nothing is chosen where the lab has no
/// such Deployment, where the user's own program is, and where one of those that run is the store.
pub(super) async fn choose(
    config: &Config,
    deployments: &mut [Deployment],
    running: &[Deployment],
    runtime: &dyn PodRuntime,
    data: &Path,
) -> Result<Chosen, StartError> {
    let mut chosen = Vec::new();
    for protocol in &PROTOCOLS {
        if running.iter().any(|known| protocol.is_served_by(known)) {
            continue;
        }
        let mut deployments = deployments.iter_mut();
        let Some(deployment) = deployments.find(|wanted| protocol.is_served_by(wanted)) else {
            continue;
        };
        let found = protocol.find(&config.stores, runtime).await?;
        chosen.push((protocol, protocol.put(found, deployment, data)));
    }
    Ok(Chosen(chosen))
}

/// What stands for a real store of this machine where there are only images.
pub(super) fn images(stores: &StoresConfig) -> Vec<StoreImage> {
    let images = PROTOCOLS.iter().map(|protocol| StoreImage {
        volume: protocol.server_volume,
        image: (protocol.choice)(stores).1.to_owned(),
        arguments: protocol
            .image_command
            .iter()
            .map(|&word| word.into())
            .collect(),
    });
    images.collect()
}

/// Whether its program is chosen at the start of the lab.
pub(super) fn is_store(deployment: &Deployment) -> bool {
    PROTOCOLS
        .iter()
        .any(|protocol| protocol.is_served_by(deployment))
}

/// A mongod that listens where the pod is, and nowhere else.
fn mongod(program: &Path, folder: &Path) -> Vec<String> {
    let arguments = [
        program.as_os_str().to_string_lossy().into_owned(),
        "--dbpath".to_owned(),
        folder.display().to_string(),
        "--bind_ip".to_owned(),
        "{address}".to_owned(),
        "--port".to_owned(),
        "{port}".to_owned(),
        // It would lie in /tmp, and stay there after a kill.
        "--nounixsocket".to_owned(),
        "--quiet".to_owned(),
    ];
    arguments.into()
}

/// A redis-server that listens where the pod is.
fn redis_server(program: &Path, folder: &Path) -> Vec<String> {
    let arguments = [
        program.as_os_str().to_string_lossy().into_owned(),
        "--bind".to_owned(),
        "{address}".to_owned(),
        "--port".to_owned(),
        "{port}".to_owned(),
        "--dir".to_owned(),
        folder.display().to_string(),
        // Pods come from the lab's own addresses, which are not the loopback address that it means.
        "--protected-mode".to_owned(),
        "no".to_owned(),
    ];
    let keeps = REDIS_KEEPS.map(str::to_owned);
    arguments.into_iter().chain(keeps).collect()
}

/// The first executable file of this name on the PATH.
fn on_path(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders = std::env::split_paths(&path);
    folders
        .map(|folder| folder.join(program))
        .find(|file| is_executable(file))
}

#[cfg(unix)]
fn is_executable(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    file.metadata()
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(not(unix))]
fn is_executable(file: &Path) -> bool {
    file.is_file()
}
