//! Writes events as JSON lines without making a request wait.
//!
//! Events go through a bounded channel to one writer thread; what does not fit is dropped and
//! counted. Invariant: one event is one line, whatever it holds.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::model::Event;

/// How many events may wait for the writer: a second of a busy pod, and under a megabyte.
const CAPACITY: usize = 1024;

/// A cheap handle through which a hop tells what it did.
#[derive(Clone, Debug)]
pub struct Emitter {
    events: SyncSender<Event>,
    dropped: Arc<AtomicU64>,
}

impl Emitter {
    /// Writes to this process's stdout.
    pub fn stdout() -> Self {
        let (emitter, events) = Self::channel(CAPACITY);
        let counter = Arc::clone(&emitter.dropped);
        let spawned = thread::Builder::new()
            .name("telemetry".to_owned())
            // It formats one event at a time, so a small stack is plenty.
            .stack_size(128 * 1024)
            .spawn(move || write_lines(&events, std::io::stdout(), &counter));
        if let Err(error) = spawned {
            // The receiver is gone with the closure, so every event counts as dropped.
            tracing::warn!(%error, "no thread for the film; spans of this pod are lost");
        }
        emitter
    }

    /// An emitter and the end at which its events arrive.
    pub fn channel(capacity: usize) -> (Self, Receiver<Event>) {
        let (events, receiver) = sync_channel(capacity);
        let emitter = Self {
            events,
            dropped: Arc::default(),
        };
        (emitter, receiver)
    }

    /// Hands one event over; never waits.
    pub fn emit(&self, event: Event) {
        if self.events.try_send(event).is_err() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// How many events found no room, or nobody to take them.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

fn write_lines(events: &Receiver<Event>, mut out: impl Write, dropped: &AtomicU64) {
    for event in events {
        let Ok(mut line) = serde_json::to_vec(&event) else {
            dropped.fetch_add(1, Ordering::Relaxed);
            continue;
        };
        line.push(b'\n');
        // One write for the whole line, so that it cannot be cut in two by a line of the log.
        if out.write_all(&line).and_then(|()| out.flush()).is_err() {
            // Nobody reads any more: the pod is about to end.
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, SocketAddr};

    use super::*;
    use crate::model::{Connection, Selection};

    fn event() -> Event {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, 1));
        Event::Connection(Connection {
            id: 1,
            service: "line\nbreak".to_owned(),
            client: address,
            cluster_ip: address,
            endpoint: address,
            pod: None,
            outgoing: address,
            selection: Selection::Random { index: 0 },
            candidates: Vec::new().into(),
            drawn_at: 0,
            closed_at: None,
            fault: None,
            bytes_up: 0,
            bytes_down: 0,
        })
    }

    #[test]
    fn an_event_is_one_line() {
        let (emitter, events) = Emitter::channel(1);
        emitter.emit(event());
        drop(emitter);
        let mut written = Vec::new();
        write_lines(&events, &mut written, &AtomicU64::new(0));
        let text = String::from_utf8(written).unwrap();
        assert_eq!(text.lines().count(), 1);
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), event());
    }

    #[test]
    fn what_finds_no_room_is_counted() {
        let (emitter, _events) = Emitter::channel(1);
        emitter.emit(event());
        emitter.emit(event());
        assert_eq!(emitter.dropped(), 1);
    }
}
