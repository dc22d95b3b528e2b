//! The process group of a pod: signals reach everything that its program started.

use std::io;
use std::process::ExitStatus;

use crate::pods::Exit;

/// A process group, led by a pod's program.
#[derive(Clone, Copy, Debug)]
pub(super) struct Group(Option<u32>);

impl Group {
    /// The group that this child leads.
    pub(super) fn of(child: &tokio::process::Child) -> Self {
        Self(child.id())
    }

    /// SIGTERM to all, who go on first if they stand still: a program that does cannot end.
    pub(super) fn terminate(self) {
        #[cfg(unix)]
        {
            self.send(rustix::process::Signal::TERM);
            self.freeze(false);
        }
        #[cfg(not(unix))]
        self.kill();
    }

    /// All stand still, or go on.
    #[cfg(unix)]
    pub(super) fn freeze(self, still: bool) {
        self.send(if still {
            rustix::process::Signal::STOP
        } else {
            rustix::process::Signal::CONT
        });
    }

    /// SIGKILL to all.
    pub(super) fn kill(self) {
        #[cfg(unix)]
        self.send(rustix::process::Signal::KILL);
        #[cfg(windows)]
        if let Some(id) = self.0 {
            // Windows has no groups of this kind; `taskkill /T` ends the tree.
            let tree = ["/F", "/T", "/PID", &id.to_string()].map(str::to_owned);
            let _ = std::process::Command::new("taskkill").args(tree).output();
        }
    }

    #[cfg(unix)]
    fn send(self, signal: rustix::process::Signal) {
        let pid = self.0.and_then(|id| i32::try_from(id).ok());
        if let Some(pid) = pid.and_then(rustix::process::Pid::from_raw) {
            // ESRCH: everybody has ended, which is what was wanted.
            let _ = rustix::process::kill_process_group(pid, signal);
        }
    }
}

/// How a program ended. `lab exec` tells its command's signals as a shell does.
pub(super) fn exit(status: io::Result<ExitStatus>, is_command: bool) -> Exit {
    let status = match status {
        Ok(status) => status,
        Err(error) => {
            return Exit {
                lost: Some(format!("the program cannot be waited for: {error}")),
                ..Exit::default()
            };
        }
    };
    match status.code() {
        Some(code) if is_command => Exit::from_shell_code(code.into()),
        code => Exit {
            code: code.map(i64::from),
            signal: signal(status),
            ..Exit::default()
        },
    }
}

#[cfg(unix)]
fn signal(status: ExitStatus) -> Option<i64> {
    std::os::unix::process::ExitStatusExt::signal(&status).map(i64::from)
}

#[cfg(not(unix))]
fn signal(_status: ExitStatus) -> Option<i64> {
    None
}
