//! What happens while one waits: on a terminal a list that is redrawn, else a line for each change.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{self, IsTerminal as _};

use super::printer::Printer;
use super::view;
use crate::model::Status;

/// Width of a terminal that does not tell its own.
const WIDTH: usize = 80;

/// Shows how pods come and go.
#[derive(Debug)]
pub(super) struct Progress<'a> {
    printer: &'a Printer,
    /// Only pods of this Service or Deployment, if one is named.
    service: Option<&'a str>,
    terminal: bool,
    shown: BTreeMap<String, String>,
    drawn: usize,
}

impl<'a> Progress<'a> {
    pub(super) fn new(printer: &'a Printer, service: Option<&'a str>) -> Self {
        Self {
            printer,
            service,
            terminal: io::stderr().is_terminal(),
            shown: BTreeMap::new(),
            drawn: 0,
        }
    }

    /// Shows what is new.
    pub(super) fn show(&mut self, now: &Status) {
        let states: BTreeMap<String, String> = now
            .pods
            .iter()
            .filter(|pod| {
                let owners = [pod.service.as_deref(), Some(&*pod.deployment)];
                self.service.is_none_or(|name| owners.contains(&Some(name)))
            })
            .map(|pod| (pod.name.clone(), view::state(pod)))
            .collect();
        if self.terminal {
            if states != self.shown {
                self.redraw(&states);
            }
        } else {
            self.tell(&states);
        }
        self.shown = states;
    }

    fn tell(&self, states: &BTreeMap<String, String>) {
        for (name, state) in states {
            if self.shown.get(name) != Some(state) {
                self.printer.note(&format!("pod {name}: {state}"));
            }
        }
        for name in self.shown.keys() {
            if !states.contains_key(name) {
                self.printer.note(&format!("pod {name}: gone"));
            }
        }
    }

    fn redraw(&mut self, states: &BTreeMap<String, String>) {
        let text = drawing(states, self.drawn, width());
        self.drawn = states.len();
        self.printer.draw(&text);
    }
}

/// The list, drawn over `drawn` lines of an earlier one.
fn drawing(states: &BTreeMap<String, String>, drawn: usize, width: usize) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    if drawn > 0 {
        let _ = write!(text, "\x1b[{drawn}A");
    }
    let names = states.keys().map(|name| name.chars().count()).max();
    let names = names.unwrap_or_default();
    for (name, state) in states {
        // What comes from a pod may hold control characters, and a wrapped line would spoil the
        // count.
        let line: String = format!("  {name:<names$}  {state}")
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(width.saturating_sub(1))
            .collect();
        let _ = writeln!(text, "\x1b[2K{line}");
    }
    // Lines of pods that are gone.
    text.push_str("\x1b[J");
    text
}

#[cfg(unix)]
fn width() -> usize {
    match rustix::termios::tcgetwinsize(io::stderr()) {
        Ok(size) if size.ws_col > 0 => usize::from(size.ws_col),
        _ => WIDTH,
    }
}

#[cfg(not(unix))]
fn width() -> usize {
    WIDTH
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_drawn_over_the_one_before() {
        let state = |name: &str, state: &str| (name.to_owned(), state.to_owned());
        let states = BTreeMap::from([state("a", "ready"), state("bcd", "crashed: \x1b[2J boom")]);
        let lines = "\x1b[2K  a    ready\n\x1b[2K  bcd  crashed:  [2\n\x1b[J";
        assert_eq!(drawing(&states, 0, 20), lines);
        assert_eq!(drawing(&states, 3, 20), format!("\x1b[3A{lines}"));
    }
}
