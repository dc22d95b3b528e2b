//! `lab reload`

use super::arguments::Global;
use super::printer::{Failure, Printer};
use crate::client::{Client, ClientError};
use crate::model::ReloadAnswer;

/// HTTP's status for files that cannot be used.
const UNUSABLE: u16 = 422;

pub(super) async fn run(global: &Global, printer: &Printer) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    let answer = client.reload().await.map_err(|error| match error {
        ClientError::Refused { status, .. } if status == UNUSABLE => Failure::from(error).usage(),
        error => error.into(),
    })?;
    for warning in &answer.warnings {
        printer.warn(warning);
    }
    for key in &answer.needs_restart {
        printer.warn(format!(
            "{key} cannot change while the lab runs; it needs lab down and lab up"
        ));
    }
    printer.data(&answer, || changes(&answer))
}

fn changes(answer: &ReloadAnswer) -> String {
    if answer.changes.is_empty() {
        return "nothing has changed".to_owned();
    }
    let lines: Vec<_> = answer.changes.iter().map(ToString::to_string).collect();
    lines.join("\n")
}
