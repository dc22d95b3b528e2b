//! `lab up`: starts the lab in the background, and returns when it is ready or has failed.
//!
//! The lab itself is this same program with `--detached`: a process of a session of its own, whose
//! output is `lab.log`. Whatever goes wrong before everything is ready ends with nothing running.

use std::fs::File;
use std::process::Stdio;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::arguments::Global;
use super::printer::{Failure, Printer};
use super::progress::Progress;
use super::reasons::{crashed, is_hopeless, last_words, too_slow};
use super::{down, logging, view};
use crate::app;
use crate::client::{Client, LabFolder};
use crate::config::{self, Config, Overrides};
use crate::model::{LabPhase, Status};

/// Between two looks at whether the admin API is there: a fraction of what a start takes.
const PAUSE: Duration = Duration::from_millis(5);

/// How to start.
#[derive(Debug, Args)]
pub(super) struct UpArguments {
    /// Stay until Ctrl-C in place of running in the background
    #[arg(long)]
    foreground: bool,
    /// What runs the pods [default: as the config says]
    #[arg(long, value_enum)]
    runtime: Option<Runtime>,
    /// Host port for HTTP, 0 for any
    #[arg(long, value_name = "PORT")]
    http: Option<u16>,
    /// Host port for HTTPS, 0 for any
    #[arg(long, value_name = "PORT")]
    https: Option<u16>,
    /// Give up when it is not ready after so many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u64,
    /// Be the lab in the background
    #[arg(long, hide = true, conflicts_with = "foreground")]
    detached: bool,
}

/// `--runtime`
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Runtime {
    /// Docker when its daemon answers, else processes
    Auto,
    /// Child processes
    Process,
    /// Containers
    Docker,
}

impl Runtime {
    fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Process => "process",
            Self::Docker => "docker",
        }
    }
}

impl UpArguments {
    /// Whether this very process becomes the lab.
    pub(super) fn runs_the_lab(&self) -> bool {
        self.foreground || self.detached
    }
}

pub(super) async fn run(
    arguments: &UpArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let overrides = Overrides {
        runtime: arguments.runtime.map(|runtime| runtime.name().to_owned()),
        http: arguments.http,
        https: arguments.https,
        ..global.overrides()
    };
    let source = config::Source {
        file: global.config.clone(),
        overrides,
    };
    let config = source.load()?;
    let folder = global.folder_of(config.name.clone())?;
    if arguments.detached {
        leave_session();
        logging::start(None);
        return Ok(app::run(config, source, folder).await?);
    }
    for warning in &config.warnings {
        printer.warn(warning);
    }
    folder.prepare()?;
    // One that was killed a moment ago may hold its lock a little longer.
    let Some(lock) = folder.lock_soon().await? else {
        return Err(app::StartError::AlreadyRuns(config.name).into());
    };
    let log = folder.new_log()?;
    // From here on it is the lab's own to take.
    drop(lock);
    let patience = Duration::from_secs(arguments.timeout);
    if arguments.foreground {
        return foreground(config, source, &folder, log, patience, printer).await;
    }
    background(arguments, global, &folder, log, patience, printer).await
}

/// The lab as a process of its own.
async fn background(
    arguments: &UpArguments,
    global: &Global,
    folder: &LabFolder,
    log: File,
    patience: Duration,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut child = spawn(arguments, global, folder, log)?;
    let pid = child.id().unwrap_or_default();
    let outcome = tokio::select! {
        ready = timeout(patience, until_ready(folder, pid, printer)) => match ready {
            Ok(Ok(Some(status))) => Ok(status),
            Ok(Ok(None)) => Err(end_of(&mut child, folder).await),
            Ok(Err(failure)) => Err(failure),
            Err(_) => Err(too_slow(patience, folder).await),
        },
        // It ends only when it cannot start; why is the last thing in its log.
        _ = child.wait() => Err(last_words(folder)),
        _ = tokio::signal::ctrl_c() => Err(Failure::new("interrupted; the lab was stopped")),
    };
    match outcome {
        Ok(status) => printer.data(&status, || view::status(&status)),
        Err(failure) => {
            end(&mut child, folder).await;
            Err(failure)
        }
    }
}

