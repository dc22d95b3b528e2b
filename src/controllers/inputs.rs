//! The standard inputs of attached pods: each is written the last thing that it was told.
//!
//! Whoever tells always tells the whole state, so a pod that reads slowly misses nothing that
//! counts, and nobody ever waits for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::io::AsyncWriteExt;
use tokio::sync::watch;

use crate::pods::Input;

/// A line for a pod, with its end.
type Line = Option<Arc<str>>;

/// All of them; cheap to clone.
#[derive(Clone, Debug)]
pub struct Inputs {
    /// By pod. A std mutex: held for a map access, never across an await.
    pods: Arc<Mutex<BTreeMap<String, watch::Sender<Line>>>>,
    /// How many pods have come so far.
    arrivals: watch::Sender<u64>,
}

/// Takes a pod's input off the table when it is dropped.
struct Entry<'a> {
    inputs: &'a Inputs,
    pod: &'a str,
}

impl Default for Inputs {
    fn default() -> Self {
        Self {
            pods: Arc::default(),
            arrivals: watch::Sender::new(0),
        }
    }
}

impl Inputs {
    /// Writes to a pod what it is told. Never returns, because a pod whose input is dropped takes
    /// that for the end of the lab; it is for the pod's owner to drop this.
    pub(super) async fn feed(&self, pod: &str, input: Option<Input>) {
        let Some(mut input) = input else {
            return std::future::pending::<()>().await;
        };
        let (tell, mut told) = watch::channel(None);
        let _entry = self.enter(pod, tell);
        while told.changed().await.is_ok() {
            let Some(line) = told.borrow_and_update().clone() else {
                continue;
            };
            let written = async {
                input.write_all(line.as_bytes()).await?;
                input.flush().await
            };
            if let Err(error) = written.await {
                // Its program is about to end, or has closed what it should read.
                tracing::debug!(pod, %error, "a pod does not listen");
                break;
            }
        }
        std::future::pending::<()>().await;
    }

    fn enter<'a>(&'a self, pod: &'a str, tell: watch::Sender<Line>) -> Entry<'a> {
        self.pods().insert(pod.to_owned(), tell);
        self.arrivals.send_modify(|count| *count += 1);
        Entry { inputs: self, pod }
    }

    /// Changes with every pod that comes.
    pub(super) fn arrivals(&self) -> watch::Receiver<u64> {
        self.arrivals.subscribe()
    }

    /// The pods that can be told something.
    pub(super) fn names(&self) -> Vec<String> {
        self.pods().keys().cloned().collect()
    }

    /// Tells a pod, unless this is what it was told last.
    pub(super) fn tell_news(&self, pod: &str, line: &Arc<str>) {
        if let Some(tell) = self.pods().get(pod) {
            tell.send_if_modified(|told| {
                let news = told.as_ref() != Some(line);
                if news {
                    *told = Some(Arc::clone(line));
                }
                news
            });
        }
    }

    /// Tells a pod what it has asked for.
    pub(super) fn answer(&self, pod: &str, line: Arc<str>) {
        if let Some(tell) = self.pods().get(pod) {
            tell.send_replace(Some(line));
        }
    }

    fn pods(&self) -> MutexGuard<'_, BTreeMap<String, watch::Sender<Line>>> {
        self.pods.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Entry<'_> {
    fn drop(&mut self) {
        self.inputs.pods().remove(self.pod);
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    #[tokio::test]
    async fn a_pod_is_told_each_news_once_and_every_answer() {
        let inputs = Inputs::default();
        let (ours, theirs) = tokio::io::duplex(1024);
        let mut lines = BufReader::new(theirs).lines();
        let mut arrivals = inputs.arrivals();
        let reading = async {
            arrivals.changed().await.unwrap();
            assert_eq!(inputs.names(), ["a"]);
            let line: Arc<str> = "one\n".into();
            for (tell, expected) in [("news", "one"), ("answer", "one"), ("other", "two")] {
                match tell {
                    "news" => inputs.tell_news("a", &line),
                    "answer" => inputs.answer("a", Arc::clone(&line)),
                    _ => {
                        inputs.tell_news("a", &line);
                        inputs.tell_news("a", &"two\n".into());
                    }
                }
                let read = lines.next_line().await.unwrap();
                assert_eq!(read.as_deref(), Some(expected));
            }
        };
        tokio::select! {
            () = inputs.feed("a", Some(Box::pin(ours))) => {}
            () = reading => {}
        }
        assert!(inputs.names().is_empty(), "it left with its owner");
    }
}
