//! Bytes of a pod to lines: bounded, always UTF-8, and the last few kept.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;

use super::{PodLine, Source};

/// Longest line that is passed on whole. Spans with a command in them reach some kilobytes; a
/// binary written to stdout by mistake must not grow the lab.
const MAX_LINE: usize = 256 * 1024;
/// One read; a pipe holds 64 KiB.
const READ: usize = 16 * 1024;
/// What `status` shows of a pod that ended.
const KEPT: usize = 10;
/// A kept line is for people: this much of it.
const KEPT_LENGTH: usize = 2_000;

/// The last lines of a pod, shared by the readers of its two streams.
#[derive(Clone, Debug, Default)]
pub(super) struct Tail(Arc<Mutex<VecDeque<String>>>);

impl Tail {
    /// Adds a line, forgets the oldest.
    pub(super) fn push(&self, line: &str) {
        // A std mutex: held for a few moves, never across an await.
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if lines.len() == KEPT {
            lines.pop_front();
        }
        lines.push_back(line.chars().take(KEPT_LENGTH).collect());
    }

    /// Oldest first.
    pub(super) fn take(&self) -> Vec<String> {
        let mut lines = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lines.drain(..).collect()
    }
}

/// Cuts a stream of bytes into lines.
#[derive(Debug, Default)]
pub(super) struct Splitter {
    partial: Vec<u8>,
    /// The rest of an overlong line is skipped up to its end.
    skipping: bool,
}

impl Splitter {
    /// Calls `line` for every line that `bytes` completes.
    pub(super) fn push(&mut self, mut bytes: &[u8], mut line: impl FnMut(String)) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            self.extend(&bytes[..end], &mut line);
            if !self.skipping {
                line(self.complete());
            }
            self.skipping = false;
            bytes = &bytes[end + 1..];
        }
        self.extend(bytes, &mut line);
    }

    /// The line that was not ended, if any.
    pub(super) fn finish(mut self) -> Option<String> {
        (!self.partial.is_empty()).then(|| self.complete())
    }

    fn extend(&mut self, bytes: &[u8], line: &mut impl FnMut(String)) {
        if self.skipping {
            return;
        }
        let room = MAX_LINE - self.partial.len();
        self.partial
            .extend_from_slice(&bytes[..bytes.len().min(room)]);
        if bytes.len() > room {
            self.skipping = true;
            line(format!("{} … (line cut)", self.complete()));
        }
    }

    fn complete(&mut self) -> String {
        if self.partial.last() == Some(&b'\r') {
            self.partial.pop();
        }
        match String::from_utf8(std::mem::take(&mut self.partial)) {
            Ok(text) => text,
            Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
        }
    }
}

/// Passes lines of one pod on, and keeps the last.
#[derive(Clone, Debug)]
pub(super) struct Forward {
    pub(super) pod: Arc<str>,
    pub(super) lines: mpsc::Sender<PodLine>,
    pub(super) tail: Tail,
}

impl Forward {
    /// Passes lines on; waits while the channel is full. A closed channel loses them.
    pub(super) async fn send(&self, source: Source, texts: Vec<String>) {
        for text in texts {
            self.tail.push(&text);
            let line = PodLine {
                pod: self.pod.to_string(),
                source,
                text,
            };
            // Nobody listens any more while the lab ends; the pod must not be held up by that.
            let _ = self.lines.send(line).await;
        }
    }

    /// Reads to the end of the stream.
    pub(super) async fn read(self, source: Source, mut stream: impl AsyncRead + Unpin) {
        let mut splitter = Splitter::default();
        let mut buffer = vec![0; READ];
        loop {
            let mut texts = Vec::new();
            match stream.read(&mut buffer).await {
                Ok(0) | Err(_) => break,
                Ok(count) => splitter.push(&buffer[..count], |text| texts.push(text)),
            }
            self.send(source, texts).await;
        }
        self.send(source, splitter.finish().into_iter().collect())
            .await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(chunks: &[&[u8]]) -> Vec<String> {
        let mut splitter = Splitter::default();
        let mut lines = Vec::new();
        for chunk in chunks {
            splitter.push(chunk, |line| lines.push(line));
        }
        lines.extend(splitter.finish());
        lines
    }

    #[test]
    fn lines_are_joined_over_chunks() {
        assert_eq!(
            split(&[b"one\ntw", b"o\r\n", b"\nlast"]),
            ["one", "two", "", "last"]
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_replaced() {
        assert_eq!(split(&[b"a\xffb\n"]), ["a\u{fffd}b"]);
    }

    #[test]
    fn an_overlong_line_is_cut_and_the_next_is_whole() {
        let long = vec![b'x'; MAX_LINE + 1];
        let lines = split(&[&long, &long, b"\nnext\n"]);
        assert_eq!(lines.len(), 2);
        assert!(lines[0].ends_with("(line cut)"));
        assert_eq!(lines[1], "next");
    }

    #[test]
    fn only_the_last_ten_lines_are_kept() {
        let tail = Tail::default();
        (0..12).for_each(|number| tail.push(&number.to_string()));
        let kept = tail.take();
        assert_eq!(kept.len(), 10);
        assert_eq!(kept[0], "2");
    }
}
