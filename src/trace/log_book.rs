//! What the pods wrote: a ring of lines for each, and a live stream for those who follow.
//!
//! Lines are kept as they were written; reading them is for whoever prints them.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use futures_util::stream::{self, Stream};
use tokio::sync::broadcast;

use crate::model::{LogLine, OutputStream};

use super::Limits;

/// Lines that a follower may lag behind before it is told that it missed some.
const BACKLOG: usize = 1_024;

/// Which pods' lines are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogFilter {
    names: Vec<String>,
}

/// Keeps the lines; cheap to clone.
#[derive(Clone, Debug)]
pub struct LogBook {
    /// A std mutex, because it is never held across an await and a push is short.
    pages: Arc<Mutex<Pages>>,
    live: broadcast::Sender<Arc<LogLine>>,
    limits: Limits,
}

/// A reader of lines as they come.
#[derive(Debug)]
pub struct Follow {
    live: broadcast::Receiver<Arc<LogLine>>,
    filter: LogFilter,
}

/// What a follower gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Followed {
    /// The next line.
    Line(Arc<LogLine>),
    /// The reader was too slow, and so many lines (of all pods) passed by.
    Missed(u64),
}

#[derive(Debug, Default)]
struct Pages {
    pods: BTreeMap<String, Page>,
    bytes: usize,
    /// Orders lines of different pods.
    turn: u64,
}

#[derive(Debug, Default)]
struct Page {
    lines: VecDeque<(u64, Arc<LogLine>)>,
    ended: Option<Instant>,
}

// === impl LogFilter ===

impl LogFilter {
    /// Lines of every pod.
    pub fn all() -> Self {
        Self::default()
    }

    /// Lines of these pods; a Deployment's name stands for all its pods, also those to come.
    pub fn of(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self {
            names: names.into_iter().map(Into::into).collect(),
        }
    }

    /// Whether this pod's lines are wanted. A pod is called `<deployment>-<suffix>`, and a suffix
    /// has no dash, so `console` does not stand for `console-api-x7k2p`.
    pub fn wants(&self, pod: &str) -> bool {
        let deployment = pod.rsplit_once('-').map(|(deployment, _)| deployment);
        self.names.is_empty()
            || self
                .names
                .iter()
                .any(|name| name == pod || Some(name.as_str()) == deployment)
    }
}

// === impl LogBook ===

impl LogBook {
    /// An empty book.
    pub fn new(limits: Limits) -> Self {
        let (live, _) = broadcast::channel(BACKLOG);
        Self {
            pages: Arc::default(),
            live,
            limits,
        }
    }

    /// Writes one line down. `time` is in microseconds since the Unix epoch.
    pub fn push(&self, time: u64, pod: &str, stream: OutputStream, text: &str) {
        let line = Arc::new(LogLine {
            time,
            pod: pod.to_owned(),
            stream,
            text: shortened(text, self.limits.line_bytes),
        });
        let mut pages = self.pages();
        pages.push(Arc::clone(&line), &self.limits);
        // Under the lock, so that a reader who gets the tail and follows on misses none and gets
        // none twice. Without followers there is nobody to tell.
        let _ = self.live.send(line);
    }

    /// The pod has ended; its lines stay for a while.
    pub fn pod_ended(&self, pod: &str) {
        let mut pages = self.pages();
        if let Some(page) = pages.pods.get_mut(pod) {
            page.ended = Some(Instant::now());
        }
        pages.forget_dead(&self.limits);
    }

    /// The last `count` lines that `filter` wants, oldest first.
    pub fn tail(&self, filter: &LogFilter, count: usize) -> Vec<Arc<LogLine>> {
        self.pages().tail(filter, count)
    }

    /// Lines from now on.
    pub fn follow(&self, filter: LogFilter) -> Follow {
        self.tail_and_follow(filter, 0).1
    }

    /// The last lines and those from now on, with none between them lost or doubled.
    pub fn tail_and_follow(&self, filter: LogFilter, count: usize) -> (Vec<Arc<LogLine>>, Follow) {
        let pages = self.pages();
        let live = self.live.subscribe();
        let lines = pages.tail(&filter, count);
        drop(pages);
        (lines, Follow { live, filter })
    }

    /// The pods that have lines.
    pub fn pods(&self) -> Vec<String> {
        self.pages().pods.keys().cloned().collect()
    }

