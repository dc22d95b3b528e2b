//! Where everything that hops tell comes together, and where films are asked for.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc};

use crate::model::{
    Connection, Event, Film, FilmSummary, Hop, OutputStream, Span, SpanKind, TraceId,
};

use super::connections::ConnectionTable;
use super::films::{Films, Reel};
use super::tally::Tally;
use super::{Ledger, Limits, LogBook, Tape, assemble};

/// Every event of this crate is written by serde with its tag first; any other line is a log line
/// without a look inside.
const EVENT: &str = r#"{"event":"#;

/// Events that are taken in one go.
const AT_ONCE: usize = 1024;
/// Between two goes; nobody who looks at a film sees it, and the channel holds what comes meanwhile.
const PAUSE: Duration = Duration::from_millis(2);

/// Events in, films, connections and log lines out; cheap to clone.
#[derive(Clone, Debug)]
pub struct Theatre {
    shared: Arc<Shared>,
    log_book: LogBook,
    ledger: Ledger,
    tape: Tape,
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Spans that became part of a film.
    pub spans: u64,
    /// Spans for which a film had no room.
    pub spans_left_out: u64,
    /// Reports of connections: a draw, or an end.
    pub connections: u64,
    /// Lines that pods wrote for people.
    pub lines: u64,
    /// Films that are kept now.
    pub films: u64,
    /// Spans that a receiver of OTLP has taken.
    pub exported: u64,
    /// Spans that none has taken, or for which there was no room on the way.
    pub not_exported: u64,
}

struct Shared {
    /// A std mutex, because it is never held across an await. Those who ingest hold it for a few
    /// map operations; those who ask for a film copy what they need and assemble it outside.
    stage: Mutex<Stage>,
    lines: AtomicU64,
    /// Rung when something was ingested, for those who wait for a film.
    news: Notify,
    quiet: Duration,
    /// Whoever else gets every span.
    listener: OnceLock<Box<dyn SpanListener>>,
}

/// Gets every span, whether a film has room for it or not.
pub trait SpanListener: Send + Sync {
    /// Takes it without waiting.
    fn hear(&self, span: &Span);

    /// How many spans it could make use of, and how many it could not.
    fn counts(&self) -> (u64, u64);
}

#[derive(Debug)]
pub(super) struct Stage {
    pub(super) films: Films,
    pub(super) connections: ConnectionTable,
    pub(super) tally: Tally,
    counts: Counts,
    /// Films that somebody waits for, and how many do: spans of other films wake nobody.
    awaited: BTreeMap<TraceId, usize>,
}

impl fmt::Debug for Shared {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Shared")
            .field("lines", &self.lines)
            .finish_non_exhaustive()
    }
}

/// Keeps a film among the awaited ones while somebody waits.
struct Waiting<'a> {
    theatre: &'a Theatre,
    trace: TraceId,
}

impl Theatre {
    /// An empty theatre.
    pub fn new(limits: Limits) -> Self {
        Self {
            shared: Arc::new(Shared {
                stage: Mutex::new(Stage {
                    films: Films::new(limits),
                    connections: ConnectionTable::new(
                        limits.open_connections,
                        limits.closed_connections,
                    ),
                    tally: Tally::default(),
                    counts: Counts::default(),
                    awaited: BTreeMap::new(),
                }),
                lines: AtomicU64::new(0),
                news: Notify::new(),
                quiet: limits.quiet,
                listener: OnceLock::new(),
            }),
            log_book: LogBook::new(limits),
            ledger: Ledger::default(),
            tape: Tape::default(),
        }
    }

    /// Tells somebody else of every span from now on; the first to listen is the only one.
    pub fn listen(&self, listener: Box<dyn SpanListener>) {
        let _ = self.shared.listener.set(listener);
    }

