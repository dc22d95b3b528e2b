//! Runs pods: as child processes or as containers. `bollard` is named only here.
//!
//! | file | what |
//! |---|---|
//! | `runtime` | the trait that both runtimes implement, and its words |
//! | `choose` | which runtime, and why |
//! | `environment` | the variables every pod gets |
//! | `files` | config files, filled in with those variables |
//! | `lines` | bytes of a pod to bounded lines, and the last ten of them |
//! | `process/` | pods as child processes, each at a loopback address of its own |
//! | `child` | the other end of that: what runs inside such a process |
//! | `docker/` | pods as containers, image and network included |
//! | `fake` | a runtime for tests: a pod is a line in a table |

pub mod child;
mod choose;
pub mod docker;
mod environment;
mod error;
pub mod fake;
mod files;
mod lines;
pub mod process;
mod runtime;

pub use choose::{Choice, Wanted, choose, clean};
pub use environment::service_variables;
pub use error::PodError;
pub use runtime::{
    Boxed, Exit, Input, NodeHandle, PodLine, PodNetwork, PodRuntime, PodSpec, RuntimeSettings,
    Source, StartedPod,
};
