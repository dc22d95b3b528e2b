//! The stores that are compared, and a lab on one of them.

use std::path::PathBuf;

use crate::lab::Lab;

/// What serves MongoDB's protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Store {
    BuiltIn,
    Mongod,
}

impl Store {
    /// Those that this machine has.
    pub(crate) fn all() -> Vec<Self> {
        let mut all = vec![Self::BuiltIn];
        if mongod().is_some() {
            all.push(Self::Mongod);
        } else {
            println!("without mongod: none is on the PATH, and LAB_MONGOD names none");
        }
        all
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::BuiltIn => "built-in store",
            Self::Mongod => "mongod",
        }
    }

    /// A running lab without films, with `toml` in its config.
    pub(crate) fn lab(self, name: &str, toml: &str) -> Lab {
        let mongodb = match self {
            Self::BuiltIn => "built-in",
            Self::Mongod => "mongod",
        };
        let config = format!(
            "[trace]\nenabled = false\n[stores]\nmongodb = \"{mongodb}\"\nredis = \"built-in\"\n{toml}"
        );
        let folder = match self {
            Self::BuiltIn => None,
            Self::Mongod => mongod().and_then(|file| Some(file.parent()?.to_owned())),
        };
        let lab = Lab::new(name, &config, folder);
        lab.run(&["up", "--runtime", "process"]);
        lab
    }
}

/// Where a Service's first port listens: `127.43.0.13:80`, or elsewhere if that is privileged.
pub(crate) fn address(lab: &Lab, service: &str) -> String {
    let status = lab.status();
    let services = status["services"].as_array().expect("services");
    let found = services.iter().find(|known| known["name"] == service);
    let found = found.expect("the service");
    let port = &found["ports"][0];
    port["listen"].as_str().map_or_else(
        || {
            let address = found["cluster_ip"].as_str().expect("a ClusterIP");
            format!("{address}:{}", port["port"])
        },
        str::to_owned,
    )
}

/// The one that is named, else the first on the PATH.
fn mongod() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    if let Some(named) = std::env::var_os("LAB_MONGOD").map(PathBuf::from) {
        folders.insert(0, named.parent()?.to_owned());
    }
    folders
        .into_iter()
        .map(|folder| folder.join("mongod"))
        .find(|file| file.exists())
}
