//! The admin API on loopback: what runs, what is told of it, scale, reload, kill and down; and the
//! dashboard, a page that shows it.
//!
//! Every request has a Host that can only be loopback, and all but those for the page's own files
//! carry the lab's token, so no web page can reach the API, not by DNS rebinding either. Nothing is
//! changed by GET. The counters at `/metrics` need no token, for a Prometheus on this machine has
//! none.

mod caller;
mod click;
mod door;
mod export;
mod exposition;
mod faults;
mod films;
mod forward;
mod guard;
mod lessons;
mod live;
mod load;
mod logs;
mod metrics;
mod page;
mod progress;
mod record;
mod records;
mod refusal;
mod route;
mod scale;
mod session;
mod status;
mod stream;
mod wish;

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{DefaultBodyLimit, State};
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use axum::{Json, Router, middleware};
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};

use crate::lessons::Lessons;
use crate::load::Loads;
use crate::model::{
    AppliedConfig, Connection, ConnectionStatus, DownRequest, Film, LabPhase, LogLine, Login,
    Recorded, ServiceTraffic, Status, StoresStatus, TraceId, Urls,
};
use crate::net::Shutdown;
use crate::registry::Registry;
use crate::trace::{Counts, Watch};

pub use refusal::AdminError;
pub use session::Codes;
pub use status::status_of;
pub use wish::Wish;

/// Longest body of a request: they are a few words of JSON.
const BODY_LIMIT: usize = 64 * 1024;

/// What the API shows and acts on; cheap to clone.
#[derive(Clone)]
pub struct AdminState {
    /// Services, pods, endpoints; `scale` writes here.
    pub registry: Registry,
    /// What the registry does not know.
    pub facts: watch::Receiver<Facts>,
    /// Logs, films and connections.
    pub records: Arc<dyn Records>,
    /// Which lesson is under way.
    pub lessons: Lessons,
    /// Where a wish to stop goes.
    pub stop: mpsc::Sender<DownRequest>,
    /// Where wishes for a change go that only the app can fulfil.
    pub wishes: mpsc::Sender<Wish>,
    /// Runs of load.
    pub loads: Loads,
    /// What every request must carry.
    pub token: Arc<str>,
    /// What browsers may hand in for it.
    pub codes: Codes,
    /// Ends streams.
    pub shutdown: Shutdown,
}

/// What the app knows about the lab as a whole. The app holds the sender and changes it as it goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The lab's name.
    pub name: String,
    /// `process` or `docker`, once it is decided.
    pub runtime: String,
    /// Why that one.
    pub runtime_reason: String,
    /// Where the lab is in its life.
    pub phase: LabPhase,
    /// Why it failed.
    pub reason: Option<String>,
    /// Where to point a browser.
    pub urls: Urls,
    /// The CA's certificate.
    pub ca_certificate: Option<PathBuf>,
    /// Who may log in.
    pub login: Option<Login>,
    /// What serves the data.
    pub stores: StoresStatus,
    /// What counts of the config, without what is secret.
    pub config: Arc<AppliedConfig>,
    /// What the config says that is probably not meant.
    pub warnings: Vec<String>,
    /// What cannot be served now.
    pub problems: Vec<String>,
    /// What an export says that the registry does not know.
    pub export: crate::export::Options,
}

/// Whose lines are wanted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogSelection {
    /// Those of the pods of this Service.
    pub service: Option<String>,
    /// Those of this pod.
    pub pod: Option<String>,
}

/// What the lab has seen; implemented for [`Theatre`](crate::trace::Theatre).
pub trait Records: Send + Sync + 'static {
    /// What the ingress has counted.
    fn traffic(&self) -> Vec<ServiceTraffic> {
        Vec::new()
    }

    /// Requests from now on, and how many came too fast to be told.
    fn record(&self) -> BoxStream<'static, Result<Arc<Recorded>, u64>> {
        Box::pin(futures_util::stream::pending())
    }

    /// Connections that were drawn since the start, by Service.
    fn drawn(&self) -> BTreeMap<String, u64> {
        BTreeMap::new()
    }

    /// Spans and lines since the start.
    fn counts(&self) -> Counts {
        Counts::default()
    }

    /// Open connections through the Service's ClusterIP to this endpoint.
    fn connections(&self, service: &str, endpoint: SocketAddr) -> u64;

    /// Every open connection through a ClusterIP or a host port.
    fn open_connections(&self) -> Vec<Connection>;

    /// The last `tail` lines that were selected, oldest first.
    fn logs(&self, selection: &LogSelection, tail: usize) -> Vec<LogLine>;

    /// The same, and the lines from then on, with none between them lost or doubled.
    fn follow_logs(
        &self,
        selection: &LogSelection,
        tail: usize,
    ) -> (Vec<LogLine>, BoxStream<'static, LogLine>);

    /// What each film is about, the newest first.
    fn films(&self) -> Vec<serde_json::Value>;

    /// One film, as soon as it is complete; after `wait` as far as it is known.
    fn film(&self, trace: TraceId, wait: Duration) -> BoxFuture<'static, Option<Film>>;

    /// Somebody who looks on from now on.
    fn look(&self) -> Watch;
}

impl fmt::Debug for AdminState {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The token does not belong into a log.
        formatter
            .debug_struct("AdminState")
            .field("facts", &self.facts)
            .finish_non_exhaustive()
    }
}

