//! `lab.toml` → `RawConfig` → [`Config`]: all rules and all defaults.
//!
//! Reading a config does nothing to the world. Every mistake is reported at once, each with file,
//! line, key, value and remedy. What a [`Config`] holds has been checked: names are unique DNS
//! labels, ports are disjoint, every Service that an ingress names exists.

mod applied;
mod beside;
mod checks;
mod deployments;
mod field;
mod files;
mod general;
mod ingresses;
mod lesson;
mod load_balancer;
mod manifests;
mod merge;
mod names;
mod plugins;
mod ports;
mod problem;
mod publishing;
mod raw;
mod readiness;
mod secrets;
mod section;
mod services;
mod settings;
mod subnet;
mod suggest;
mod summary;
mod urls;
mod workload;

use std::path::{Path, PathBuf};

pub use lesson::parse as parse_lesson;
pub(crate) use names::duration;
pub use problem::{Place, Problem, Problems};
pub use settings::{
    AccessLogChoice, CloudforetConfig, Config, Controller, DockerConfig, HostPort, IngressConfig,
    LoadBalancerConfig, PluginConfig, RuntimeChoice, StaticEndpoint, StaticEndpoints, StoreChoice,
    StoresConfig, TraceConfig,
};
pub use subnet::{Subnet, SubnetChoice};
pub(crate) use suggest::nearest;

use raw::RawConfig;
use section::Reader;

/// The shipped reference, which is also the default under every user's file.
pub const DEFAULT: &str = include_str!("../../lab.toml");

/// The file that is read when none is named and it exists.
pub const DEFAULT_FILE: &str = "lab.toml";

/// How places in [`DEFAULT`] are shown.
const DEFAULT_NAME: &str = "built-in lab.toml";

/// What the command line sets; stronger than any file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// `name`
    pub name: Option<String>,
    /// `runtime`
    pub runtime: Option<String>,
    /// `load_balancer.http`
    pub http: Option<u16>,
    /// `load_balancer.https`
    pub https: Option<u16>,
    /// `ingress.controller`; a running lab keeps the one it has.
    pub controller: Option<Controller>,
}

/// Where a config comes from, for reading it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The file that the command line names.
    pub file: Option<PathBuf>,
    /// What the command line says beside it.
    pub overrides: Overrides,
}

impl Source {
    /// Reads it as it is now.
    pub fn load(&self) -> Result<Config, ConfigError> {
        load(self.file.as_deref(), &self.overrides)
    }
}

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// What it says cannot be run.
    #[error(transparent)]
    Invalid(#[from] Problems),
}

/// Reads `file`; without one `./lab.toml` if it exists, else the built-in default.
pub fn load(file: Option<&Path>, overrides: &Overrides) -> Result<Config, ConfigError> {
    let path = match file {
        Some(path) => path,
        None if Path::new(DEFAULT_FILE).exists() => Path::new(DEFAULT_FILE),
        None => return Ok(parse(None, overrides)?),
    };
    let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
        path: path.to_owned(),
        source,
    })?;
    Ok(parse(Some((path, &text)), overrides)?)
}

/// Resolves the text of a file over the built-in default. The path names the file in messages, and
/// its folder is where relative paths start.
pub fn parse(file: Option<(&Path, &str)>, overrides: &Overrides) -> Result<Config, Problems> {
    let default = RawConfig::parse(DEFAULT_NAME, DEFAULT)?;
    let user = match file {
        Some((path, text)) => RawConfig::parse(&path.display().to_string(), text)?,
        None => RawConfig::default(),
    };
    let reader = Reader::default();
    let merged = merge::layers(default, user, overrides, &reader);
    let folder = file.map(|(path, _)| folder_of(path));
    let config = general::read(
        &merged,
        folder.as_deref(),
        file.map(|(path, _)| path),
        &reader,
    );
    reader.into_result(config)
}

/// The `name` that a file gives its lab, whatever else it says; for commands that only look for a
/// running lab, which a config that is being edited must not keep from working.
pub fn lab_name(file: Option<&Path>) -> String {
    let path = file.unwrap_or(Path::new(DEFAULT_FILE));
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let raw = RawConfig::parse("", &text).unwrap_or_default();
    match raw.0.get("name").map(|node| &node.item) {
        Some(raw::Item::Text(name)) if names::is_label(name) => name.clone(),
        _ => general::NAME.to_owned(),
    }
}

/// Whether this can be the name of a lab.
pub fn is_lab_name(text: &str) -> bool {
    names::is_label(text)
}

/// The absolute folder of a file, as far as it can be told without touching the file.
fn folder_of(file: &Path) -> PathBuf {
    let parent = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    std::path::absolute(parent).unwrap_or_else(|_| parent.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every key that the reader asks for, by the shape of its place.
    fn known_keys() -> Vec<String> {
        let text = r#"
            [services.all]
            command = ["./x"]
            ports = [{ name = "http", port = 1 }]
            env = { A = "b" }
            readiness = { tcp = 1 }
            [deployments.all]
            command = ["./x"]
            [plugins.all]
            command = ["./x"]
            providers = ["x"]
            options = { a = 1 }
            [secrets.all]
            cert = "all.crt"
            key = "all.key"
            [[ingresses]]
            name = "all"
            annotations = { "a/b" = "c" }
            rules = [{ host = "a.b", paths = [{ path = "/", service = "all", port = 1 }] }]
            tls = [{ hosts = ["a.b"] }]
            default_backend = { service = "all", port = 1 }
        "#;
        let reader = Reader::default();
        let raw = RawConfig::parse("test", text).unwrap();
        let default = RawConfig::parse(DEFAULT_NAME, DEFAULT).unwrap();
        let merged = merge::layers(default, raw, &Overrides::default(), &reader);
        let _ = general::read(&merged, None, None, &reader);
        reader.known()
    }

    #[test]
    fn the_shipped_file_mentions_every_key() {
        let known = known_keys();
        assert!(known.len() > 50, "{known:?}");
        for key in known {
            let last = key.rsplit('.').next().unwrap();
            if last == "*" {
                continue;
            }
            let mentioned = DEFAULT.match_indices(last).any(|(at, _)| {
                let before = DEFAULT[..at].chars().next_back();
                let after = DEFAULT[at + last.len()..].trim_start();
                before.is_none_or(|c| !c.is_alphanumeric() && c != '_' && c != '-')
                    && (after.starts_with('=') || after.starts_with([']', '.', ':', '`']))
            });
            assert!(mentioned, "lab.toml does not mention {key}");
        }
    }

    #[test]
    fn the_shipped_file_over_itself_is_the_default() {
        let default = parse(None, &Overrides::default()).unwrap();
        let mut itself = parse(
            Some((Path::new("lab.toml"), DEFAULT)),
            &Overrides::default(),
        )
        .unwrap();
        itself.file = None;
        assert_eq!(default, itself);
        assert_eq!(default.warnings, []);
    }

    #[test]
    fn the_command_line_is_stronger_than_the_file() {
        let overrides = Overrides {
            name: Some("other".into()),
            runtime: Some("process".into()),
            http: Some(0),
            https: Some(9443),
            controller: Some(Controller::Nginx),
        };
        let config = parse(Some((Path::new("x"), "name = \"file\"")), &overrides).unwrap();
        assert_eq!(config.name, "other");
        assert_eq!(config.runtime, RuntimeChoice::Process);
        assert_eq!(config.ingress.controller, Controller::Nginx);
        assert_eq!(
            (config.load_balancer.http, config.load_balancer.https),
            (0, 9443)
        );
    }
}
