//! What goes over the admin API beside [`Status`](super::Status).

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