impl AdminState {
    /// What runs now.
    pub fn status(&self) -> Status {
        let facts = self.facts.borrow().clone();
        status_of(&facts, &self.registry.snapshot(), &*self.records)
    }
}

/// All routes behind the guard.
pub fn router(state: AdminState) -> Router {
    let api = Router::new()
        .route("/api", get(index))
        .route("/api/status", get(show_status))
        .route("/api/live", get(live::show))
        .route("/api/progress", get(progress::show))
        .route("/api/scale", post(scale::scale))
        .route("/api/reload", post(wish::reload))
        .route("/api/kill", post(wish::kill))
        .route("/api/down", post(scale::down))
        .route("/api/faults", get(faults::list).post(faults::add))
        .route("/api/faults/undo", post(faults::undo))
        .route("/api/load", post(load::begin))
        .route("/api/load/stop", post(load::stop))
        .route("/api/loads", get(load::list))
        .route("/api/connections", get(show_connections))
        .route("/api/logs", get(logs::show))
        .route("/api/click", post(click::click))
        .route("/api/route", get(route::show).post(record::route))
        .route("/api/config", get(show_config))
        .route("/api/films", get(films::list))
        .route("/api/films/{trace}", get(films::show))
        .route("/api/session", post(session::give))
        .route("/api/lessons", get(lessons::list))
        .route("/api/lessons/current", get(lessons::current))
        .route("/api/lessons/start", post(lessons::start))
        .route("/api/lessons/check", post(lessons::check))
        .route("/api/lessons/next", post(lessons::next))
        .route("/api/lessons/stop", post(lessons::stop))
        .route("/api/export/kubernetes", get(export::kubernetes))
        .route("/api/forward", get(forward::find))
        .route("/api/record", get(record::record))
        .route("/api/traffic", get(metrics::traffic))
        .route(guard::METRICS, get(metrics::show))
        .fallback(async || AdminError::NoSuchRoute)
        .method_not_allowed_fallback(async || AdminError::Method)
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn_with_state(state.clone(), guard::guard));
    let page = Router::new()
        .route("/", get(page::index))
        .route("/favicon.svg", get(page::file))
        .route("/css/{*path}", get(page::file))
        .route("/js/{*path}", get(page::file))
        .layer(middleware::from_fn(guard::loopback));
    let redeem = Router::new()
        .route("/api/session/redeem", post(session::redeem))
        .layer(DefaultBodyLimit::max(BODY_LIMIT))
        .layer(middleware::from_fn(guard::own_page));
    api.merge(page).merge(redeem).with_state(state)
}

/// Serves until the signal, then lets requests end.
pub async fn serve(
    listener: TcpListener,
    state: AdminState,
    mut shutdown: Shutdown,
) -> std::io::Result<()> {
    // Streams write single small lines, which must not wait to fill a segment.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    axum::serve(listener, router(state))
        .with_graceful_shutdown(async move { shutdown.recv().await })
        .await
}

/// A token that cannot be guessed: 256 bits of the system's randomness, as hex.
pub fn new_token() -> std::io::Result<String> {
    let mut bytes = [0; 32];
    aws_lc_rs::rand::fill(&mut bytes)
        .map_err(|_| std::io::Error::other("the system has no randomness"))?;
    Ok(bytes.iter().fold(String::new(), |mut token, byte| {
        // Writing to a String cannot fail.
        let _ = write!(token, "{byte:02x}");
        token
    }))
}

async fn index(State(state): State<AdminState>) -> Json<serde_json::Value> {
    Json(serde_json::json!({
        "lab": state.facts.borrow().name,
        "routes": [
            "GET /api/status", "GET /api/live", "GET /api/progress", "POST /api/scale", "POST /api/reload",
            "POST /api/kill", "POST /api/down",
            "GET /api/faults", "POST /api/faults", "POST /api/faults/undo",
            "POST /api/load", "POST /api/load/stop", "GET /api/loads",
            "GET /api/connections", "GET /api/logs", "GET /api/films", "GET /api/films/{trace}",
            "POST /api/click", "GET /api/route", "GET /api/config",
            "POST /api/session",
            "GET /api/lessons", "GET /api/lessons/current", "POST /api/lessons/start",
            "POST /api/lessons/check", "POST /api/lessons/next", "POST /api/lessons/stop",
            "GET /api/export/kubernetes", "GET /api/forward", "GET /api/record", "POST /api/route",
            "GET /api/traffic", "GET /metrics",
        ],
    }))
}

async fn show_status(State(state): State<AdminState>) -> Json<Status> {
    Json(state.status())
}

async fn show_config(State(state): State<AdminState>) -> Json<Arc<AppliedConfig>> {
    Json(Arc::clone(&state.facts.borrow().config))
}

async fn show_connections(State(state): State<AdminState>) -> Json<Vec<ConnectionStatus>> {
    let cluster = state.registry.snapshot();
    let is_endpoint = |connection: &Connection| {
        let addresses = cluster
            .slices
            .values()
            .flat_map(|slice| &slice.endpoints)
            .flat_map(|endpoint| &endpoint.addresses);
        let mut ends = addresses.flat_map(|address| [address.pod, address.host]);
        ends.any(|end| end == connection.endpoint)
    };
    let open = state.records.open_connections().into_iter();
    let told = open.map(|connection| ConnectionStatus {
        endpoint_gone: !is_endpoint(&connection),
        connection,
    });
    Json(told.collect())
}
