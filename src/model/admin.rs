//! What goes over the admin API beside [`Status`](super::Status).

use std::fmt;
use std::net::SocketAddr;

use super::Connection;
use serde::{Deserialize, Serialize};

/// `POST /api/scale`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScaleRequest {
    /// Name of the Service.
    pub service: String,
    /// How many pods it is to have.
    pub replicas: u32,
}

/// The answer to [`ScaleRequest`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScaleAnswer {
    /// Name of the Service.
    pub service: String,
    /// How many pods it is to have now.
    pub replicas: u32,
    /// How many it was to have before.
    pub before: u32,
}

/// The answer to `POST /api/reload`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReloadAnswer {
    /// Objects that are others now; empty if the files say what runs already.
    pub changes: Vec<Change>,
    /// Keys whose new values count only after `lab down` and `lab up`.
    pub needs_restart: Vec<String>,
    /// What is allowed but probably not meant.
    pub warnings: Vec<String>,
}

/// What became of one object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// `Service`, `Deployment` …
    pub kind: String,
    /// Its name.
    pub name: String,
    /// What became of it.
    pub what: ChangeKind,
}

/// What can become of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// It is new.
    Added,
    /// It is another one.
    Changed,
    /// It is gone.
    Removed,
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.what {
            ChangeKind::Added => "added",
            ChangeKind::Changed => "changed",
            ChangeKind::Removed => "removed",
        };
        write!(formatter, "{} {} {what}", self.kind, self.name)
    }
}

/// `POST /api/kill`
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KillRequest {
    /// Name of the pod.
    pub pod: String,
}

/// The answer to `POST /api/session`, and the body of `POST /api/session/redeem`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionCode {
    /// Good once, for a minute.
    pub code: String,
}

/// The answer to `POST /api/session/redeem`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SessionToken {
    /// What every request must carry.
    pub token: String,
}

/// `POST /api/down`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DownRequest {
    /// Whether the data goes too.
    #[serde(default)]
    pub data: bool,
}

/// Why the admin API did not do what it was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// What is wrong.
    pub error: String,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// An entry of `GET /api/connections`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectionStatus {
    /// As it was drawn.
    #[serde(flatten)]
    pub connection: Connection,
    /// The endpoint is no endpoint of any Service any more; the connection goes on all the same.
    pub endpoint_gone: bool,
}

/// The answer to `GET /api/export/kubernetes`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exported {
    /// In the order in which a cluster should get them.
    pub files: Vec<ExportedFile>,
    /// What cannot move to a cluster as it is, one sentence each.
    pub notes: Vec<String>,
}

/// One of its files.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportedFile {
    /// Without any folder.
    pub name: String,
    /// What it holds.
    pub text: String,
}

/// The answer to `GET /api/forward`: where a port-forward leads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ForwardTarget {
    /// The pod, or the address of one that the lab does not run.
    pub pod: String,
    /// The port that its program listens on.
    pub port: u16,
    /// Where that is reached from this machine.
    pub address: SocketAddr,
    /// Endpoints of the same Service that get nothing of it.
    pub others: usize,
}