    fn pages(&self) -> MutexGuard<'_, Pages> {
        // Each change leaves the pages whole, so what is behind a poisoned lock is good.
        self.pages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

// === impl Follow ===

impl Follow {
    /// The next line, or how many were missed; `None` once the book is gone.
    pub async fn next(&mut self) -> Option<Followed> {
        loop {
            match self.live.recv().await {
                Ok(line) if self.filter.wants(&line.pod) => return Some(Followed::Line(line)),
                Ok(_) => {}
                Err(broadcast::error::RecvError::Lagged(missed)) => {
                    return Some(Followed::Missed(missed));
                }
                Err(broadcast::error::RecvError::Closed) => return None,
            }
        }
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Followed> + Send {
        stream::unfold(self, |mut follow| async move {
            let followed = follow.next().await?;
            Some((followed, follow))
        })
    }
}

// === impl Pages ===

impl Pages {
    fn push(&mut self, line: Arc<LogLine>, limits: &Limits) {
        self.turn += 1;
        self.bytes += line_weight(&line);
        let page = self.pods.entry(line.pod.clone()).or_default();
        page.ended = None;
        page.lines.push_back((self.turn, line));
        if page.lines.len() > limits.lines_per_pod
            && let Some((_, old)) = page.lines.pop_front()
        {
            self.bytes -= line_weight(&old);
        }
        while self.bytes > limits.log_bytes {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let oldest = self
            .pods
            .iter()
            .filter_map(|(pod, page)| Some((page.lines.front()?.0, pod)))
            .min()
            .map(|(_, pod)| pod.clone());
        let Some(pod) = oldest else {
            self.bytes = 0;
            return;
        };
        if let Some(page) = self.pods.get_mut(&pod)
            && let Some((_, line)) = page.lines.pop_front()
        {
            self.bytes -= line_weight(&line);
            if page.lines.is_empty() {
                self.pods.remove(&pod);
            }
        }
    }

    fn forget_dead(&mut self, limits: &Limits) {
        let keep = limits.keep_dead_pods;
        let mut freed = 0;
        self.pods.retain(|_, page| {
            let alive = page.ended.is_none_or(|ended| ended.elapsed() < keep);
            if !alive {
                freed += page
                    .lines
                    .iter()
                    .map(|(_, line)| line_weight(line))
                    .sum::<usize>();
            }
            alive
        });
        self.bytes -= freed;
    }

    fn tail(&self, filter: &LogFilter, count: usize) -> Vec<Arc<LogLine>> {
        let mut lines: Vec<&(u64, Arc<LogLine>)> = self
            .pods
            .iter()
            .filter(|(pod, _)| filter.wants(pod))
            .flat_map(|(_, page)| page.lines.iter().rev().take(count))
            .collect();
        lines.sort_by_key(|(turn, _)| *turn);
        let skip = lines.len().saturating_sub(count);
        lines
            .into_iter()
            .skip(skip)
            .map(|(_, line)| Arc::clone(line))
            .collect()
    }
}

fn line_weight(line: &LogLine) -> usize {
    size_of::<LogLine>() + line.pod.len() + line.text.len()
}

fn shortened(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let fits = |end: &usize| text.is_char_boundary(*end);
    let end = (0..=bytes).rev().find(fits).unwrap_or(0);
    format!("{} …", &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[Arc<LogLine>]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    fn push(book: &LogBook, pod: &str, text: &str) {
        book.push(1, pod, OutputStream::Stdout, text);
    }

    #[test]
    fn lines_of_several_pods_come_in_the_order_they_were_written() {
        let book = LogBook::new(Limits::default());
        for (pod, text) in [("a-1", "1"), ("b-1", "2"), ("a-1", "3"), ("a-2", "4")] {
            push(&book, pod, text);
        }
        assert_eq!(texts(&book.tail(&LogFilter::all(), 3)), ["2", "3", "4"]);
        assert_eq!(texts(&book.tail(&LogFilter::of(["a"]), 9)), ["1", "3", "4"]);
        assert_eq!(texts(&book.tail(&LogFilter::of(["a-1"]), 1)), ["3"]);
    }

    #[test]
    fn a_name_stands_for_its_own_pods_only() {
        let filter = LogFilter::of(["console"]);
        assert!(filter.wants("console-x7k2p"));
        assert!(filter.wants("console"));
        assert!(!filter.wants("console-api-x7k2p"));
    }

    #[test]
    fn lines_and_bytes_are_bounded() {
        let limits = Limits {
            lines_per_pod: 3,
            log_bytes: 4_000,
            line_bytes: 1_000,
            ..Limits::default()
        };
        let book = LogBook::new(limits);
        for number in 0..10 {
            push(&book, "a-1", &number.to_string());
        }
        assert_eq!(texts(&book.tail(&LogFilter::all(), 99)), ["7", "8", "9"]);
        push(&book, "b-1", &"ü".repeat(5_000));
        for number in 0..3 {
            push(&book, &format!("c-{number}"), &"x".repeat(1_000));
        }
        let kept = book.tail(&LogFilter::all(), 99);
        let bytes: usize = kept.iter().map(|line| line_weight(line)).sum();
        assert!(bytes <= 4_000 && bytes == book.pages().bytes, "{bytes}");
        assert!(!book.pods().contains(&"a-1".to_owned()));
    }

    #[test]
    fn the_lines_of_a_dead_pod_stay_for_a_while() {
        let book = LogBook::new(Limits::default());
        push(&book, "a-1", "last words");
        book.pod_ended("a-1");
        assert_eq!(texts(&book.tail(&LogFilter::all(), 9)), ["last words"]);
        let forgetful = LogBook::new(Limits {
            keep_dead_pods: std::time::Duration::ZERO,
            ..Limits::default()
        });
        push(&forgetful, "a-1", "last words");
        forgetful.pod_ended("a-1");
        assert!(forgetful.tail(&LogFilter::all(), 9).is_empty());
        assert_eq!(forgetful.pages().bytes, 0);
    }

    #[tokio::test]
    async fn a_follower_gets_each_wanted_line_once_and_is_told_what_it_missed() {
        let book = LogBook::new(Limits::default());
        push(&book, "a-1", "before");
        let (tail, mut follow) = book.tail_and_follow(LogFilter::of(["a"]), 10);
        assert_eq!(texts(&tail), ["before"]);
        push(&book, "b-1", "other");
        push(&book, "a-1", "after");
        let Some(Followed::Line(line)) = follow.next().await else {
            panic!("a line was expected");
        };
        assert_eq!(line.text, "after");
        for _ in 0..BACKLOG + 10 {
            push(&book, "a-1", "many");
        }
        assert_eq!(follow.next().await, Some(Followed::Missed(10)));
        drop(book);
    }
}
