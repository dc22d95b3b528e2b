//! The collections of collecting.

use crate::cloudforet::resource::Kind;

pub(crate) const COLLECTOR: Kind = Kind {
    collection: "collector",
    id: "collector_id",
    minimal: &[
        "collector_id",
        "name",
        "provider",
        "capability",
        "plugin_info",
    ],
    keyword: &["collector_id", "name", "provider"],
};

pub(crate) const JOB: Kind = Kind {
    collection: "job",
    id: "job_id",
    minimal: &["job_id", "status", "created_at", "finished_at"],
    keyword: &["job_id"],
};

pub(crate) const JOB_TASK: Kind = Kind {
    collection: "job_task",
    id: "job_task_id",
    minimal: &[
        "job_task_id",
        "status",
        "created_at",
        "started_at",
        "finished_at",
        "job_id",
    ],
    keyword: &["job_task_id"],
};

/// Which resources a collector has seen last, and since when not any more.
pub(crate) const COLLECTION_STATE: &str = "collection_state";
