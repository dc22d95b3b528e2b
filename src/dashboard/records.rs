//! What the theatre keeps, as the admin API asks for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream, StreamExt as _};
use serde_json::Value;

use super::{LogSelection, Records};
use crate::model::{Connection, Film, LogLine, OutputStream, Recorded, ServiceTraffic, TraceId};
use crate::trace::{Counts, Followed, Listening, LogFilter, Theatre, Watch};

/// Films in a list: what a person looks through.
const FILMS: usize = 100;

impl Records for Theatre {
    fn traffic(&self) -> Vec<ServiceTraffic> {
        self.ledger().counted()
    }

    fn record(&self) -> BoxStream<'static, Result<Arc<Recorded>, u64>> {
        let listening = self.tape().listen();
        let next = async |mut listening: Listening| Some((listening.next().await?, listening));
        stream::unfold(listening, next).boxed()
    }

    fn drawn(&self) -> BTreeMap<String, u64> {
        Self::drawn(self)
    }

    fn counts(&self) -> Counts {
        Self::counts(self)
    }

    fn connections(&self, service: &str, endpoint: SocketAddr) -> u64 {
        self.open_at(service, endpoint) as u64
    }

    fn open_connections(&self) -> Vec<Connection> {
        Self::open_connections(self)
    }

    fn logs(&self, selection: &LogSelection, tail: usize) -> Vec<LogLine> {
        let lines = self.log_book().tail(&filter(selection), tail);
        lines.iter().map(|line| (**line).clone()).collect()
    }

    fn follow_logs(
        &self,
        selection: &LogSelection,
        tail: usize,
    ) -> (Vec<LogLine>, BoxStream<'static, LogLine>) {
        let (past, follow) = self.log_book().tail_and_follow(filter(selection), tail);
        let past = past.iter().map(|line| (**line).clone()).collect();
        let live = follow.into_stream().map(|followed| match followed {
            Followed::Line(line) => (*line).clone(),
            Followed::Missed(missed) => LogLine {
                time: 0,
                pod: "lab".to_owned(),
                stream: OutputStream::Stderr,
                text: format!("… about {missed} lines came too fast to be shown"),
            },
        });
        (past, live.boxed())
    }

    fn films(&self) -> Vec<Value> {
        let films = self.recent(FILMS).into_iter();
        films
            .filter_map(|film| serde_json::to_value(film).ok())
            .collect()
    }

    fn film(&self, trace: TraceId, wait: Duration) -> BoxFuture<'static, Option<Film>> {
        let theatre = self.clone();
        Box::pin(async move { theatre.wait_for(trace, wait).await })
    }

    fn look(&self) -> Watch {
        Watch::new(self.clone())
    }
}

/// A Service's Deployment has its name, and pods have their Deployment's, so it stands for them all.
fn filter(selection: &LogSelection) -> LogFilter {
    let names = [&selection.service, &selection.pod];
    LogFilter::of(names.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::Limits;

    fn texts(lines: &[LogLine]) -> Vec<&str> {
        lines.iter().map(|line| line.text.as_str()).collect()
    }

    #[tokio::test]
    async fn lines_of_a_service_are_those_of_its_pods() {
        let theatre = Theatre::new(Limits::default());
        for (pod, text) in [("console-a", "one"), ("console-api-b", "two")] {
            theatre.ingest_line(pod, OutputStream::Stdout, text);
        }
        let of_service = LogSelection {
            service: Some("console".into()),
            pod: None,
        };
        assert_eq!(texts(&theatre.logs(&of_service, 9)), ["one"]);
        let all = LogSelection::default();
        assert_eq!(texts(&theatre.logs(&all, 9)), ["one", "two"]);
        let (past, mut live) = theatre.follow_logs(&of_service, 0);
        assert!(past.is_empty());
        theatre.ingest_line("console-api-b", OutputStream::Stdout, "three");
        theatre.ingest_line("console-c", OutputStream::Stdout, "four");
        assert_eq!(
            live.next().await.map(|line| line.text).as_deref(),
            Some("four")
        );
        assert!(theatre.films().is_empty());
        let film = Records::film(&theatre, TraceId::from_random(1), Duration::ZERO).await;
        assert_eq!(film, None);
    }
}
