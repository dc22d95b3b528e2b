//! The command within the program: arguments in, the running lab's films, output by the printer.

use std::io;
use std::time::Duration;

use super::super::arguments::Global;
use super::super::printer::{Failure, Printer};
use super::{FilmSource, LabAddress, Output, Style, TraceArgs, TraceError, run, show_saved};
use crate::client::Client;
use crate::model::{Film, TraceId};

/// How long the lab may wait for the last hop to tell. Pods tell within milliseconds; a machine
/// that is busy enough for more shows what there is.
const PATIENCE: Duration = Duration::from_secs(3);

pub(in crate::cli) async fn command(
    args: &TraceArgs,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let mut shown = Vec::new();
    let style = Style::detect(columns(), |name| std::env::var(name).ok());
    let json = printer.is_json();
    if let Some(path) = &args.open {
        let mut output = Output {
            out: &mut shown,
            err: &mut io::stderr(),
            style,
            json,
        };
        show_saved(path, &mut output)?;
        return printer.bytes(&shown);
    }
    let client = Client::find(&global.folder()?)?;
    let status = serde_json::to_value(client.status().await?)
        .map_err(|error| Failure::from_error(&error))?;
    let lab = LabAddress::from_status(&status)?;
    let output = Output {
        out: &mut shown,
        // At once, so that a request that hangs has been seen to leave.
        err: &mut io::stderr(),
        style,
        json,
    };
    run(args, &lab, &RunningLab(client), output).await?;
    printer.bytes(&shown)
}

struct RunningLab(Client);

impl FilmSource for RunningLab {
    async fn film(&self, trace: TraceId) -> Result<Option<Film>, String> {
        self.0
            .film(trace, PATIENCE)
            .await
            .map_err(|error| error.to_string())
    }
}

impl From<TraceError> for Failure {
    fn from(error: TraceError) -> Self {
        let mut failure = Self::from_error(&error);
        if let Some(hint) = error.hint() {
            failure = failure.hint(hint);
        }
        match error {
            TraceError::Print(error) => error.into(),
            TraceError::Usage(_) => failure.usage(),
            _ => failure,
        }
    }
}

/// The width of stdout, if it is a terminal.
fn columns() -> Option<usize> {
    use std::io::IsTerminal as _;
    let stdout = io::stdout();
    if !stdout.is_terminal() {
        return None;
    }
    #[cfg(unix)]
    if let Ok(size) = rustix::termios::tcgetwinsize(&stdout)
        && size.ws_col > 0
    {
        return Some(size.ws_col.into());
    }
    Some(80)
}
