//! `lab fault add|list|undo`: break something on purpose, see what is broken, and undo it.

mod arguments;

use super::arguments::Global;
use super::printer::{Failure, Printer, table};
use crate::client::{Client, ClientError};
use crate::config;
use crate::model::{Fault, FaultKind, FaultRequest, Place, Status, UndoRequest};

use arguments::Command;
pub(super) use arguments::FaultArguments;

pub(super) async fn run(
    arguments: &FaultArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    match &arguments.command {
        Command::Add { kind } => add(&client, &kind.request(), printer).await,
        Command::List => {
            let faults: Vec<Fault> = client.get("/api/faults").await?;
            printer.data(&faults, || listed(&faults))
        }
        Command::Undo { id } => {
            let request = UndoRequest { id: *id };
            let undone: Vec<Fault> = client.post("/api/faults/undo", &request).await?;
            printer.data(&undone, || match undone.as_slice() {
                [] => "nothing is broken on purpose".to_owned(),
                undone => {
                    let lines = undone.iter().map(|fault| format!("{fault} is undone"));
                    lines.collect::<Vec<_>>().join("\n")
                }
            })
        }
    }
}

async fn add(client: &Client, request: &FaultRequest, printer: &Printer) -> Result<(), Failure> {
    let fault: Fault = match client.post("/api/faults", request).await {
        Err(error @ ClientError::Refused { status: 404, .. }) => {
            let failure = Failure::from(error);
            let status = client.status().await?;
            let names = names(&status);
            let near = config::nearest(&request.target, names.iter().map(String::as_str));
            return Err(match near {
                Some(near) => failure.hint(format!("did you mean {near}?")),
                None => failure,
            });
        }
        other => other?,
    };
    printer.data(&fault, || {
        let end = match request.for_ms {
            Some(millis) => format!("it ends by itself in {}", seconds(millis)),
            None => format!("undo it with: lab fault undo {}", fault.id),
        };
        format!("{fault}; {end}")
    })?;
    let of_service = matches!(fault.place, Place::Service(_) | Place::Pod(_));
    if matches!(fault.kind, FaultKind::Errors { .. }) && of_service {
        printer.note("errors are made by the ingress: calls between pods do not meet them");
    }
    Ok(())
}

/// Everything that can be broken.
fn names(status: &Status) -> Vec<String> {
    let pods = status.pods.iter().map(|pod| pod.name.clone());
    let programs = super::view::programs(status).map(str::to_owned);
    let hosts = status.ingresses.iter().flat_map(|one| one.hosts.clone());
    let fixed = ["ingress", "load-balancer"].map(str::to_owned);
    fixed
        .into_iter()
        .chain(programs)
        .chain(pods)
        .chain(hosts)
        .collect()
}

fn listed(faults: &[Fault]) -> String {
    if faults.is_empty() {
        return "nothing is broken on purpose".to_owned();
    }
    let now = std::time::SystemTime::UNIX_EPOCH
        .elapsed()
        .map_or(0, |elapsed| elapsed.as_micros());
    let rows = faults.iter().map(|fault| {
        let left = fault.until.map(|until| {
            let left = u128::from(until).saturating_sub(now) / 1000;
            format!("in {}", seconds(u64::try_from(left).unwrap_or(u64::MAX)))
        });
        vec![
            fault.id.to_string(),
            fault.kind.to_string(),
            fault.place.to_string(),
            left.unwrap_or_else(|| "when undone".to_owned()),
            fault.seed.to_string(),
        ]
    });
    table(&["ID", "FAULT", "WHERE", "ENDS", "SEED"], rows.collect())
}

fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}
