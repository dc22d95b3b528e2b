//! What is put into the queue. No secret's data lies there, only its id.

use bson::Document;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::plugin::Plugin;
use crate::cloudforet::error::Failure;
use crate::cloudforet::queue::Task;

const SCHEDULED: [&str; 3] = ["SERVICE", "CollectorService", "collect"];
const COLLECTING: [&str; 3] = ["MANAGER", "CollectingManager", "collecting_resources"];

/// A collector is to run, because its hour has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scheduled {
    pub(crate) collector_id: String,
    pub(crate) domain_id: String,
}

/// One sub-task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Collecting {
    pub(crate) plugin_info: Plugin,
    pub(crate) secret_info: SecretInfo,
    pub(crate) domain_id: String,
    pub(crate) collector_id: String,
    pub(crate) job_id: String,
    pub(crate) job_task_id: String,
    /// Which part of the work; the plugin knows what it means.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub(crate) task_options: Map<String, Value>,
    /// Counts from 0.
    pub(crate) sub_task: u32,
}

/// Whose resources are collected.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SecretInfo {
    pub(crate) secret_id: String,
    pub(crate) service_account_id: String,
    pub(crate) project_id: String,
    pub(crate) workspace_id: String,
    pub(crate) provider: String,
}

/// What a task of the queue wants.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Wanted {
    /// Run a collector.
    Collector(Scheduled),
    /// Collect a part.
    Resources(Box<Collecting>),
}

impl Scheduled {
    pub(crate) fn into_task(self) -> Result<Task, Failure> {
        Task::new("inventory_collect_schedule", SCHEDULED, &self)
    }
}

impl Collecting {
    pub(crate) fn into_task(self) -> Result<Task, Failure> {
        Task::new("collecting_resources", COLLECTING, &self)
    }

    /// What the plugin is to collect.
    pub(crate) fn options(&self) -> Document {
        bson::serialize_to_document(&self.task_options).unwrap_or_default()
    }
}

impl Wanted {
    /// Reads a task.
    pub(crate) fn of(task: &Task) -> Result<Self, Failure> {
        let unknown = || Failure::Unknown(format!("no such task: {}", task.name));
        let [stage] = task.stages.as_slice() else {
            return Err(unknown());
        };
        match stage.call() {
            ("CollectorService", "collect") => stage.parameters().map(Self::Collector),
            ("CollectingManager", "collecting_resources") => {
                stage.parameters().map(Self::Resources)
            }
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_is_read_as_it_was_written() {
        let collecting = Collecting {
            plugin_info: Plugin::default(),
            secret_info: SecretInfo::default(),
            domain_id: "domain-1".to_owned(),
            collector_id: "collector-1".to_owned(),
            job_id: "job-1".to_owned(),
            job_task_id: "job-task-1".to_owned(),
            task_options: Map::from_iter([("region".to_owned(), "x".into())]),
            sub_task: 3,
        };
        let task = collecting.clone().into_task().unwrap();
        assert_eq!(
            Wanted::of(&task).unwrap(),
            Wanted::Resources(Box::new(collecting))
        );
        let strange = Task::new("x", ["SERVICE", "X", "y"], &1).unwrap();
        assert!(Wanted::of(&strange).is_err());
    }
}
