//! `lab trace URL`: performs one real request and shows its film.
//!
//! The request leaves this process as any client's would, by TCP and TLS to the load balancer; only
//! its `traceparent` is special. What the film looks like is in [`render()`], where the request goes
//! in [`LabAddress`].

mod address;
mod call;
mod command;
mod crossing;
mod error;
mod fold;
mod login;
mod render;
mod request;
mod style;
mod tls;
mod tree;
mod way_in;
pub(super) mod words;

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::model::{Film, SpanId, TraceId, Traceparent};

pub use address::{LabAddress, Login};
pub(super) use command::command;
pub use error::TraceError;
pub(super) use login::Session;
pub use render::render;
pub use style::Style;
pub(super) use tls::client_config;

pub(super) use call::{Connected, Dialled};
use request::Plan;

/// Shows one request hop by hop.
#[derive(Args, Clone, Debug, Default)]
pub struct TraceArgs {
    /// The URL; any host name leads to the lab, and without a port to its load balancer. Or the id
    /// of a trace, for the film of something that has happened
    #[arg(required_unless_present = "open", default_value = "")]
    pub url: String,
    /// The method; GET, or POST with data
    #[arg(short = 'X', long = "request", value_name = "METHOD")]
    pub method: Option<String>,
    /// A header, `Name: value`; may be given several times
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    pub headers: Vec<String>,
    /// The body, or `@file` to read it from a file
    #[arg(short = 'd', long = "data", value_name = "DATA")]
    pub data: Option<String>,
    /// Accept any certificate
    #[arg(short = 'k', long)]
    pub insecure: bool,
    /// Do not log in to the console APIs first
    #[arg(long)]
    pub no_login: bool,
    /// Print the body of the answer as well
    #[arg(long)]
    pub body: bool,
    /// Save the film to a file, for another day or another machine
    #[arg(long, value_name = "FILE")]
    pub save: Option<PathBuf>,
    /// Show the film of a file, without a lab
    #[arg(long, value_name = "FILE", conflicts_with_all = ["url", "save"])]
    pub open: Option<PathBuf>,
}

/// Where films come from: the running lab.
pub trait FilmSource {
    /// Waits until the film is settled; `None` if the lab saw no such request. The error is for
    /// people.
    fn film(&self, trace: TraceId) -> impl Future<Output = Result<Option<Film>, String>> + Send;
}

/// Where output goes and how.
pub struct Output<'a> {
    /// The film, and the answer's body if it was asked for.
    pub out: &'a mut (dyn Write + Send),
    /// What was sent and what came back.
    pub err: &'a mut (dyn Write + Send),
    /// For the film as text.
    pub style: Style,
    /// Print the film as JSON.
    pub json: bool,
}

impl std::fmt::Debug for Output<'_> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Output")
            .field("style", &self.style)
            .field("json", &self.json)
            .finish_non_exhaustive()
    }
}

/// Sends the request, waits for its film and prints it. An answer such as 404 or 502 is no error:
/// its film is what was asked for.
pub async fn run(
    args: &TraceArgs,
    lab: &LabAddress,
    films: &(impl FilmSource + Sync),
    output: Output<'_>,
) -> Result<(), TraceError> {
    let Output {
        out,
        err,
        style,
        json,
    } = output;
    if let Ok(trace) = args.url.parse() {
        let film = films.film(trace).await.map_err(TraceError::Source)?;
        let film = film.ok_or(TraceError::NoFilm(trace))?;
        save(&film, args)?;
        return print(&film, None, out, style, json);
    }
    let mut plan = Plan::new(args)?;
    let client = tls::client_config(&lab.ca_certificate, args.insecure)?;
    // Without Cloudforet's backends there is nobody to log in to.
    if plan.wants_login(args.no_login) && lab.can_log_in() {
        let mut session = Session::open(lab, &client).await?;
        let token = session.log_in(&lab.login).await?;
        writeln!(
            err,
            "logged in as {} of {}",
            lab.login.user, lab.login.domain
        )?;
        plan.authorize(token)?;
    }
    let traceparent = Traceparent {
        trace: TraceId::from_random(fastrand::u128(..)),
        parent: SpanId::from_random(fastrand::u64(..)),
        sampled: true,
    };
    let dialled = Dialled::new(&plan.uri, lab)?;
    let mut connected = Connected::open(&dialled, &client).await?;
    plan.describe(err, connected.version(), dialled.address, traceparent)?;
    let mut body: Vec<u8> = Vec::new();
    let keep = args.body.then_some(&mut body);
    let answer = connected
        .send(plan.request(Some(traceparent)), keep)
        .await?;
    answer.describe(err)?;
    let film = films
        .film(traceparent.trace)
        .await
        .map_err(TraceError::Source)?
        .ok_or(TraceError::NoFilm(traceparent.trace))?;
    save(&film, args)?;
    if args.body {
        // JSON on stdout must stay one document.
        let target: &mut (dyn Write + Send) = if json { err } else { &mut *out };
        target.write_all(&body)?;
        if !body.ends_with(b"\n") {
            writeln!(target)?;
        }
    }
    let title = format!("{} {}", plan.method, plan.uri);
    print(&film, Some(&title), out, style, json)
}

/// Writes the film to the file that was asked for.
fn save(film: &Film, args: &TraceArgs) -> Result<(), TraceError> {
    let Some(path) = &args.save else {
        return Ok(());
    };
    let text = serde_json::to_string_pretty(film).map_err(std::io::Error::from)?;
    std::fs::write(path, text + "\n").map_err(|error| unusable(path, "write", &error))
}

/// Shows the film of a file.
pub fn show_saved(path: &Path, output: &mut Output<'_>) -> Result<(), TraceError> {
    let text = std::fs::read(path).map_err(|error| unusable(path, "read", &error))?;
    let film = serde_json::from_slice(&text).map_err(|error| unusable(path, "use", &error))?;
    print(&film, None, output.out, output.style, output.json)
}

fn unusable(path: &Path, verb: &str, error: &dyn std::error::Error) -> TraceError {
    TraceError::Usage(format!("cannot {verb} {}: {error}", path.display()))
}

fn print(
    film: &Film,
    title: Option<&str>,
    out: &mut (dyn Write + Send),
    style: Style,
    json: bool,
) -> Result<(), TraceError> {
    if json {
        let text = serde_json::to_string_pretty(film).map_err(std::io::Error::from)?;
        writeln!(out, "{text}")?;
    } else {
        write!(out, "{}", render(film, title, style))?;
    }
    Ok(())
}
