//! What runs inside a pod's process: it dies with the lab, and so does what it started.
//!
//! Two ways, because each has a gap: the kernel's parent-death signal exists on Linux only, and a
//! closed standard input is seen only by whoever reads it.

use std::ffi::OsString;
use std::io::{self, BufRead};
use std::process::Stdio;

use tokio::process::Command;
use tokio::sync::watch;

use crate::model::Told;

/// Names the process to die with; set by the process runtime.
const PARENT: &str = "LAB_PARENT";
/// Set for pods that the lab talks to.
const ATTACHED: &str = "LAB_ATTACHED";

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

/// The lab, as a pod sees it: its end, and what it tells a pod that is attached.
#[derive(Debug)]
pub struct Parent {
    /// Becomes true when standard input has closed; absent where nobody holds it, in a container
    /// that is not attached.
    ended: Option<watch::Receiver<bool>>,
    told: watch::Receiver<Option<Told>>,
}

impl Parent {
    /// Binds this process to the lab that started it: the kernel kills it when the lab ends. Call
    /// it first in `lab pod`. In a container there is no such bond, and only an attached pod sees
    /// the end of the lab.
    pub fn bind() -> Result<Self, ChildError> {
        let parent = std::env::var(PARENT).ok();
        let parent = parent.and_then(|text| text.parse().ok());
        if let Some(parent) = parent {
            #[cfg(target_os = "linux")]
            rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))
                .map_err(|error| ChildError::System {
                action: "ask for the parent's death signal",
                source: error.into(),
            })?;
            // The lab may have ended before the signal was asked for.
            check_parent(parent)?;
        }
        let attached = std::env::var_os(ATTACHED).is_some();
        Ok(Self::listen(parent.is_some() || attached))
    }

    /// Reads standard input, if somebody holds its other end.
    fn listen(held: bool) -> Self {
        let (tell, told) = watch::channel(None);
        if !held {
            return Self { ended: None, told };
        }
        let (end, ended) = watch::channel(false);
        // A thread of its own, because tokio would wait for its own reader at the end of `main`.
        let reader = std::thread::Builder::new().name("parent".to_owned());
        let spawned = reader.spawn(move || {
            read(std::io::stdin().lock(), &tell);
            end.send_replace(true);
        });
        if let Err(error) = spawned {
            // No thread, no news; the parent-death signal remains.
            tracing::warn!(%error, "no thread for what the lab says");
        }
        Self {
            ended: Some(ended),
            told,
        }
    }

    /// What the lab has told last. Only an attached pod is ever told anything.
    pub fn told(&self) -> watch::Receiver<Option<Told>> {
        self.told.clone()
    }

    /// Returns when the lab has ended (standard input closed); never without a lab.
    pub async fn ended(&self) {
        if let Some(ended) = &self.ended
            && ended.clone().wait_for(|ended| *ended).await.is_ok()
        {
            return;
        }
        std::future::pending::<()>().await;
    }
}

/// Reads lines until nobody is there any more, for which an error counts as well. A line that is
/// not understood is from a lab of another version, which tells the next one all the same.
fn read(input: impl BufRead, tell: &watch::Sender<Option<Told>>) {
    for line in input.split(b'\n') {
        let Ok(line) = line else { return };
        match serde_json::from_slice(&line) {
            Ok(told) => drop(tell.send_replace(Some(told))),
            Err(error) => tracing::warn!(%error, "what the lab says is not understood"),
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
    let parent = Parent::listen(std::env::var_os(PARENT).is_some());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_that_is_understood_is_what_was_told() {
        let (tell, told) = watch::channel(None);
        let lines = "{\"told\":\"plugins\",\"plugins\":[]}\n{\"told\":\"weather\"}\nnothing\n";
        read(lines.as_bytes(), &tell);
        let plugins = Vec::new();
        assert_eq!(*told.borrow(), Some(Told::Plugins { plugins }));
    }
}
