//! `lab scale SERVICE N`

use std::time::Duration;

use clap::Args;
use serde::Serialize;

use super::arguments::Global;
use super::printer::{Failure, Printer};
use super::progress::Progress;
use super::view;
use crate::client::{Client, ClientError};
use crate::config;
use crate::model::{ScaleAnswer, Status};

/// How long new pods may take to turn ready; images may have to be pulled.
const PATIENCE: Duration = Duration::from_secs(300);

/// What to scale, and to what.
#[derive(Debug, Args)]
pub(super) struct ScaleArguments {
    /// Name of the Service, or of a Deployment without one
    service: String,
    /// How many pods it is to have
    #[arg(value_parser = clap::value_parser!(u32).range(0..=200))]
    replicas: u32,
    /// Return at once, not when the new pods are ready
    #[arg(long)]
    no_wait: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Scaled {
    #[serde(flatten)]
    answer: ScaleAnswer,
    ready: usize,
}

pub(super) async fn run(
    arguments: &ScaleArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    let service = arguments.service.as_str();
    let answer = match client.scale(service, arguments.replicas).await {
        Err(error @ ClientError::Refused { status: 404, .. }) => {
            return Err(unknown(&client, service, error).await);
        }
        other => other?,
    };
    let ready = if arguments.no_wait {
        ready_of(&client.status().await?, service)
    } else {
        wait(&client, &answer, printer).await?
    };
    let scaled = Scaled { answer, ready };
    printer.data(&scaled, || {
        let ScaleAnswer {
            service,
            replicas,
            before,
        } = &scaled.answer;
        format!("{service}: {ready} of {replicas} ready (before: {before} wanted)")
    })
}

/// Until as many endpoints are ready as there should be. Pods that are to go may drain longer.
async fn wait(client: &Client, answer: &ScaleAnswer, printer: &Printer) -> Result<usize, Failure> {
    let service = answer.service.as_str();
    let wanted = answer.replicas as usize;
    let mut progress = Progress::new(printer, Some(service));
    let mut ready = 0;
    let mut changes = client.progress(true).await?;
    let all = async {
        while let Some(status) = changes.next().await? {
            progress.show(&status);
            ready = ready_of(&status, service);
            if ready == wanted {
                return Ok(true);
            }
        }
        Ok::<_, Failure>(false)
    };
    match tokio::time::timeout(PATIENCE, all).await {
        Ok(Ok(true)) => Ok(ready),
        Ok(Ok(false)) => Err(Failure::new("the lab stopped while its pods were starting")),
        Ok(Err(failure)) => Err(failure),
        Err(_) => Err(Failure::new(format!(
            "only {ready} of {wanted} pods of {service} are ready after {} s",
            PATIENCE.as_secs()
        ))
        .hint(format!("see why with: lab logs {service}"))),
    }
}

fn ready_of(status: &Status, service: &str) -> usize {
    let found = status.services.iter().find(|found| found.name == service);
    if let Some(found) = found {
        return view::ready_endpoints(found);
    }
    let found = status.deployments.iter();
    let found = found.filter(|found| found.name == service);
    found.map(|found| found.ready as usize).sum()
}

/// A refusal with the name that was probably meant.
async fn unknown(client: &Client, service: &str, error: ClientError) -> Failure {
    let failure = Failure::from(error);
    let Ok(status) = client.status().await else {
        return failure;
    };
    match config::nearest(service, view::programs(&status)) {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure,
    }
}