    /// Takes the events of this process until every [`Tracer`](super::Tracer) of the channel is
    /// gone. Dropping the future in between loses none that was taken.
    pub async fn receive(&self, mut events: mpsc::Receiver<Event>) {
        let mut taken = Vec::new();
        while events.recv_many(&mut taken, AT_ONCE).await > 0 {
            for event in taken.drain(..) {
                self.ingest("", event);
            }
            // Whoever tells something meanwhile wakes nobody. Waking a thread for every event costs
            // the one who tells more than the event does.
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Takes one event. `source` names who told it, for events that do not say so themselves.
    pub fn ingest(&self, source: &str, mut event: Event) {
        if let Event::Span(span) = &mut event {
            if span.source.is_empty() {
                source.clone_into(&mut span.source);
            }
            if let Some(listener) = self.shared.listener.get() {
                listener.hear(span);
            }
        }
        let mut stage = self.stage();
        let wakes = match &event {
            Event::Span(span) => stage.awaited.contains_key(&span.trace),
            Event::Connection(_) => !stage.awaited.is_empty(),
        };
        match event {
            Event::Span(span) => {
                stage.tally.count(&span);
                if stage.films.record(*span, Instant::now()) {
                    stage.counts.spans += 1;
                } else {
                    stage.counts.spans_left_out += 1;
                }
            }
            Event::Connection(connection) => {
                stage.counts.connections += 1;
                if connection.closed_at.is_some() {
                    stage.tally.connection_ended(connection.client);
                }
                stage.connections.record(source, connection);
            }
        }
        drop(stage);
        if wakes {
            self.shared.news.notify_waiters();
        }
    }

    /// Takes a line that a pod (or the node) wrote: an event, or a line for the log book.
    pub fn ingest_line(&self, pod: &str, stream: OutputStream, line: &str) {
        if stream == OutputStream::Stdout
            && line.starts_with(EVENT)
            && let Ok(event) = serde_json::from_str(line)
        {
            self.ingest(pod, event);
            return;
        }
        self.shared.lines.fetch_add(1, Ordering::Relaxed);
        self.log_book.push(now(), pod, stream, line);
    }

    /// A pod or the node has ended: connections that only it could end are over.
    pub fn source_ended(&self, pod: &str) {
        let mut stage = self.stage();
        stage.connections.source_ended(pod, now());
        stage.tally.pod_ended(pod);
        drop(stage);
        self.log_book.pod_ended(pod);
    }

    /// What the ingress counts.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Where requests are recorded.
    pub fn tape(&self) -> &Tape {
        &self.tape
    }

    /// What the pods wrote.
    pub fn log_book(&self) -> &LogBook {
        &self.log_book
    }

    /// The film of a request as far as it is known now.
    pub fn film(&self, trace: TraceId) -> Option<Film> {
        self.look(trace).map(|(film, _)| film)
    }

    /// The film once it is settled: its first hop is there, and every call has its answer or
    /// nothing came for a while. When `timeout` is over, whatever is there; `None` if that is
    /// nothing at all.
    pub async fn wait_for(&self, trace: TraceId, timeout: Duration) -> Option<Film> {
        let deadline = Instant::now() + timeout;
        let _waiting = Waiting::new(self, trace);
        loop {
            let news = self.shared.news.notified();
            tokio::pin!(news);
            // Counts from here on, so that nothing told between the look and the wait is missed.
            news.as_mut().enable();
            let until = match self.look(trace) {
                Some((film, _)) if film.settled => return Some(film),
                Some((_, Some(quiet_at))) => quiet_at.min(deadline),
                Some((_, None)) | None => deadline,
            };
            let over = tokio::time::sleep_until(until.into());
            tokio::select! {
                () = news => {}
                () = over => {
                    if Instant::now() >= deadline {
                        return self.film(trace);
                    }
                }
            }
        }
    }

    /// The newest films, newest first.
    pub fn recent(&self, count: usize) -> Vec<FilmSummary> {
        self.stage().films.recent(count)
    }

    /// The ClusterIP connections that are open.
    pub fn open_connections(&self) -> Vec<Connection> {
        self.stage().connections.open()
    }

    /// How many ClusterIP connections are open, by Service and endpoint; none are not listed.
    pub fn open_counts(&self) -> BTreeMap<(String, SocketAddr), usize> {
        self.stage().connections.counts()
    }

    /// How many connections were drawn since the start, by Service.
    pub fn drawn(&self) -> BTreeMap<String, u64> {
        self.stage().connections.drawn().clone()
    }

    /// How many connections of one Service are open at one endpoint.
    pub fn open_at(&self, service: &str, endpoint: SocketAddr) -> usize {
        self.stage().connections.open_at(service, endpoint)
    }

    /// What has happened since the start.
    pub fn counts(&self) -> Counts {
        let listener = self.shared.listener.get();
        let (exported, not_exported) = listener.map_or((0, 0), |listener| listener.counts());
        let stage = self.stage();
        Counts {
            exported,
            not_exported,
            lines: self.shared.lines.load(Ordering::Relaxed),
            films: stage.films.len() as u64,
            ..stage.counts
        }
    }

    /// The film, and when it will count as settled if nothing more comes.
    fn look(&self, trace: TraceId) -> Option<(Film, Option<Instant>)> {
        let stage = self.stage();
        let Reel {
            spans,
            left_out,
            last,
            ..
        } = stage.films.get(trace)?;
        let (spans, left_out, last) = (spans.clone(), *left_out, *last);
        let addresses: BTreeSet<SocketAddr> = spans
            .iter()
            .flat_map(|span| {
                let out = span.outbound.map(|pair| pair.local);
                out.into_iter().chain(span.inbound.map(|pair| pair.remote))
            })
            .collect();
        let connections = stage.connections.touching(&addresses);
        drop(stage);
        let mut film = assemble(trace, &spans, &connections);
        film.left_out = left_out;
        let rooted = film.spans().any(|span| span.kind == SpanKind::Ingress);
        let quiet_at = rooted.then(|| last + self.shared.quiet);
        film.settled = rooted
            && (film.hops.iter().all(resolved)
                || quiet_at.is_some_and(|quiet_at| Instant::now() >= quiet_at));
        Some((film, quiet_at))
    }

    pub(super) fn stage(&self) -> MutexGuard<'_, Stage> {
        // Each change leaves the stage whole, so what is behind a poisoned lock is good.
        self.shared
            .stage
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl<'a> Waiting<'a> {
    fn new(theatre: &'a Theatre, trace: TraceId) -> Self {
        *theatre.stage().awaited.entry(trace).or_default() += 1;
        Self { theatre, trace }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut stage = self.theatre.stage();
        if let Some(count) = stage.awaited.get_mut(&self.trace) {
            *count -= 1;
            if *count == 0 {
                stage.awaited.remove(&self.trace);
            }
        }
    }
}

/// Whether nothing below this hop is missing: every call that went out has its proven answer. Pods
/// tell a hop when it is done, so whoever answered has told all of its own calls before.
fn resolved(hop: &Hop) -> bool {
    if hop
        .span()
        .is_some_and(|span| span.kind == SpanKind::RedisClient)
    {
        // Redis tells nothing, and a task that it keeps may be taken at any time.
        let mut caused = hop.children.iter().filter(|child| child.span().is_some());
        return hop.joined && caused.all(resolved);
    }
    let answered = match hop.span() {
        None => !hop.children.is_empty(),
        Some(span) if span.kind.calls() => match span.kind {
            SpanKind::MongoClient => !hop.children.is_empty(),
            _ => span.outbound.is_none() || !hop.children.is_empty(),
        },
        Some(_) => true,
    };
    answered && hop.joined && hop.children.iter().all(resolved)
}

/// Microseconds since the Unix epoch.
pub(super) fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Tracer;
    use crate::trace::samples::{connections, span, spans, trace};

    /// Long enough to be told from "at once" on a busy machine.
    const LONG: Duration = Duration::from_secs(30);

    fn theatre() -> Theatre {
        Theatre::new(Limits::default())
    }

    fn line(event: &Event) -> String {
        serde_json::to_string(event).unwrap()
    }

    #[tokio::test]
    async fn a_film_whose_calls_are_all_answered_needs_no_quiet() {
        let theatre = Theatre::new(Limits {
            quiet: LONG,
            ..Limits::default()
        });
        let waiting = theatre.clone();
        let film = tokio::spawn(async move { waiting.wait_for(trace(), LONG).await });
        for connection in connections() {
            let text = line(&Event::Connection(connection));
            theatre.ingest_line("node", OutputStream::Stdout, &text);
            tokio::task::yield_now().await;
        }
        // The ingress tells last: it is the last to be done.
        let mut spans = spans();
        spans.rotate_left(1);
        let count = spans.len();
        for span in spans.into_iter().rev() {
            let text = line(&Event::Span(Box::new(span)));
            theatre.ingest_line("somebody", OutputStream::Stdout, &text);
            tokio::task::yield_now().await;
        }
        let film = film.await.unwrap().unwrap();
        assert!(film.settled);
        assert_eq!(film.spans().count(), count);
        assert_eq!(theatre.counts().spans, count as u64);
        assert_eq!(theatre.counts().lines, 0);
    }

    #[tokio::test]
    async fn a_film_with_something_missing_settles_after_a_quiet_while() {
        let theatre = Theatre::new(Limits {
            quiet: Duration::from_millis(5),
            ..Limits::default()
        });
        theatre.ingest("", Event::Span(Box::new(spans().remove(1))));
        let film = theatre.wait_for(trace(), LONG).await.unwrap();
        assert!(film.settled);
        assert_eq!(film.spans().count(), 1);
    }

    #[tokio::test]
    async fn without_a_first_hop_the_wait_ends_with_what_is_there() {
        let theatre = theatre();
        let short = Duration::from_millis(5);
        assert_eq!(theatre.wait_for(trace(), short).await, None);
        theatre.ingest(
            "a-1",
            Event::Span(Box::new(span(SpanKind::HttpServer, 9, None))),
        );
        let film = theatre.wait_for(trace(), short).await.unwrap();
        assert!(!film.settled);
    }

    #[tokio::test]
    async fn events_of_this_process_come_through_the_channel() {
        let theatre = theatre();
        let (tracer, events) = Tracer::channel(8);
        tracer.emit(Event::Span(Box::new(spans().remove(1))));
        drop(tracer);
        theatre.receive(events).await;
        assert_eq!(theatre.recent(5).len(), 1);
    }

    #[test]
    fn a_pod_is_the_source_of_its_lines_unless_they_say_otherwise() {
        let theatre = theatre();
        let silent = Span {
            source: String::new(),
            ..span(SpanKind::GrpcServer, 7, None)
        };
        let text = line(&Event::Span(Box::new(silent)));
        theatre.ingest_line("inventory-b", OutputStream::Stdout, &text);
        let film = theatre.film(trace()).unwrap();
        assert_eq!(film.spans().next().unwrap().source, "inventory-b");
    }

    #[test]
    fn any_other_line_is_a_log_line() {
        let theatre = theatre();
        let event = line(&Event::Span(Box::new(span(SpanKind::GrpcServer, 7, None))));
        let cut = &event[..event.len() - 5];
        for text in [
            "",
            "{",
            r#"{"event":"#,
            r#"{"event":"span"}"#,
            cut,
            "\u{0}\u{1b}[31m",
        ] {
            theatre.ingest_line("a-1", OutputStream::Stdout, text);
        }
        theatre.ingest_line("a-1", OutputStream::Stderr, &event);
        assert_eq!(theatre.counts().lines, 7);
        assert_eq!(theatre.counts().spans, 0);
        assert_eq!(theatre.log_book().pods(), ["a-1"]);
    }
}
