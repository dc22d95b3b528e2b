//! Finds the Docker daemon as `docker` itself does, and agrees on an API version.

use std::time::Duration;

use bollard::errors::Error;
use bollard::{API_DEFAULT_VERSION, Docker};

use crate::pods::PodError;

/// A daemon on this machine answers within milliseconds; one that hangs must not hold `up`.
const PROBE: Duration = Duration::from_secs(2);
/// For answers of the daemon, once it is known to be there. Seconds.
const TIMEOUT: u64 = 120;

/// A daemon that answered.
#[derive(Clone, Debug)]
pub(in crate::pods) struct Daemon {
    pub(super) docker: Docker,
    address: String,
    version: String,
    /// `amd64`, `arm64` …
    pub(super) architecture: String,
}

impl Daemon {
    /// One sentence for people.
    pub(in crate::pods) fn describe(&self) -> String {
        let remote = if is_local(&self.address) {
            ""
        } else {
            " (not this machine: the lab's ports will not be reachable)"
        };
        format!(
            "Docker {} answers at {}{remote}",
            self.version, self.address
        )
    }

    /// Whether pods would run on this machine.
    pub(in crate::pods) fn is_local(&self) -> bool {
        is_local(&self.address)
    }
}

/// Connects to where `DOCKER_HOST` says, or to the default socket.
pub(in crate::pods) async fn connect() -> Result<Daemon, PodError> {
    let address = std::env::var("DOCKER_HOST")
        .ok()
        .filter(|address| !address.is_empty())
        .unwrap_or_else(default_address);
    let unreachable = |error: &Error| unreachable(&address, error);
    let docker = open(&address).map_err(|error| unreachable(&error))?;
    let hello = async {
        let docker = docker.negotiate_version().await?;
        let version = docker.version().await?;
        Ok((docker, version))
    };
    let (docker, version) = match tokio::time::timeout(PROBE, hello).await {
        Ok(answer) => answer.map_err(|error| unreachable(&error))?,
        Err(_) => return Err(unreachable(&Error::RequestTimeoutError)),
    };
    Ok(Daemon {
        docker,
        address,
        version: version.version.unwrap_or_default(),
        architecture: version.arch.unwrap_or_default(),
    })
}

fn open(address: &str) -> Result<Docker, Error> {
    if is_local(address) {
        Docker::connect_with_local(address, TIMEOUT, API_DEFAULT_VERSION)
    } else {
        Docker::connect_with_host(address)
    }
}

fn default_address() -> String {
    let address = if cfg!(windows) {
        "npipe:////./pipe/docker_engine"
    } else {
        "unix:///var/run/docker.sock"
    };
    address.to_owned()
}

fn is_local(address: &str) -> bool {
    address.starts_with("unix://") || address.starts_with("npipe://")
}

fn unreachable(address: &str, error: &Error) -> PodError {
    // The layers between say only that they are there; the innermost cause is the one to know.
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let reason = cause.to_string();
    let remedy = if reason.contains("ermission denied") {
        "add yourself to the group `docker` (`sudo usermod -aG docker $USER`, then log in again), or use `--runtime process`"
    } else {
        "start it (`sudo systemctl start docker`, or Docker Desktop), or use `--runtime process`"
    };
    PodError::DockerUnreachable {
        address: address.to_owned(),
        reason,
        remedy,
    }
}

/// Names what was wanted when the daemon refuses.
pub(super) trait Wanting<T> {
    /// `action` is an infinitive with its object.
    fn wanting(self, action: impl FnOnce() -> String) -> Result<T, PodError>;
}

impl<T> Wanting<T> for Result<T, Error> {
    fn wanting(self, action: impl FnOnce() -> String) -> Result<T, PodError> {
        self.map_err(|source| PodError::Docker {
            action: action(),
            source: Box::new(source),
        })
    }
}

/// The status of the daemon's answer, if that is what the error is.
pub(super) fn status(error: &Error) -> Option<u16> {
    match error {
        Error::DockerResponseServerError { status_code, .. } => Some(*status_code),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remedies_fit_the_cause() {
        let denied = unreachable(
            "unix:///x",
            &Error::from(std::io::Error::from(std::io::ErrorKind::PermissionDenied)),
        );
        assert!(denied.to_string().contains("usermod"), "{denied}");
        let stopped = unreachable("unix:///x", &Error::SocketNotFoundError("/x".into()));
        assert!(
            stopped.to_string().contains("systemctl start docker"),
            "{stopped}"
        );
        assert!(stopped.to_string().contains("--runtime process"));
    }
}
