//! The states of jobs and job tasks.
//!
//! A job task goes `PENDING` → `IN_PROGRESS` → `SUCCESS` or `FAILURE`, a job `IN_PROGRESS` →
//! `SUCCESS`, `FAILURE` or `CANCELED`. A task of the queue may be delivered twice, and two workers may do it at once; so a
//! sub-task counts when it is added to the job task's set of finished ones, a job task when it is
//! added to the job's, and everything that follows from a count can be done again without harm.

mod begin;
mod clean;
mod finish;
mod take;

pub(crate) use self::begin::{Beginning, SubTask, begin};
pub(crate) use self::clean::clean_up;
pub(crate) use self::finish::{Outcome, Problem, finish, settle};
pub(crate) use self::take::{TakenUp, is_wanted, take_up};

/// States, as rows have them.
mod status {
    pub(super) const PENDING: &str = "PENDING";
    pub(super) const IN_PROGRESS: &str = "IN_PROGRESS";
    pub(super) const SUCCESS: &str = "SUCCESS";
    pub(super) const FAILURE: &str = "FAILURE";
    pub(super) const CANCELED: &str = "CANCELED";
}
