//! Why the lab does not start or does not go on, with what the user can do about it.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::client::ClientError;
use crate::node::NodeError;
use crate::pods::PodError;
use crate::pods::child::ChildError;

/// What stops the whole lab, or a pod of it. What fails one request is in the rooms of the path.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Another process is this lab.
    #[error("lab {0:?} runs already")]
    AlreadyRuns(String),
    /// The state folder cannot be used.
    #[error(transparent)]
    Folder(#[from] ClientError),
    /// The runtime cannot run pods.
    #[error(transparent)]
    Pods(#[from] PodError),
    /// The node cannot run.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// This process cannot be a pod.
    #[error(transparent)]
    Child(#[from] ChildError),
    /// The certificates of the lab cannot be made or read.
    #[error("the lab's CA cannot be used")]
    Ca(#[from] crate::net::CaError),
    /// No certificate can be served.
    #[error("the ingress has no certificate to start with")]
    Certificate(#[from] crate::net::CertificateError),
    /// An ingress replica.
    #[error(transparent)]
    Replica(#[from] crate::ingress::ReplicaError),
    /// What pods write would be lost.
    #[error("no space left on device: {} KiB are free in {}", free / 1024, folder.display())]
    DiskFull {
        /// The lab's state folder.
        folder: PathBuf,
        /// Bytes.
        free: u64,
    },
    /// A host port cannot be had.
    #[error(transparent)]
    Port(#[from] crate::net::BindError),
    /// More Services than addresses.
    #[error("the range of ClusterIPs is used up by {services} services")]
    TooManyServices {
        /// How many there are.
        services: usize,
    },
    /// An endpoint of the user's cannot be turned into an address.
    #[error("[services.{service}] endpoints: {host} has no address")]
    StaticEndpoint {
        /// The Service.
        service: String,
        /// The name.
        host: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// Images without containers.
    #[error("{names}: an image needs the Docker runtime; {reason}")]
    Images {
        /// Of Services, Deployments and plugins.
        names: String,
        /// Why the runtime is another one.
        reason: String,
    },
    /// Services could not call each other.
    #[error("cannot make the token with which services call each other")]
    Credentials(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The store that was asked for is not there.
    #[error("{0}")]
    Store(String),
    /// The node is gone or does not listen.
    #[error("the pod network cannot go on: {0}")]
    Network(String),
    /// Something that should run as long as the lab has ended.
    #[error("{what} ended by itself; this is a mistake of the lab")]
    EndedEarly {
        /// What.
        what: &'static str,
    },
    /// The system refuses something.
    #[error("cannot {what}")]
    System {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: io::Error,
    },
    /// `lab pod` was not told what to be.
    #[error("{variable} {problem}; pods are started by `lab up`")]
    Environment {
        /// Its name.
        variable: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// A pod cannot listen.
    #[error("cannot listen on {address}")]
    Listen {
        /// Where.
        address: SocketAddr,
        /// What the system says.
        source: io::Error,
    },
    /// A built-in service ended with an error.
    #[error("{program} cannot go on")]
    Program {
        /// Which.
        program: String,
        /// Its own words.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StartError {
    /// What the user can do about it, where the message does not say so itself.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::AlreadyRuns(_) => Some("see it with: lab status, stop it with: lab down".into()),
            Self::Folder(error) => error.hint(),
            Self::Store(_) => {
                Some("choose another in lab.toml: write \"auto\" there".into())
            }
            Self::Images { .. } => Some(
                "start Docker and use --runtime docker, or give it a `command` in place of the image"
                    .into(),
            ),
            Self::DiskFull { .. } => Some(
                "a lab needs 16 MiB for its data: make room, or choose another disk with --state-dir"
                    .into(),
            ),
            Self::StaticEndpoint { .. } => {
                Some("write an address, or a name that this machine can resolve".into())
            }
            Self::TooManyServices { .. } => {
                Some("give the lab fewer services, or a larger [docker] subnet".into())
            }
            _ => None,
        }
    }

    /// Exit code of a process that ends with this error; a command that cannot be run has a
    /// shell's.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Child(ChildError::Spawn { .. }) => 127,
            _ => 1,
        }
    }

    /// A failed call of the system.
    pub(super) fn system(what: &'static str) -> impl Fn(io::Error) -> Self {
        move |source| Self::System { what, source }
    }
}
