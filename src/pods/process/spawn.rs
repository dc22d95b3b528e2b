//! Starts child processes from one thread that lives as long as the runtime.
//!
//! `PR_SET_PDEATHSIG` fires when the *thread* that forked ends, not the process. A thread of
//! tokio's may end while the lab runs on, and would take its pods with it; this one does not.

use std::io;
use std::process::Stdio;

use tokio::process::{Child, Command};
use tokio::sync::{mpsc, oneshot};

type Request = (Command, oneshot::Sender<io::Result<Child>>);

/// The thread's door.
#[derive(Clone, Debug)]
pub(super) struct Spawner(mpsc::UnboundedSender<Request>);

impl Spawner {
    /// Starts the thread. Must be called inside a tokio runtime, which gets the children.
    pub(super) fn start() -> io::Result<Self> {
        let (sender, mut requests) = mpsc::unbounded_channel::<Request>();
        let tokio = tokio::runtime::Handle::current();
        std::thread::Builder::new()
            .name("pod-spawner".to_owned())
            .spawn(move || {
                let _entered = tokio.enter();
                while let Some((mut command, answer)) = requests.blocking_recv() {
                    // A caller that went away drops the child, which kills it.
                    let _ = answer.send(spawn(&mut command));
                }
            })?;
        Ok(Self(sender))
    }

    /// Starts a child in a process group of its own, with pipes at all three streams.
    pub(super) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let ended = || io::Error::other("the thread that starts pods has ended");
        let (answer, child) = oneshot::channel();
        self.0.send((command, answer)).map_err(|_| ended())?;
        child.await.map_err(|_| ended())?
    }
}

fn spawn(command: &mut Command) -> io::Result<Child> {
    #[cfg(unix)]
    command.process_group(0);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
}
