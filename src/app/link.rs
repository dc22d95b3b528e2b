//! The lab, as a program in an attached pod talks to it: what it wishes goes out by standard output,
//! what it is told comes in by standard input. The program knows neither.

use std::io::Write;

use tokio::sync::{mpsc, watch};

use crate::model::{Machine, PodWish, RunningPlugin, Told};

/// Wishes that may wait for standard output.
const WAITING: usize = 16;

/// The pod's end.
#[derive(Debug)]
pub(super) struct Link {
    told: watch::Receiver<Option<Told>>,
}

impl Link {
    /// Hears what [`Parent::told`](crate::pods::child::Parent::told) brings.
    pub(super) fn new(told: watch::Receiver<Option<Told>>) -> Self {
        Self { told }
    }

    /// Takes wishes, until the last sender is dropped.
    pub(super) fn wishes() -> mpsc::Sender<PodWish> {
        let (sender, mut wishes) = mpsc::channel::<PodWish>(WAITING);
        tokio::spawn(async move {
            while let Some(wish) = wishes.recv().await {
                let Ok(mut line) = serde_json::to_vec(&wish) else {
                    continue;
                };
                line.push(b'\n');
                // One write under one lock, so that no line of the log or of a film cuts it in two.
                let write = move || {
                    let mut out = std::io::stdout().lock();
                    out.write_all(&line).and_then(|()| out.flush())
                };
                let written = tokio::task::spawn_blocking(write).await;
                if !matches!(written, Ok(Ok(()))) {
                    // Nobody reads any more: the pod is about to end.
                    return;
                }
            }
        });
        sender
    }

    /// The plugins that run, as they were told last.
    pub(super) fn plugins(&self) -> watch::Receiver<Vec<RunningPlugin>> {
        self.only(Vec::new(), |told| match told {
            Told::Plugins { plugins } => Some(plugins),
            Told::Host { .. } => None,
        })
    }

    /// What was told of the machine last.
    pub(super) fn machine(&self) -> watch::Receiver<Option<Result<Box<Machine>, String>>> {
        self.only(None, |told| match told {
            Told::Host { machine } => Some(Some(machine)),
            Told::Plugins { .. } => None,
        })
    }

    /// One kind of what is told, each time that it is told.
    fn only<T: Send + Sync + 'static>(
        &self,
        first: T,
        pick: impl Fn(Told) -> Option<T> + Send + 'static,
    ) -> watch::Receiver<T> {
        let (sender, receiver) = watch::channel(first);
        let mut told = self.told.clone();
        tokio::spawn(async move {
            loop {
                let news = told.borrow_and_update().clone().and_then(&pick);
                if let Some(news) = news {
                    sender.send_replace(news);
                }
                if told.changed().await.is_err() {
                    return;
                }
            }
        });
        receiver
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn each_kind_of_news_reaches_those_who_wait_for_it() {
        let (tell, told) = watch::channel(None);
        let link = Link::new(told);
        let (mut plugins, mut machine) = (link.plugins(), link.machine());
        let host = Told::Host {
            machine: Err("no".to_owned()),
        };
        tell.send_replace(Some(host));
        machine.changed().await.unwrap();
        assert_eq!(*machine.borrow(), Some(Err("no".to_owned())));
        let running = vec![RunningPlugin {
            name: "plugin-host-a".to_owned(),
            pods: Vec::new(),
            problem: None,
        }];
        tell.send_replace(Some(Told::Plugins {
            plugins: running.clone(),
        }));
        plugins.changed().await.unwrap();
        assert_eq!(*plugins.borrow(), running);
    }
}
