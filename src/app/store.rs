//! What serves MongoDB's protocol: decided before the first pod starts, and told in `status`.

use std::path::{Path, PathBuf};

use super::StartError;
use crate::config::{Config, StoreChoice};
use crate::model::{Deployment, Volume, Workload};
use crate::pods::PodRuntime;

/// The Service whose program is chosen here, and the name of the built-in one.
pub(super) const MONGODB: &str = "mongodb";
/// The volume of a real mongod. Its files mean nothing to the built-in store, so each has a volume
/// of its own.
const MONGOD_VOLUME: &str = "mongod";
/// Where the images and the built-in store keep their files inside a container.
const IMAGE_MOUNT: &str = "/data/db";
const BUILT_IN_MOUNT: &str = "/data";

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Found {
    BuiltIn,
    Mongod(PathBuf),
    Image(String),
}

/// Puts the chosen program into the `mongodb` Deployment; what it is, in words. `None` when the
/// lab has no such Deployment, or the user's own program is there.
///
/// `auto` stays with the store that has data already, so that installing a mongod does not make
/// data disappear.
pub(super) async fn choose(
    config: &Config,
    deployments: &mut [Deployment],
    runtime: &dyn PodRuntime,
    data: &Path,
) -> Result<Option<String>, StartError> {
    let is_store = |deployment: &&mut Deployment| {
        let workload = &deployment.template.workload;
        matches!(workload, Workload::BuiltIn { program } if program == MONGODB)
    };
    let Some(deployment) = deployments.iter_mut().find(is_store) else {
        return Ok(None);
    };
    let found = match (config.stores.mongodb, runtime.name()) {
        (StoreChoice::Mongod, "docker") => {
            return Err(StartError::Store(
                "[stores] mongodb = \"mongod\" needs the process runtime".to_owned(),
            ));
        }
        (StoreChoice::Mongod, _) => Found::Mongod(on_path("mongod").ok_or_else(|| {
            StartError::Store(
                "[stores] mongodb = \"mongod\", but there is no mongod on the PATH".to_owned(),
            )
        })?),
        (StoreChoice::Image, "docker") => Found::Image(config.stores.mongodb_image.clone()),
        (StoreChoice::Image, _) => {
            return Err(StartError::Store(
                "[stores] mongodb = \"image\" needs the Docker runtime".to_owned(),
            ));
        }
        (StoreChoice::BuiltIn, _) => Found::BuiltIn,
        (StoreChoice::Auto, _) if runtime.has_volume(MONGODB).await => Found::BuiltIn,
        (StoreChoice::Auto, "docker") => {
            let image = &config.stores.mongodb_image;
            if runtime.has_image(image).await {
                Found::Image(image.clone())
            } else {
                Found::BuiltIn
            }
        }
        (StoreChoice::Auto, _) => on_path("mongod").map_or(Found::BuiltIn, Found::Mongod),
    };
    let template = &mut deployment.template;
    let (words, workload, volume, mount) = match found {
        Found::BuiltIn => (
            "built-in store".to_owned(),
            template.workload.clone(),
            MONGODB,
            BUILT_IN_MOUNT,
        ),
        Found::Mongod(program) => (
            format!("mongod ({})", program.display()),
            mongod(&program, &data.join(MONGOD_VOLUME)),
            MONGOD_VOLUME,
            IMAGE_MOUNT,
        ),
        Found::Image(image) => (
            format!("image {image}"),
            Workload::Image {
                image,
                command: Vec::new(),
            },
            MONGOD_VOLUME,
            IMAGE_MOUNT,
        ),
    };
    template.workload = workload;
    template.volume = Some(Volume {
        name: volume.to_owned(),
        mount: mount.to_owned(),
    });
    Ok(Some(words))
}

/// A mongod that listens where the pod is, and nowhere else.
fn mongod(program: &Path, folder: &Path) -> Workload {
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
    Workload::Command {
        command: arguments.into(),
        working_directory: None,
    }
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
