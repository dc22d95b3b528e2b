//! How far a load is: on a terminal one line with a bar, redrawn each second; else nothing, for the
//! result says it all.

use std::io::{self, IsTerminal as _};

use super::super::printer::Printer;
use super::tables::time;
use crate::model::LoadProgress;

/// Width of the bar.
const BAR: u64 = 20;

/// Shows a run.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    printer: &'a Printer,
    terminal: bool,
    drawn: bool,
}

impl<'a> Progress<'a> {
    pub(super) fn new(printer: &'a Printer) -> Self {
        Self {
            printer,
            terminal: io::stderr().is_terminal(),
            drawn: false,
        }
    }

    /// Shows what is new.
    pub(super) fn show(&mut self, now: &LoadProgress) {
        if self.terminal {
            self.drawn = true;
            self.printer.draw(&format!("\r\x1b[2K{}", line(now)));
        }
    }

    /// Takes the line away: the result says more.
    pub(super) fn end(&self) {
        if self.drawn {
            self.printer.draw("\r\x1b[2K");
        }
    }
}

fn line(now: &LoadProgress) -> String {
    let done = (BAR * now.elapsed_ms.min(now.duration_ms)).checked_div(now.duration_ms);
    let done = usize::try_from(done.unwrap_or(BAR)).unwrap_or_default();
    let rest = usize::try_from(BAR).unwrap_or_default() - done;
    format!(
        "[{}{}] {} answers, {:.0}/s, {} failed, half in {}",
        "#".repeat(done),
        "-".repeat(rest),
        now.answered,
        now.rate,
        now.failed,
        time(now.p50),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_fits_a_terminal() {
        let now = LoadProgress {
            elapsed_ms: 5_000,
            duration_ms: 10_000,
            sent: 18_000_000,
            answered: 18_000_000,
            failed: 18_000_000,
            rate: 5000.0,
            p50: 999_999,
            p99: 999_999,
        };
        let line = line(&now);
        assert!(
            line.starts_with("[##########----------] 18000000 answers, 5000/s"),
            "{line}"
        );
        assert!(line.chars().count() < 80, "{line}");
    }
}
