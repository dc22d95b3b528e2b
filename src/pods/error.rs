//! What can go wrong with pods, each with what the user can do about it.

use std::io;
use std::path::PathBuf;

/// A pod, or what pods need, could not be made.
#[derive(Debug, thiserror::Error)]
pub enum PodError {
    /// The daemon cannot be reached.
    #[error("cannot reach the Docker daemon at {address}: {reason}; {remedy}")]
    DockerUnreachable {
        /// As Docker takes it.
        address: String,
        /// What happened.
        reason: String,
        /// What to do.
        remedy: &'static str,
    },
    /// The daemon refused a request.
    #[error("cannot {action}")]
    Docker {
        /// What was wanted, as an infinitive with its object's name.
        action: String,
        /// What the daemon said.
        #[source]
        source: Box<bollard::errors::Error>,
    },
    /// The subnet is taken.
    #[error(
        "the subnet {subnet} of the pod network overlaps {holder}; \
         set `subnet` in `[docker]` of lab.toml to a free IPv4 range of /15 to /22"
    )]
    SubnetInUse {
        /// The range that was wanted.
        subnet: String,
        /// What has it.
        holder: String,
    },
    /// The configured subnet cannot be used.
    #[error(
        "`[docker] subnet` = {subnet:?} is not an IPv4 range of /15 to /22, such as 10.42.0.0/15"
    )]
    BadSubnet {
        /// As configured.
        subnet: String,
    },
    /// Another lab of the same name runs.
    #[error(
        "another lab called {lab:?} is running (process {pid}); \
         stop it with `lab down --name {lab}`, or choose another name with --name"
    )]
    NameInUse {
        /// Its name.
        lab: String,
        /// Its process.
        pid: u32,
    },
    /// An image is neither here nor pullable.
    #[error(
        "image {image:?} is not present and cannot be pulled: {reason}; \
         check the name, log in with `docker login`, or load it with `docker load`"
    )]
    ImageMissing {
        /// Its reference.
        image: String,
        /// What the daemon said.
        reason: String,
    },
    /// The image of the lab itself cannot be made here.
    #[error(
        "cannot make the pod image from this program: {reason}; set `image` in `[docker]` of lab.toml"
    )]
    ImageBuild {
        /// Why.
        reason: String,
    },
    /// This runtime cannot run that kind of pod.
    #[error("pod {pod:?} needs {needs}; {remedy}")]
    Unsupported {
        /// The pod.
        pod: String,
        /// What it needs.
        needs: &'static str,
        /// What to do.
        remedy: &'static str,
    },
    /// A command of the user's cannot be run.
    #[error("cannot run {program:?} for pod {pod:?}; is it installed, and on the PATH?")]
    Spawn {
        /// The pod.
        pod: String,
        /// What was to be run.
        program: String,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// No address or port is left.
    #[error("no free {what} on this machine for {whom}")]
    NoAddress {
        /// `port`, `block of loopback addresses`.
        what: &'static str,
        /// The pod or lab.
        whom: String,
    },
    /// A folder or file cannot be used.
    #[error("cannot {action} {}", path.display())]
    File {
        /// Infinitive.
        action: &'static str,
        /// Which.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A config file has a hole.
    #[error(
        "line {line} of the file {target:?} names ${{{name}}}, which is no variable of pod {pod:?}; \
         write $${{{name}}} if it is meant as it stands"
    )]
    Template {
        /// The pod.
        pod: String,
        /// The file, as `files` names it.
        target: String,
        /// Counted from 1.
        line: usize,
        /// What stands between the braces.
        name: String,
    },
    /// A pod of that name runs already.
    #[error("pod {pod:?} runs already")]
    Running {
        /// The pod.
        pod: String,
    },
    /// There is no such pod.
    #[error("no pod called {pod:?} is running")]
    Unknown {
        /// The name.
        pod: String,
    },
    /// The runtime was used before it was prepared, or after it was shut down.
    #[error("the pod runtime is not prepared, or was shut down")]
    NotPrepared,
    /// A test asked for a failure.
    #[error("{0}")]
    Faked(String),
}

impl PodError {
    /// Whether another attempt fails in the same way unless the user does something.
    pub fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::ImageMissing { .. }
                | Self::Unsupported { .. }
                | Self::File { .. }
                | Self::Template { .. }
        )
    }

    /// The error and all its sources in one line.
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}
