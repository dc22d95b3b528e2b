//! `GET /api/live`: what a page needs to stay true, as server-sent events (WHATWG HTML, 9.2).
//!
//! | event | when | data |
//! |---|---|---|
//! | `status` | at once, and after each change | what `lab status -o json` prints |
//! | `traffic` | every [`TICK`] in which something happened | [`Traffic`](crate::model::Traffic) |
//! | `films` | as `traffic` | new films, newest first: [`FilmSummary`](crate::model::FilmSummary) |
//! | `pins` | as `traffic`, when they are others | open connections: [`Pin`] |
//!
//! Nothing is kept for whoever was away: a page that connects again gets everything anew.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::IpAddr;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::{IntoResponse as _, Response};
use futures_util::stream;
use http::header;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::time::{Duration, Interval, MissedTickBehavior, interval, sleep};

use super::{AdminError, AdminState, Facts};
use crate::model::{Connection, Pin, Status};
use crate::net::Shutdown;
use crate::registry::{Cluster, Reader};
use crate::trace::Watch;

/// Four times a second: what moves on a screen between two of them is drawn by the page.
const TICK: Duration = Duration::from_millis(250);
/// Several changes within this time are told as one.
const PAUSE: Duration = Duration::from_millis(10);
/// An event that means nothing, so often when nothing happens: proxies and people see that it lives.
const QUIET_TICKS: u32 = 40;
/// Connections that are told; more lanes than these nobody can read.
const PINS: usize = 400;

/// What is wanted; all of it by default.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct LiveQuery {
    #[serde(default = "everything")]
    topics: String,
}

fn everything() -> String {
    "status,traffic,films,pins".to_owned()
}

struct Watcher {
    state: AdminState,
    reader: Reader,
    facts: watch::Receiver<Facts>,
    shutdown: Shutdown,
    ticks: Interval,
    looker: Watch,
    topics: Vec<String>,
    last: Option<Status>,
    pins: Vec<Pin>,
    quiet: u32,
    first: bool,
}

pub(super) async fn show(
    State(state): State<AdminState>,
    query: Result<Query<LiveQuery>, QueryRejection>,
) -> Result<Response, AdminError> {
    let Query(query) = query.map_err(|error| AdminError::Query(error.body_text()))?;
    let mut ticks = interval(TICK);
    // After a sleep of the machine one picture is enough.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let watcher = Watcher {
        reader: state.registry.reader(),
        facts: state.facts.clone(),
        shutdown: state.shutdown.clone(),
        ticks,
        looker: state.records.look(),
        topics: query.topics.split(',').map(str::to_owned).collect(),
        last: None,
        pins: Vec::new(),
        quiet: 0,
        first: true,
        state,
    };
    let events = stream::unfold(watcher, async |mut watcher| {
        let events = watcher.next().await?;
        Some((Ok::<_, Infallible>(events), watcher))
    });
    let kind = [(header::CONTENT_TYPE, "text/event-stream")];
    Ok((kind, Body::from_stream(events)).into_response())
}

impl Watcher {
    /// The next events; `None` when the lab stops.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            let mut told = Vec::new();
            if self.first {
                self.first = false;
                self.tell_status(&mut told);
                self.tell_tick(&mut told);
                return Some(told.into());
            }
            tokio::select! {
                () = self.shutdown.recv() => return None,
                changed = self.facts.changed() => {
                    changed.ok()?;
                    self.settle().await?;
                    self.tell_status(&mut told);
                }
                changed = self.reader.changed() => {
                    changed?;
                    self.settle().await?;
                    self.tell_status(&mut told);
                }
                _ = self.ticks.tick() => {
                    self.tell_tick(&mut told);
                    self.quiet += 1;
                    if told.is_empty() && self.quiet >= QUIET_TICKS {
                        told.extend_from_slice(b": still here\n\n");
                    }
                }
            }
            if !told.is_empty() {
                self.quiet = 0;
                return Some(told.into());
            }
        }
    }

    /// Lets what changes in one go change.
    async fn settle(&mut self) -> Option<()> {
        tokio::select! {
            () = self.shutdown.recv() => None,
            () = sleep(PAUSE) => Some(()),
        }
    }

    fn wants(&self, topic: &str) -> bool {
        self.topics.iter().any(|wanted| wanted == topic)
    }

    fn tell_status(&mut self, told: &mut Vec<u8>) {
        // What changes from here on wakes us up again.
        self.facts.mark_unchanged();
        self.reader.latest();
        if !self.wants("status") {
            return;
        }
        let status = self.state.status();
        if self.last.as_ref() != Some(&status) {
            event(told, "status", &status);
            self.last = Some(status);
        }
    }

    fn tell_tick(&mut self, told: &mut Vec<u8>) {
        if self.wants("traffic") {
            let traffic = self.looker.traffic();
            if traffic.requests > 0 || !traffic.pods.is_empty() || !traffic.flows.is_empty() {
                event(told, "traffic", &traffic);
            }
        }
        if self.wants("films") {
            let films = self.looker.films();
            if !films.is_empty() {
                event(told, "films", &films);
            }
        }
        if self.wants("pins") {
            let pins = pins(self.looker.rides(PINS), &self.state.registry.snapshot());
            if pins != self.pins {
                event(told, "pins", &pins);
                self.pins = pins;
            }
        }
    }
}

/// Connections with the pods at both ends.
fn pins(rides: Vec<(Connection, u64)>, cluster: &Cluster) -> Vec<Pin> {
    let pods: HashMap<IpAddr, &str> = cluster
        .pods
        .values()
        .filter_map(|pod| Some((pod.ip?, pod.name.as_str())))
        .collect();
    let client = |connection: &Connection| pods.get(&connection.client.ip()).copied();
    let rides = rides.into_iter();
    rides
        .map(|(connection, calls)| Pin {
            client_pod: client(&connection).map(str::to_owned),
            connection,
            calls,
        })
        .collect()
}

/// One event. JSON has no line breaks, so the data is one line.
fn event(told: &mut Vec<u8>, name: &str, data: &impl Serialize) {
    let Ok(json) = serde_json::to_vec(data) else {
        return;
    };
    for part in [b"event: ", name.as_bytes(), b"\ndata: ", &json, b"\n\n"] {
        told.extend_from_slice(part);
    }
}
