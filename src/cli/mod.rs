//! The command line: one file a command, one printer for everything that is shown.
//!
//! Data goes to stdout, the rest to stderr. Exit code 0: done. 1: it did not work. 2: the command
//! line or the config is wrong.

mod arguments;
mod check;
mod completions;
mod printer;

use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use printer::Printer;

pub use printer::Failure;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    // clap itself prints mistakes of the command line, and exits with 2.
    let arguments = Arguments::parse();
    let printer = Printer::new(arguments.global.output);
    match dispatch(arguments, &printer) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => printer.failure(&failure),
    }
}

fn dispatch(arguments: Arguments, printer: &Printer) -> Result<(), Failure> {
    match arguments.command {
        Command::Check(check) => check::run(&check, &arguments.global, printer),
        Command::Completions(wish) => completions::run(&wish, printer),
    }
}
