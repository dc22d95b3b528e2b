//! What the admin API shows of logs, films and connections, out of the theatre.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::{BoxStream, StreamExt as _};

use crate::dashboard::{LogSelection, Records};
use crate::model::{LogLine, OutputStream, TraceId};
use crate::registry::Registry;
use crate::trace::{Followed, LogFilter, Theatre};

/// Films that a listing names.
const LISTED: usize = 100;

/// The theatre and the registry, as the admin API sees them.
pub(super) struct Seen {
    pub(super) theatre: Theatre,
    pub(super) registry: Registry,
}

impl Seen {
    /// Pods are called `<deployment>-<suffix>`, so a Service's pods are known also after their end.
    fn filter(&self, selection: &LogSelection) -> LogFilter {
        if let Some(pod) = &selection.pod {
            return LogFilter::of([pod.as_str()]);
        }
        match &selection.service {
            Some(service) => LogFilter::of([service.as_str()]),
            None => LogFilter::all(),
        }
    }
}

impl Records for Seen {
    fn connections(&self, service: &str, endpoint: SocketAddr) -> u64 {
        u64::try_from(self.theatre.open_at(service, endpoint)).unwrap_or(u64::MAX)
    }

    fn logs(&self, selection: &LogSelection, tail: usize) -> Vec<LogLine> {
        let lines = self.theatre.log_book().tail(&self.filter(selection), tail);
        lines.iter().map(|line| LogLine::clone(line)).collect()
    }

    fn follow_logs(
        &self,
        selection: &LogSelection,
        tail: usize,
    ) -> (Vec<LogLine>, BoxStream<'static, LogLine>) {
        let (lines, follow) = self
            .theatre
            .log_book()
            .tail_and_follow(self.filter(selection), tail);
        let lines = lines.iter().map(|line| LogLine::clone(line)).collect();
        let later = follow.into_stream().map(|followed| match followed {
            Followed::Line(line) => LogLine::clone(&line),
            Followed::Missed(count) => LogLine {
                time: 0,
                pod: "lab".to_owned(),
                stream: OutputStream::Stderr,
                text: format!("{count} lines were too fast to follow"),
            },
        });
        (lines, later.boxed())
    }

    fn films(&self) -> Vec<serde_json::Value> {
        let films = self.theatre.recent(LISTED);
        films.iter().filter_map(|film| serde_json::to_value(film).ok()).collect()
    }

    fn film(
        &self,
        trace: TraceId,
        wait: Duration,
    ) -> BoxFuture<'static, Option<serde_json::Value>> {
        let theatre = self.theatre.clone();
        let registry = self.registry.clone();
        Box::pin(async move {
            let mut film = theatre.wait_for(trace, wait).await?;
            // What a connection that was drawn earlier could not know.
            let cluster = registry.snapshot();
            let ready = |slice: &crate::model::EndpointSlice| -> Vec<String> {
                let ready = slice.endpoints.iter().filter(|endpoint| endpoint.conditions.ready);
                ready.filter_map(|endpoint| endpoint.pod.clone()).collect()
            };
            film.endpoints_now = cluster
                .slices
                .iter()
                .map(|(service, slice)| (service.clone(), ready(slice)))
                .collect();
            serde_json::to_value(film).ok()
        })
    }
}
