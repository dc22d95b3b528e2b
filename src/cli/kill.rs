//! `lab kill POD`

use clap::Args;

use super::arguments::Global;
use super::printer::{Failure, Printer};
use crate::client::{Client, ClientError};
use crate::config;

/// What to break.
#[derive(Debug, Args)]
pub(super) struct KillArguments {
    /// Name of the pod, as lab status shows it
    pod: String,
}

pub(super) async fn run(
    arguments: &KillArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    let killed = match client.kill(&arguments.pod).await {
        Err(error @ ClientError::Refused { status: 404, .. }) => {
            let failure = Failure::from(error);
            let status = client.status().await?;
            let names = status.pods.iter().map(|pod| pod.name.as_str());
            return Err(match config::nearest(&arguments.pod, names) {
                Some(near) => failure.hint(format!("did you mean {near}?")),
                None => failure,
            });
        }
        other => other?,
    };
    printer.data(&killed, || {
        format!("pod {} is killed; the lab starts it again", killed.pod)
    })
}
