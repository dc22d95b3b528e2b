//! How the system asks a lab to stop, or to read its files again.

/// Ctrl-C, or SIGTERM.
#[cfg(unix)]
pub(super) async fn asked() {
    use tokio::signal::unix::{SignalKind, signal};
    match (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    ) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
            }
        }
        // The admin API can still stop the lab.
        _ => std::future::pending().await,
    }
}

/// Ctrl-C.
#[cfg(not(unix))]
pub(super) async fn asked() {
    if tokio::signal::ctrl_c().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// What SIGHUP means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hangup {
    /// Somebody wants the files to be read again.
    Reload,
    /// The terminal that the lab runs in was closed.
    TerminalGone,
}

/// Every SIGHUP from now on.
#[cfg(unix)]
#[derive(Debug)]
pub(super) struct Hangups {
    signal: Option<tokio::signal::unix::Signal>,
    had_terminal: bool,
}

#[cfg(unix)]
impl Hangups {
    /// Begins to listen.
    pub(super) fn listen() -> Self {
        use tokio::signal::unix::{SignalKind, signal};
        Self {
            // Without it the admin API can still ask.
            signal: signal(SignalKind::hangup()).ok(),
            had_terminal: has_terminal(),
        }
    }

    /// The next one.
    pub(super) async fn recv(&mut self) -> Hangup {
        match &mut self.signal {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
        // A shell hands the hangup of its terminal on to what it started.
        if self.had_terminal && !has_terminal() {
            return Hangup::TerminalGone;
        }
        Hangup::Reload
    }
}

/// Whether there is a controlling terminal.
#[cfg(unix)]
fn has_terminal() -> bool {
    std::fs::File::open("/dev/tty").is_ok()
}

/// There is no such signal here.
#[cfg(not(unix))]
#[derive(Debug)]
pub(super) struct Hangups;

#[cfg(not(unix))]
impl Hangups {
    /// Does nothing.
    pub(super) fn listen() -> Self {
        Self
    }

    /// Never returns.
    pub(super) async fn recv(&mut self) -> Hangup {
        std::future::pending().await
    }
}
