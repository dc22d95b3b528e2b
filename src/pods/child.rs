//! What runs inside a pod's process: it dies with the lab, and so does what it started.
//!
//! Two ways, because each has a gap: the kernel's parent-death signal exists on Linux only, and a
//! closed standard input is seen only by whoever reads it.

use std::ffi::OsString;
use std::io::{self, Read};
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::oneshot;

/// Names the process to die with; set by the process runtime.
const PARENT: &str = "LAB_PARENT";

/// Why this process cannot be a pod.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The lab ended before this process had begun.
    #[error("the lab that started this pod has ended")]
    Orphan,
    /// `lab exec` without a command.
    #[error("no command was given")]
    NoCommand,
    /// The command cannot be run.
    #[error("cannot run {}: {source}; is it installed, and on the PATH?", program.display())]
    Spawn {
        /// Its name.
        program: OsString,
        /// Why not.
        source: io::Error,
    },
    /// The kernel refused something that it never refuses.
    #[error("cannot {action}")]
    System {
        /// Infinitive.
        action: &'static str,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// The end of the lab, as a pod sees it.
#[derive(Debug)]
pub struct Parent {
    /// Whether there is a lab to wait for: not inside a container.
    bound: bool,
}

impl Parent {
    /// Binds this process to the lab that started it: the kernel kills it when the lab ends. Call
    /// it first in `lab pod`. Without `LAB_PARENT` (in a container) it does nothing.
    pub fn bind() -> Result<Self, ChildError> {
        let Some(parent) = std::env::var(PARENT)
            .ok()
            .and_then(|text| text.parse().ok())
        else {
            return Ok(Self { bound: false });
        };
        #[cfg(target_os = "linux")]
        rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
            .map_err(|error| ChildError::System {
                action: "ask for the parent's death signal",
                source: error.into(),
            })?;
        // The lab may have ended before the signal was asked for.
        check_parent(parent)?;
        Ok(Self { bound: true })
    }

    /// Returns when the lab has ended (standard input closed); never without a lab.
    pub async fn ended(&self) {
        if !self.bound {
            return std::future::pending().await;
        }
        let (ended, seen) = oneshot::channel::<()>();
        // A thread of its own, because tokio would wait for its own reader at the end of `main`.
        let reader = std::thread::Builder::new().name("parent".to_owned());
        let spawned = reader.spawn(move || {
            let mut ignored = [0; 64];
            // Nothing is ever written to a pod; 0 and an error both mean that nobody is there.
            while io::stdin().read(&mut ignored).is_ok_and(|count| count > 0) {}
            drop(ended);
        });
        if spawned.is_ok() {
            // The sender is dropped, never used.
            let _ = seen.await;
        } else {
            // No thread, no news; the parent-death signal remains.
            std::future::pending::<()>().await;
        }
    }
}

/// `lab exec -- command …`: runs a command of the user's in this process group, and returns its
/// exit code, 128 and the number after a signal. When the lab ends the whole group is killed, so
/// that what the command started (`npm`, `cargo run` …) ends too.
pub async fn exec(command: Vec<OsString>) -> Result<i32, ChildError> {
    let mut words = command.into_iter();
    let program = words.next().ok_or(ChildError::NoCommand)?;
    if let Some(parent) = std::env::var(PARENT)
        .ok()
        .and_then(|text| text.parse().ok())
    {
        check_parent(parent)?;
    }
    // SIGTERM reaches the command directly, as a member of the group; this process only has to
    // outlive it, to tell how it ended.
    #[cfg(unix)]
    let _terminations = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .map_err(|source| ChildError::System {
        action: "listen for SIGTERM",
        source,
    })?;
    let mut child = Command::new(&program)
        .args(words)
        .env_remove(PARENT)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| ChildError::Spawn { program, source })?;
    let parent = Parent {
        bound: std::env::var_os(PARENT).is_some(),
    };
    tokio::select! {
        status = child.wait() => {
            let status = status.map_err(|source| ChildError::System { action: "wait for the command", source })?;
            Ok(shell_code(status))
        }
        () = parent.ended() => {
            kill_own_group();
            Err(ChildError::Orphan)
        }
    }
}

/// Whether `parent` is still the parent: an orphan is adopted by another process at once.
fn check_parent(parent: i32) -> Result<(), ChildError> {
    #[cfg(unix)]
    {
        let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
        // Inside a PID namespace of its own there is no parent to be seen.
        if now.is_some_and(|now| now != parent) {
            return Err(ChildError::Orphan);
        }
    }
    #[cfg(not(unix))]
    let _ = parent;
    Ok(())
}

/// Ends this process and everything in its group.
fn kill_own_group() {
    #[cfg(unix)]
    {
        use rustix::process::{Signal, getpgrp, getpid, kill_process_group};
        // Only as the leader: otherwise the group is the user's shell's.
        if getpgrp() == getpid() {
            let _ = kill_process_group(getpgrp(), Signal::KILL);
        }
    }
}

#[cfg(unix)]
fn shell_code(status: std::process::ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    let signal = || status.signal().map_or(1, |signal| 128 + signal);
    status.code().unwrap_or_else(signal)
}

#[cfg(not(unix))]
fn shell_code(status: std::process::ExitStatus) -> i32 {
    status.code().unwrap_or(1)
}
