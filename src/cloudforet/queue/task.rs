//! A task as it lies in the queue: upstream's JSON, and whose request it belongs to.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::cloudforet::error::Failure;

/// A task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Task {
    pub(crate) name: String,
    pub(crate) version: String,
    #[serde(rename = "executionEngine")]
    pub(crate) execution_engine: String,
    /// What to call, in order. Ours have one.
    pub(crate) stages: Vec<Stage>,
    /// The hop that put it here, so that what the worker does belongs to the same film.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) traceparent: Option<String>,
}

/// One call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Stage {
    /// `SERVICE` or `MANAGER`.
    pub(crate) locator: String,
    /// `CollectorService`.
    pub(crate) name: String,
    /// Upstream has the system's token here. Lab: a worker has its own.
    #[serde(default)]
    pub(crate) metadata: Value,
    /// `collect`.
    pub(crate) method: String,
    /// `{"params": …}`
    pub(crate) params: Value,
}

impl Task {
    /// A task of one call.
    pub(crate) fn new(
        name: &str,
        [locator, class, method]: [&str; 3],
        params: &impl Serialize,
    ) -> Result<Self, Failure> {
        let params = serde_json::to_value(params).map_err(unreadable)?;
        Ok(Self {
            name: name.to_owned(),
            version: "v1".to_owned(),
            execution_engine: "BaseWorker".to_owned(),
            stages: vec![Stage {
                locator: locator.to_owned(),
                name: class.to_owned(),
                metadata: json!({}),
                method: method.to_owned(),
                params: json!({ "params": params }),
            }],
            traceparent: None,
        })
    }

    pub(super) fn to_json(&self) -> Result<String, Failure> {
        serde_json::to_string(self).map_err(unreadable)
    }

    pub(super) fn from_json(text: &str) -> Result<Self, Failure> {
        serde_json::from_str(text).map_err(unreadable)
    }
}

impl Stage {
    /// What is called: `CollectorService`, `collect`.
    pub(crate) fn call(&self) -> (&str, &str) {
        (&self.name, &self.method)
    }

    /// The parameters of the call.
    pub(crate) fn parameters<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        let params = self.params.get("params").cloned().unwrap_or_default();
        serde_json::from_value(params).map_err(unreadable)
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is for map_err")]
fn unreadable(error: serde_json::Error) -> Failure {
    Failure::Unknown(format!("not a task: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_has_the_form_of_the_real_ones() {
        let call = ["SERVICE", "CollectorService", "collect"];
        let params = json!({ "collector_id": "collector-1" });
        let mut task = Task::new("inventory_collect_schedule", call, &params).unwrap();
        task.traceparent = Some("00-1-2-01".to_owned());
        let json: Value = serde_json::from_str(&task.to_json().unwrap()).unwrap();
        assert_eq!(
            json["stages"][0]["params"]["params"]["collector_id"],
            "collector-1"
        );
        assert_eq!(json["executionEngine"], "BaseWorker");
        assert_eq!(Task::from_json(&json.to_string()).unwrap(), task);
        let stage = &task.stages[0];
        assert_eq!(stage.call(), ("CollectorService", "collect"));
        assert_eq!(stage.parameters::<Value>().unwrap(), params);
    }
}
