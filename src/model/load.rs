//! Load: what a run is asked to do, what it tells as it goes, and what came of it.
//!
//! Times are microseconds unless a name says otherwise.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Evenness;

/// Highest rate, requests a second: more would measure this machine and nothing else.
pub const MAX_LOAD_RATE: f64 = 5000.0;
/// Longest run, in milliseconds: an hour.
pub const MAX_LOAD_DURATION: u64 = 3_600_000;
/// Most connections at a time: two file descriptors each, of the 1024 that many systems allow.
pub const MAX_LOAD_CONNECTIONS: u32 = 500;
/// Longest wait for one answer, in milliseconds: what Cloudforet's own clients give a call.
pub const MAX_LOAD_TIMEOUT: u64 = 180_000;

/// `POST /api/load`
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadRequest {
    /// `http://` or `https://`, at a host of the lab's own; without a port the load balancer's.
    pub url: String,
    /// Requests a second.
    #[serde(default = "rate")]
    pub rate: f64,
    /// How long requests begin, in milliseconds.
    #[serde(default = "duration")]
    pub duration_ms: u64,
    /// Connections at a time.
    #[serde(default = "connections")]
    pub connections: u32,
    /// The method.
    #[serde(default = "method")]
    pub method: String,
    /// Headers beside Host.
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The body, empty by default.
    #[serde(default)]
    pub body: String,
    /// How long one answer may take, in milliseconds, from when its request was sent.
    #[serde(default = "timeout")]
    pub timeout_ms: u64,
    /// Whether any certificate will do; else the lab's CA must have signed it.
    #[serde(default)]
    pub insecure: bool,
    /// Whether requests carry an access token of the lab's own user, for its first workspace.
    #[serde(default)]
    pub log_in: bool,
}

fn rate() -> f64 {
    50.0
}

fn duration() -> u64 {
    10_000
}

fn connections() -> u32 {
    4
}

fn method() -> String {
    "GET".to_owned()
}

fn timeout() -> u64 {
    10_000
}

impl LoadRequest {
    /// The default run at this URL.
    pub fn new(url: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            rate: rate(),
            duration_ms: duration(),
            connections: connections(),
            method: method(),
            headers: BTreeMap::new(),
            body: String::new(),
            timeout_ms: timeout(),
            insecure: false,
            log_in: false,
        }
    }
}

/// A line of the answer to [`LoadRequest`]: one each second, then the result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LoadLine {
    /// How far it is.
    Progress(LoadProgress),
    /// What came of it.
    Result(Box<LoadResult>),
}

/// How far a run is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadProgress {
    /// Since the first request, in milliseconds.
    pub elapsed_ms: u64,
    /// How long requests begin, in milliseconds.
    pub duration_ms: u64,
    /// Requests that were sent.
    pub sent: u64,
    /// Answers, whatever their status.
    pub answered: u64,
    /// Requests without an answer, and answers that tell of an error.
    pub failed: u64,
    /// Answers a second since the line before.
    pub rate: f64,
    /// Half of the answers took no longer.
    pub p50: u64,
    /// 99 of 100 answers took no longer.
    pub p99: u64,
}

/// What came of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct LoadResult {
    /// Counts up from 1 in this lab.
    pub id: u64,
    /// Microseconds since the Unix epoch.
    pub started: u64,
    /// As asked for.
    pub url: String,
    /// As asked for.
    pub method: String,
    /// `HTTP/1.1` or `HTTP/2.0`; empty if no connection was made.
    pub protocol: String,
    /// Requests a second that were asked for.
    pub rate: f64,
    /// As asked for, in milliseconds.
    pub duration_ms: u64,
    /// As asked for.
    pub connections: u32,
    /// From the first request to the last answer, in milliseconds.
    pub elapsed_ms: u64,
    /// Whether it was stopped before its time.
    pub stopped: bool,
    /// Requests that the rate wanted by the end.
    pub due: u64,
    /// Those that were sent. The others found every connection busy until the end.
    pub sent: u64,
    /// Answers, whatever their status.
    pub answered: u64,
    /// Answers a second, over the time in which requests were sent.
    pub achieved_rate: f64,
    /// Requests that found every connection busy when they were due.
    pub waited: u64,
    /// How long answers took.
    pub latency: Latency,
    /// Bytes of all answers' bodies.
    pub bytes: u64,
    /// Answers by status.
    pub statuses: BTreeMap<u16, u64>,
    /// What went wrong, the most frequent first.
    pub errors: Vec<LoadError>,
    /// By how much the generator itself was late, 99 of 100 times at most.
    pub generator_lag: u64,
    /// Whether it was late by so much that the figures are this machine's, not the lab's.
    pub behind: bool,
    /// Which pods answered, by name; ready ones that got nothing too.
    pub spread: Vec<PodShare>,
    /// Answers that name no pod.
    pub unnamed: u64,
    /// How even the spread is; absent for fewer than two pods, or too few answers to tell.
    pub evenness: Option<Evenness>,
}

/// How long answers took, from when the rate wanted their request: a request that had to wait for a
/// connection has waited, as its user would have.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Half of them took no longer.
    pub p50: u64,
    /// 90 of 100.
    pub p90: u64,
    /// 99 of 100.
    pub p99: u64,
    /// 999 of 1000.
    pub p999: u64,
    /// The slowest.
    pub max: u64,
    /// The mean.
    pub mean: u64,
}

/// Requests that went wrong in one way.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadError {
    /// `status 503`, `connect`, `reset`, `timeout` …
    pub cause: String,
    /// Where the ingress answered itself: its `x-lab-error`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// How many.
    pub count: u64,
}

/// The requests that one pod answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PodShare {
    /// Its name.
    pub pod: String,
    /// The Service that it is an endpoint of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service: Option<String>,
    /// How many.
    pub requests: u64,
}

/// `POST /api/load/stop`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LoadStopped {
    /// Whether one ran.
    pub stopped: bool,
}
