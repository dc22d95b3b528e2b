//! Everything that is shown goes through here: data to stdout, the rest to stderr.
//!
//! A reader that went away (`lab logs | head`) ends the command quietly. Colour only repeats what
//! the words say, and is left out with `NO_COLOR` or where stderr is no terminal.

use std::error::Error;
use std::fmt;
use std::io::{self, IsTerminal as _, Write as _};
use std::process::ExitCode;

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use super::arguments::Output;
use crate::app::StartError;
use crate::client::ClientError;
use crate::config::ConfigError;

/// Widest table, in columns: a terminal's oldest width.
const WIDTH: u16 = 80;

/// Exit code of a command line or a config that is wrong, as clap has it.
const USAGE: u8 = 2;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub struct Failure {
    message: String,
    hint: Option<String>,
    code: u8,
}

/// Shows things.
#[derive(Debug)]
pub(super) struct Printer {
    output: Output,
    colour: bool,
}

// === impl Failure ===

impl Failure {
    /// It did not work.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            hint: None,
            code: 1,
        }
    }

    /// What the user can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// An error with all its causes.
    pub fn from_error(error: &(dyn Error + 'static)) -> Self {
        Self::new(chain(error))
    }

    /// The command line or the config is wrong, not the lab.
    #[must_use]
    pub fn usage(mut self) -> Self {
        self.code = USAGE;
        self
    }

    /// The reader of our output went away: nobody is left to be told.
    fn quiet() -> Self {
        Self {
            message: String::new(),
            hint: None,
            code: 0,
        }
    }
}

/// The message of an error and of everything that caused it.
pub(super) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let message = error.to_string();
        // Some libraries repeat the cause in their own message.
        if !text.contains(&message) {
            text.push_str(": ");
            text.push_str(&message);
        }
        cause = error.source();
    }
    text
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Self {
        match &error {
            ConfigError::Read { path, .. } => Self::new(chain(&error))
                .hint(format!("is {} the right file?", path.display()))
                .usage(),
            ConfigError::Invalid(problems) => {
                let count = problems.0.len();
                let plural = if count == 1 { "" } else { "s" };
                Self::new(format!("{count} mistake{plural} in the config\n{problems}"))
                    .hint("lab.toml in the repository explains every key")
                    .usage()
            }
        }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        Self {
            hint: error.hint(),
            ..Self::from_error(&error)
        }
    }
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self {
            hint: error.hint(),
            code: error.exit_code(),
            ..Self::from_error(&error)
        }
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            return Self::quiet();
        }
        Self::new(format!("cannot write: {error}"))
    }
}

// === impl Printer ===

#[expect(
    clippy::unused_self,
    reason = "whoever writes to stdout or stderr holds the printer"
)]
impl Printer {
    pub(super) fn new(output: Output) -> Self {
        let allowed = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self {
            output,
            colour: allowed && io::stderr().is_terminal(),
        }
    }

    /// Whether programs read the output.
    pub(super) fn is_json(&self) -> bool {
        self.output == Output::Json
    }

    /// Data: as JSON where that is asked for, else as text.
    pub(super) fn data(
        &self,
        data: &impl Serialize,
        text: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let shown = if self.is_json() {
            serde_json::to_string_pretty(data).map_err(|error| Failure::from_error(&error))?
        } else {
            text()
        };
        self.line(&shown)
    }

    /// One line of data.
    pub(super) fn line(&self, line: &str) -> Result<(), Failure> {
        self.bytes(format!("{line}\n").as_bytes())
    }

    /// Data as it is.
    pub(super) fn bytes(&self, bytes: &[u8]) -> Result<(), Failure> {
        let mut stdout = io::stdout().lock();
        stdout.write_all(bytes)?;
        Ok(stdout.flush()?)
    }

    /// Something worth knowing that is not the data.
    pub(super) fn note(&self, text: &str) {
        self.tell(text);
    }

    /// Text for a terminal as it is, with no end of line added.
    pub(super) fn draw(&self, text: &str) {
        let mut stderr = io::stderr().lock();
        let _ = stderr
            .write_all(text.as_bytes())
            .and_then(|()| stderr.flush());
    }

    /// Something that is probably not meant.
    pub(super) fn warn(&self, text: impl fmt::Display) {
        let label = self.coloured("33", "warning:");
        self.tell(&format!("{label} {text}"));
    }

    /// Says why it did not work, and gives the exit code.
    pub(super) fn failure(&self, failure: &Failure) -> ExitCode {
        if !failure.message.is_empty() {
            let label = self.coloured("31", "error:");
            self.tell(&format!("{label} {}", failure.message));
        }
        if let Some(hint) = &failure.hint {
            let label = self.coloured("36", "hint:");
            self.tell(&format!("{label} {hint}"));
        }
        ExitCode::from(failure.code)
    }

    /// Words with an ANSI colour, where there is colour.
    pub(super) fn coloured(&self, colour: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{colour}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn tell(&self, text: &str) {
        // Nobody is left to be told that stderr is gone.
        let _ = writeln!(io::stderr().lock(), "{text}");
    }
}

/// A table within 80 columns.
pub(super) fn table(header: &[&str], rows: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table
        .load_style(UTF8_BORDERS_ONLY)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(WIDTH)
        .set_header(header.to_vec());
    for row in rows {
        table.add_row(row);
    }
    table.trim_fmt()
}
