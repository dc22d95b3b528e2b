//! A config as it counts in a running lab, without what is secret.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// `GET /api/config`
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AppliedConfig {
    /// The file it came from; absent for the built-in default.
    pub file: Option<PathBuf>,
    /// What runs, a line for each thing, as `lab check` prints it.
    pub summary: Vec<String>,
    /// Settings of the lab as a whole, and of single objects those that are others than by default.
    pub settings: Vec<Setting>,
}

/// One setting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// `ingress.controller`, `services.inventory.ports` …
    pub key: String,
    /// What counts now; null for an object that the built-in default has and this config has not.
    pub value: Value,
    /// What the built-in default says; absent where it says nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<Value>,
    /// Whether the two differ.
    pub differs: bool,
}
