//! `lab load URL`: requests at a fixed rate, made by the running lab; what came of them, and how it
//! compares with the run before.

mod progress;
mod tables;

use std::collections::BTreeMap;
use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::arguments::Global;
use super::printer::{Failure, Printer};
use crate::client::{Client, Lines};
use crate::config;
use crate::model::{LoadLine, LoadRequest, LoadResult, LoadStopped};
use progress::Progress;

/// What to send, and how often.
#[derive(Debug, Args)]
#[command(after_help = "\
Requests are due at fixed times, whether or not the answers before have come, and an answer's time
counts from then (open loop). Only one load runs at a time. Only the lab's own hosts are loaded.
Ctrl-C ends it early and shows what there is.")]
pub(super) struct LoadArguments {
    /// http:// or https:// at a host of the lab's; without a port the load balancer's
    url: String,
    /// Requests a second, at most 5000
    #[arg(long, default_value_t = 50.0)]
    rate: f64,
    /// How long, at most 1h
    #[arg(long, default_value = "10s", value_parser = duration)]
    duration: Duration,
    /// Connections at a time, at most 500; HTTP/2 sends up to 100 requests at a time on each
    #[arg(long, default_value_t = 4)]
    connections: u32,
    /// How long one answer may take, at most 3m
    #[arg(long, default_value = "10s", value_parser = duration)]
    timeout: Duration,
    /// The method
    #[arg(short = 'X', long, default_value = "GET")]
    method: String,
    /// The body, or @FILE to read it from a file
    #[arg(short = 'd', long, value_name = "TEXT")]
    body: Option<String>,
    /// A header, 'name: value'; may be given several times
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    headers: Vec<String>,
    /// Log in as the lab's own user, and send the access token
    #[arg(long)]
    token: bool,
    /// Accept any certificate
    #[arg(short = 'k', long)]
    insecure: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    result: &'a LoadResult,
    /// The run before, of the same method and URL.
    before: Option<&'a LoadResult>,
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    config::duration(text).ok_or("must be a duration such as 500ms, 30s, 5m or 1h")
}

pub(super) async fn run(
    arguments: &LoadArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    let mut lines = client.load(&request(arguments)?).await?;
    let result = follow(&client, &mut lines, printer).await?;
    let all: Vec<LoadResult> = client.get("/api/loads").await?;
    let same = |one: &&LoadResult| {
        one.id < result.id && one.url == result.url && one.method == result.method
    };
    let before = all.iter().find(same);
    let shown = Shown {
        result: &result,
        before,
    };
    printer.data(&shown, || tables::result(&result, before))
}

/// Shows progress until the result is there. Ctrl-C asks the lab to stop, which answers with it.
async fn follow(
    client: &Client,
    lines: &mut Lines<LoadLine>,
    printer: &Printer,
) -> Result<LoadResult, Failure> {
    let mut progress = Progress::new(printer);
    let mut stopping = false;
    loop {
        let line = tokio::select! {
            line = lines.next() => line?,
            Ok(()) = tokio::signal::ctrl_c(), if !stopping => {
                stopping = true;
                let _: LoadStopped = client
                    .post("/api/load/stop", &serde_json::json!({}))
                    .await?;
                continue;
            }
        };
        match line {
            Some(LoadLine::Progress(now)) => progress.show(&now),
            Some(LoadLine::Result(result)) => {
                progress.end();
                return Ok(*result);
            }
            None => return Err(Failure::new("the lab stopped before the load had ended")),
        }
    }
}

fn request(arguments: &LoadArguments) -> Result<LoadRequest, Failure> {
    let mut headers = BTreeMap::new();
    for line in &arguments.headers {
        let Some((name, value)) = line.split_once(':') else {
            return Err(Failure::new(format!("{line:?} is no header"))
                .hint("write it as 'name: value'")
                .usage());
        };
        let name = name.trim().to_ascii_lowercase();
        headers.insert(name, value.trim().to_owned());
    }
    let body = match arguments
        .body
        .as_deref()
        .map(|body| (body, body.strip_prefix('@')))
    {
        None => String::new(),
        Some((_, Some(file))) => std::fs::read_to_string(file).map_err(|error| {
            Failure::new(format!("cannot read the body from {file}: {error}")).usage()
        })?,
        Some((body, None)) => body.to_owned(),
    };
    let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    Ok(LoadRequest {
        rate: arguments.rate,
        duration_ms: millis(arguments.duration),
        connections: arguments.connections,
        method: arguments.method.clone(),
        headers,
        body,
        timeout_ms: millis(arguments.timeout),
        insecure: arguments.insecure,
        log_in: arguments.token,
        ..LoadRequest::new(arguments.url.clone())
    })
}
