//! `lab down [--data]`

use std::time::{Duration, Instant};

use clap::Args;
use serde::Serialize;
use tokio::time::sleep;

use super::arguments::Global;
use super::printer::{Failure, Printer};
use crate::app;
use crate::client::{Client, ClientError, LabFolder};

/// Longer than the grace of every pod together with what is removed after it.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// Between two looks at whether it is gone.
const PAUSE: Duration = Duration::from_millis(10);

/// What to take down.
#[derive(Debug, Args)]
pub(super) struct DownArguments {
    /// Delete the data too
    #[arg(long)]
    data: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Down {
    name: String,
    /// Whether it was running.
    was_running: bool,
    /// Whether the data was deleted.
    data_deleted: bool,
}

pub(super) async fn run(
    arguments: &DownArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let folder = global.folder()?;
    let name = folder.name();
    let was_running = loop {
        match Client::find(&folder) {
            Ok(client) => {
                printer.note(&format!("stopping lab {name:?}"));
                stop(&client, &folder, arguments.data).await?;
                break true;
            }
            // Its admin API comes or its process goes; both are a matter of moments.
            Err(ClientError::Busy { .. }) => sleep(PAUSE).await,
            Err(error @ ClientError::Dead { .. }) => {
                printer.note(&format!("{error}; removing that"));
                break false;
            }
            Err(ClientError::NotRunning { .. }) => break false,
            Err(error) => return Err(error.into()),
        }
    };
    remove(&folder, arguments.data).await?;
    let down = Down {
        name: name.to_owned(),
        was_running,
        data_deleted: arguments.data,
    };
    printer.data(&down, || {
        let what = if was_running {
            "is stopped"
        } else {
            "is not running"
        };
        let data = if down.data_deleted {
            ", its data is deleted"
        } else {
            ""
        };
        format!("lab {name:?} {what}{data}")
    })
}

/// Asks it to stop and waits until its process is gone.
pub(super) async fn stop(client: &Client, folder: &LabFolder, data: bool) -> Result<(), Failure> {
    let pid = folder.read_admin()?.map(|admin| admin.pid);
    match client.down(data).await {
        // It has begun to stop already; what counts is that it goes.
        Ok(())
        | Err(ClientError::Unreachable { .. } | ClientError::Refused { status: 503, .. }) => {}
        Err(error) => return Err(error.into()),
    }
    gone(folder, pid).await
}

/// Waits until the lab's process is gone.
async fn gone(folder: &LabFolder, pid: Option<u32>) -> Result<(), Failure> {
    let deadline = Instant::now() + PATIENCE;
    while folder.is_locked()? || pid.is_some_and(runs) {
        if Instant::now() > deadline {
            let pid = pid.map_or_else(|| "?".to_owned(), |pid| pid.to_string());
            return Err(Failure::new(format!(
                "lab {:?} (process {pid}) has not stopped after {} s",
                folder.name(),
                PATIENCE.as_secs()
            ))
            .hint(format!(
                "see {}, end it with: kill -9 {pid}, then run lab down again",
                folder.log_file().display()
            )));
        }
        sleep(PAUSE).await;
    }
    Ok(())
}

/// Cleans up with the lock held, so that no lab of this name starts meanwhile.
pub(super) async fn remove(folder: &LabFolder, data: bool) -> Result<(), Failure> {
    let lock = if folder.path().exists() {
        let lock = folder.lock()?;
        if lock.is_none() {
            return Err(Failure::new(format!(
                "lab {:?} was started again meanwhile",
                folder.name()
            )));
        }
        lock
    } else {
        None
    };
    app::remove_leftovers(folder, data).await?;
    drop(lock);
    Ok(())
}

/// Whether a process runs; one that ended and was not collected by its parent does not.
#[cfg(unix)]
fn runs(pid: u32) -> bool {
    if let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        let state = stat.rsplit(')').next().unwrap_or_default().trim_start();
        return !state.starts_with('Z');
    }
    let pid = i32::try_from(pid)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    pid.is_some_and(|pid| rustix::process::test_kill_process(pid).is_ok())
}

/// The lock says enough where there is no better way to look.
#[cfg(not(unix))]
fn runs(_pid: u32) -> bool {
    false
}
