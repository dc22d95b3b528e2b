//! `lab replay FILE`: a recorded session once more, and what is different.

mod compare;
mod file;

use std::path::PathBuf;
use std::time::Duration;

use base64::Engine as _;
use bytes::Bytes;
use clap::Args;
use http::{HeaderMap, Request, Uri, header};
use http_body_util::Full;

use super::arguments::Global;
use super::printer::{self, Failure, Printer};
use super::trace::{Connected, Dialled, LabAddress, client_config};
use crate::client::Client;
use crate::model::{
    Film, Recorded, RecordedAnswer, RecordedRequest, RouteAnswer, RouteRequest, SpanId, SpanKind,
    TraceId, Traceparent,
};
use compare::Difference;

/// Connection headers, which belong to the connection that was recorded.
const OF_CONNECTIONS: [&str; 7] = [
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];
/// For the film of a request, which tells where it was routed to.
const PATIENCE: Duration = Duration::from_secs(3);

/// What is replayed, and against what.
#[derive(Debug, Args)]
pub(super) struct ReplayArguments {
    /// What `lab record` has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Send nothing, and compare how the lab's Ingresses would route each request as this controller
    /// and as the one that the lab has: the Ingress, its Services, redirects and 404. What filters
    /// change on the way is not compared
    #[arg(long, value_parser = ["traefik", "nginx"])]
    flavour: Option<String>,
}

pub(super) async fn run(
    arguments: &ReplayArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let recording = file::read(&arguments.file)?;
    let client = Client::find(&global.folder()?)?;
    let mut found = Vec::new();
    let (mut asked, mut skipped) = (0_usize, 0_usize);
    if let Some(flavour) = &arguments.flavour {
        for recorded in &recording.requests {
            let before = routed(&client, None, recorded).await?;
            let now = routed(&client, Some(flavour), recorded).await?;
            found.extend(compare::routes(&recorded.request, &before, &now));
            asked += 1;
        }
    } else {
        let sender = Sender::new(&client).await?;
        for recorded in &recording.requests {
            if recorded.request.body_left_out {
                skipped += 1;
                continue;
            }
            let now = sender.send(&recorded.request).await?;
            found.extend(compare::answers(recorded, &now));
            asked += 1;
        }
    }
    let incomplete = recording.requests.iter();
    let incomplete = incomplete.filter(|one| !one.request.left_out.is_empty());
    let incomplete = incomplete.count();
    if incomplete > 0 && arguments.flavour.is_none() {
        printer.note(&format!(
            "{incomplete} requests were recorded without their secrets (lab record --with-secrets)"
        ));
    }
    if skipped > 0 {
        printer.warn(format!(
            "{skipped} requests had too large a body to be recorded, and are left out"
        ));
    }
    let told = serde_json::json!({ "requests": asked, "skipped": skipped, "differences": found });
    printer.data(&told, || {
        if found.is_empty() {
            return format!("no differences in {asked} requests");
        }
        table(&found)
    })?;
    match found.len() {
        0 => Ok(()),
        count => Err(Failure::new(format!(
            "{count} differences in {asked} requests"
        ))),
    }
}

fn table(found: &[Difference]) -> String {
    let rows = found.iter().map(|one| {
        vec![
            one.request.clone(),
            one.what.clone(),
            one.before.clone(),
            one.now.clone(),
        ]
    });
    printer::table(&["REQUEST", "WHAT", "BEFORE", "NOW"], rows.collect())
}

async fn routed(
    client: &Client,
    flavour: Option<&String>,
    recorded: &Recorded,
) -> Result<RouteAnswer, Failure> {
    let request = RouteRequest {
        flavour: flavour.cloned(),
        request: RecordedRequest {
            body: None,
            ..recorded.request.clone()
        },
    };
    Ok(client.post("/api/route", &request).await?)
}

/// Sends requests to the running lab, each over a connection of its own.
struct Sender<'c> {
    client: &'c Client,
    lab: LabAddress,
}

impl<'c> Sender<'c> {
    async fn new(client: &'c Client) -> Result<Self, Failure> {
        let status = serde_json::to_value(client.status().await?);
        let status = status.map_err(|error| Failure::from_error(&error))?;
        Ok(Self {
            client,
            lab: LabAddress::from_status(&status)?,
        })
    }

    async fn send(&self, recorded: &RecordedRequest) -> Result<RecordedAnswer, Failure> {
        let scheme = if recorded.tls { "https" } else { "http" };
        // The port was another lab's.
        let host = match recorded.host.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => host,
            _ => &recorded.host,
        };
        let uri = format!("{scheme}://{host}{}", recorded.target);
        let wrong = |why: String| Failure::new(format!("{uri} cannot be asked for: {why}"));
        let parsed: Uri = uri
            .parse()
            .map_err(|error: http::uri::InvalidUri| wrong(error.to_string()))?;
        let trace = TraceId::from_random(fastrand::u128(..));
        let traceparent = Traceparent {
            trace,
            parent: SpanId::from_random(fastrand::u64(..)),
            sampled: true,
        };
        let mut request = Request::builder()
            .method(recorded.method.as_str())
            .uri(&parsed)
            .header(header::HOST, &recorded.host)
            .header("traceparent", traceparent.to_string());
        for (name, value) in &recorded.headers {
            if !OF_CONNECTIONS.contains(&name.as_str()) {
                request = request.header(name, value);
            }
        }
        let body = recorded.body.as_deref().unwrap_or_default();
        let body = base64::engine::general_purpose::STANDARD
            .decode(body)
            .map_err(|error| wrong(format!("its body is no Base64: {error}")))?;
        let request = request
            .body(Full::new(Bytes::from(body)))
            .map_err(|error| wrong(error.to_string()))?;
        let config = client_config(&self.lab.ca_certificate, true)?;
        let mut connected = Connected::open(&Dialled::new(&parsed, &self.lab)?, &config).await?;
        let answer = connected.send(request, None).await?;
        let film: Option<Film> = self.client.film(trace, PATIENCE).await?;
        Ok(answered(
            answer.status.as_u16(),
            &answer.headers,
            film.as_ref(),
        ))
    }
}

/// The answer, and what the film tells of its way.
fn answered(status: u16, headers: &HeaderMap, film: Option<&Film>) -> RecordedAnswer {
    let ingress = film.and_then(|film| film.spans().find(|span| span.kind == SpanKind::Ingress));
    let told = |name: &str| Some(ingress?.text(name)?.to_owned());
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    RecordedAnswer {
        status,
        ingress: told("ingress"),
        service: told("service"),
        pod: told("pod"),
        error: told("error"),
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), text(value)))
            .collect(),
    }
}
