//! From a container's start to its end: its lines, how it ended, and its removal.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bollard::container::LogOutput;
use bollard::errors::Error;
use bollard::query_parameters::WaitContainerOptionsBuilder;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use super::connect::{Daemon, status};
use super::leftovers::remove_container;
use crate::pods::lines::{Forward, Splitter, Tail};
use crate::pods::{Exit, PodLine, Source};

/// What a container writes, as bollard hands it out.
pub(super) type Output = Pin<Box<dyn Stream<Item = Result<LogOutput, Error>> + Send>>;

/// The last bytes of an ended container arrive with its end; a stuck stream is given up.
const DRAIN: Duration = Duration::from_secs(1);

/// Follows one container.
pub(super) struct Watch {
    pub(super) daemon: Daemon,
    pub(super) id: String,
    pub(super) pod: Arc<str>,
    pub(super) lines: mpsc::Sender<PodLine>,
}

impl Watch {
    /// Returns when the container has ended and is removed.
    pub(super) async fn run(self, output: Output) -> Exit {
        let tail = Tail::default();
        let forward = Forward {
            pod: self.pod.clone(),
            lines: self.lines.clone(),
            tail: tail.clone(),
        };
        let reading = read(output, forward);
        tokio::pin!(reading);
        let ended = self.ended();
        tokio::pin!(ended);
        // The output may end before the program does, when the program closes it.
        let exit = tokio::select! {
            exit = &mut ended => {
                let _ = tokio::time::timeout(DRAIN, reading).await;
                exit
            }
            () = &mut reading => ended.await,
        };
        if let Err(error) = remove_container(&self.daemon, &self.id).await {
            // It is found by its label at the latest when the lab ends.
            tracing::warn!(
                pod = &*self.pod,
                error = error.chain(),
                "a container was not removed"
            );
        }
        Exit {
            last_lines: tail.take(),
            ..exit
        }
    }

    async fn ended(&self) -> Exit {
        let options = WaitContainerOptionsBuilder::new()
            .condition("not-running")
            .build();
        let mut waiting =
            std::pin::pin!(self.daemon.docker.wait_container(&self.id, Some(options)));
        let code = match waiting.next().await {
            Some(Ok(response)) => response.status_code,
            // This is how bollard tells a code other than 0.
            Some(Err(Error::DockerContainerWaitError { code, .. })) => code,
            Some(Err(error)) if status(&error) == Some(404) => {
                return lost("its container was removed");
            }
            Some(Err(error)) => {
                return lost(&format!("the Docker daemon stopped answering: {error}"));
            }
            None => return lost("the Docker daemon stopped answering"),
        };
        let mut exit = Exit::from_shell_code(code);
        match self.daemon.docker.inspect_container(&self.id, None).await {
            Ok(seen) => {
                let state = seen.state.as_ref();
                exit.out_of_memory = state.and_then(|state| state.oom_killed).unwrap_or(false);
            }
            // Removed by hand (`docker rm -f`), or by the stop that ended it.
            Err(error) if status(&error) == Some(404) => {
                exit.lost = Some("its container was removed".to_owned());
            }
            Err(error) => {
                tracing::debug!(pod = &*self.pod, %error, "an ended container was not inspected");
            }
        }
        exit
    }
}

fn lost(why: &str) -> Exit {
    Exit {
        lost: Some(why.to_owned()),
        ..Exit::default()
    }
}

/// Passes on what `pod` writes.
pub(super) fn forward(pod: &str, lines: mpsc::Sender<PodLine>) -> Forward {
    Forward {
        pod: pod.into(),
        lines,
        tail: Tail::default(),
    }
}

/// Reads a container's output to its end.
pub(super) async fn read(mut output: Output, forward: Forward) {
    let mut stdout = Splitter::default();
    let mut stderr = Splitter::default();
    while let Some(Ok(chunk)) = output.next().await {
        let (source, splitter, bytes) = match &chunk {
            LogOutput::StdErr { message } => (Source::Stderr, &mut stderr, message),
            LogOutput::StdOut { message }
            | LogOutput::Console { message }
            | LogOutput::StdIn { message } => (Source::Stdout, &mut stdout, message),
        };
        let mut texts = Vec::new();
        splitter.push(bytes, |text| texts.push(text));
        forward.send(source, texts).await;
    }
    forward
        .send(Source::Stdout, stdout.finish().into_iter().collect())
        .await;
    forward
        .send(Source::Stderr, stderr.finish().into_iter().collect())
        .await;
}