/// The lab as part of this process.
async fn foreground(
    config: Config,
    source: config::Source,
    folder: &LabFolder,
    log: File,
    patience: Duration,
    printer: &Printer,
) -> Result<(), Failure> {
    logging::start(Some(log));
    let mut lab = tokio::spawn(app::run(config, source, folder.clone()));
    let pid = std::process::id();
    let outcome = tokio::select! {
        ready = timeout(patience, until_ready(folder, pid, printer)) => match ready {
            Ok(outcome) => outcome,
            Err(_) => Err(too_slow(patience, folder).await),
        },
        ended = &mut lab => {
            return ended.map_err(|error| Failure::from_error(&error))?.map_err(Failure::from);
        }
    };
    match outcome {
        Ok(status) => {
            if let Some(status) = status {
                printer.data(&status, || view::status(&status))?;
                printer.note("Ctrl-C stops the lab, SIGHUP reads lab.toml again");
            }
            let ended = lab.await.map_err(|error| Failure::from_error(&error))?;
            Ok(ended?)
        }
        Err(failure) => {
            let asked = match Client::find(folder) {
                Ok(client) => client.down(false).await.is_ok(),
                Err(_) => false,
            };
            if !asked {
                lab.abort();
            }
            // However it ended, why it was to end is what counts.
            let _ = lab.await;
            Err(failure)
        }
    }
}

/// Starts the lab's own process.
fn spawn(
    arguments: &UpArguments,
    global: &Global,
    folder: &LabFolder,
    log: File,
) -> Result<Child, Failure> {
    let failed = |error: std::io::Error| Failure::new(format!("cannot start the lab: {error}"));
    let program = std::env::current_exe().map_err(failed)?;
    let mut command = Command::new(program);
    command
        .args(["--name", folder.name(), "--state-dir"])
        .arg(folder.state_dir());
    if let Some(config) = &global.config {
        command.arg("--config").arg(config);
    }
    command.args(["up", "--detached"]);
    if let Some(runtime) = arguments.runtime {
        command.args(["--runtime", runtime.name()]);
    }
    for (option, port) in [("--http", arguments.http), ("--https", arguments.https)] {
        if let Some(port) = port {
            command.args([option, &port.to_string()]);
        }
    }
    let errors = log.try_clone().map_err(failed)?;
    command
        .env("NO_COLOR", "1")
        .stdin(Stdio::null())
        .stdout(log)
        .stderr(errors)
        .spawn()
        .map_err(failed)
}

/// Follows the lab of this process until everything is ready; `None` if it ends before.
async fn until_ready(
    folder: &LabFolder,
    pid: u32,
    printer: &Printer,
) -> Result<Option<Status>, Failure> {
    let client = loop {
        match folder.read_admin()? {
            Some(admin) if admin.pid == pid => break Client::new(&admin),
            _ => sleep(PAUSE).await,
        }
    };
    let mut progress = Progress::new(printer, None);
    // A lab that ends takes its admin API along, before or in the middle of an answer.
    let Ok(mut changes) = client.progress(false).await else {
        return Ok(None);
    };
    while let Ok(Some(status)) = changes.next().await {
        progress.show(&status);
        if status.ready {
            return Ok(Some(status));
        }
        if status.phase == LabPhase::Failed {
            let reason = status.reason.as_deref().unwrap_or("for no known reason");
            return Err(Failure::new(format!("the lab cannot start: {reason}")));
        }
        let mut permanent = status.pods.iter().filter(|pod| pod.plugin.is_none());
        if let Some(pod) = permanent.find(|pod| is_hopeless(pod)) {
            return Err(crashed(pod));
        }
    }
    Ok(None)
}

/// Why a lab whose admin API went away ended.
async fn end_of(child: &mut Child, folder: &LabFolder) -> Failure {
    match timeout(down::PATIENCE, child.wait()).await {
        Ok(_) => last_words(folder),
        Err(_) => Failure::new("the lab does not answer any more; it was stopped"),
    }
}

/// Leaves nothing running: asks first, then insists.
async fn end(child: &mut Child, folder: &LabFolder) {
    if let Ok(None) = child.try_wait() {
        let asked = match Client::find(folder) {
            Ok(client) => client.down(false).await.is_ok(),
            Err(_) => terminate(child),
        };
        if !asked || timeout(down::PATIENCE, child.wait()).await.is_err() {
            // Nothing is left to do when this fails too.
            let _ = child.kill().await;
        }
    }
    // Takes the lock: another lab of this name may have been the quicker one.
    let _ = down::remove(folder, false).await;
}

#[cfg(unix)]
fn terminate(child: &Child) -> bool {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = child.id().and_then(|pid| i32::try_from(pid).ok());
    pid.and_then(Pid::from_raw)
        .is_some_and(|pid| kill_process(pid, Signal::TERM).is_ok())
}

#[cfg(not(unix))]
fn terminate(_child: &Child) -> bool {
    false
}

/// Out of reach of the terminal that started it: its Ctrl-C and its end are not ours.
#[cfg(unix)]
fn leave_session() {
    // Fails only for a process that leads a session already, which is just as good.
    let _ = rustix::process::setsid();
}

#[cfg(not(unix))]
fn leave_session() {}
