//! From a program's start to its end: its lines, how it ended, and what it was given.

use std::time::Duration;

use super::ProcessRuntime;
use super::command::Given;
use super::files::Folder;
use super::group::{self, Group};
use crate::pods::lines::{Forward, Tail};
use crate::pods::{Exit, Source};

/// Follows one program from its start to its end.
pub(super) struct Watcher {
    pub(super) runtime: ProcessRuntime,
    pub(super) pod: String,
    pub(super) given: Given,
    pub(super) group: Group,
    /// There until the program has ended.
    pub(super) _files: Folder,
    pub(super) is_command: bool,
}

impl Watcher {
    pub(super) async fn watch(self, mut child: tokio::process::Child) -> Exit {
        // Kept open until the end: the program takes its closing for the end of the lab. That of
        // an attached pod was handed out.
        let stdin = child.stdin.take();
        let tail = Tail::default();
        let forward = Forward {
            pod: self.pod.as_str().into(),
            lines: self.runtime.shared.settings.lines.clone(),
            tail: tail.clone(),
        };
        let mut readers = tokio::task::JoinSet::new();
        if let Some(stdout) = child.stdout.take() {
            readers.spawn(forward.clone().read(Source::Stdout, stdout));
        }
        if let Some(stderr) = child.stderr.take() {
            readers.spawn(forward.read(Source::Stderr, stderr));
        }
        let status = child.wait().await;
        // What the program started must not outlive it, nor hold its pipes open.
        self.group.kill();
        drop(stdin);
        // A process that left the group may still hold a pipe, and a full channel holds readers.
        let drained = async { while readers.join_next().await.is_some() {} };
        if tokio::time::timeout(Duration::from_secs(1), drained)
            .await
            .is_err()
        {
            readers.shutdown().await;
        }
        let shared = &self.runtime.shared;
        {
            let mut state = shared.state();
            state.pods.remove(&self.pod);
            self.given.free(&mut state);
        }
        Exit {
            last_lines: tail.take(),
            ..group::exit(status, self.is_command)
        }
    }
}
