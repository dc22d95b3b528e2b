//! What the three programs that collect share: the inventory, which makes jobs; the workers, which
//! do them; and the scheduler, which wants them.
//!
//! A collector is a plugin with options and credentials. Each run of it is a job, with one job task
//! for each credential, and of that as many sub-tasks as the plugin divides its work into. Each
//! sub-task is one task in the queue.

mod callees;
mod jobs;
mod plugin;
mod rows;
mod task;

pub(crate) use self::callees::Callees;
pub(crate) use self::jobs::{
    Beginning, Outcome, Problem, SubTask, TakenUp, begin, clean_up, finish, is_wanted, settle,
    take_up,
};
pub(crate) use self::plugin::{Plugin, PluginPod};
pub(crate) use self::rows::{COLLECTION_STATE, COLLECTOR, JOB, JOB_TASK};
pub(crate) use self::task::{Collecting, Scheduled, SecretInfo, Wanted};

/// The queue's name, as upstream has it.
pub(crate) const QUEUE: &str = "collector";
