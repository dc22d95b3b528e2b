//! The command line: one file a command, one printer for everything that is shown.
//!
//! Data goes to stdout, the rest to stderr. Exit code 0: done. 1: it did not work. 2: the command
//! line or the config is wrong.

mod arguments;
mod cert;
mod check;
mod completions;
mod connections;
mod down;
mod kill;
mod logging;
mod logs;
mod printer;
mod progress;
mod reasons;
mod reload;
mod scale;
mod status;
pub mod trace;
mod trust;
mod up;
mod view;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Builder;

use crate::app;
use arguments::{Arguments, Command};
use printer::Printer;

pub use printer::Failure;

/// Runs the command that the process was started with.
pub fn run() -> ExitCode {
    // clap itself prints mistakes of the command line, and exits with 2.
    let arguments = Arguments::parse();
    let printer = Printer::new(arguments.global.output);
    match dispatch(arguments, &printer) {
        Ok(code) => code,
        Err(failure) => printer.failure(&failure),
    }
}

fn dispatch(arguments: Arguments, printer: &Printer) -> Result<ExitCode, Failure> {
    let global = &arguments.global;
    // A call of the admin API needs no second thread, and neither does a pod: many of them share
    // the cores of a laptop.
    let single = || Builder::new_current_thread().enable_all().build();
    let server = || Builder::new_multi_thread().enable_all().build();
    match arguments.command {
        Command::Up(up) if up.runs_the_lab() => server()?.block_on(up::run(&up, global, printer)),
        Command::Up(up) => single()?.block_on(up::run(&up, global, printer)),
        Command::Down(down) => single()?.block_on(down::run(&down, global, printer)),
        Command::Status => single()?.block_on(status::run(global, printer)),
        Command::Scale(scale) => single()?.block_on(scale::run(&scale, global, printer)),
        Command::Cert(cert) => single()?.block_on(cert::run(&cert, global, printer)),
        Command::Trust(trust) => trust::run(&trust, global, printer),
        Command::Reload => single()?.block_on(reload::run(global, printer)),
        Command::Connections(wish) => single()?.block_on(connections::run(&wish, global, printer)),
        Command::Kill(kill) => single()?.block_on(kill::run(&kill, global, printer)),
        Command::Logs(logs) => single()?.block_on(logs::run(&logs, global, printer)),
        Command::Trace(args) => single()?.block_on(trace::command(&args, global, printer)),
        Command::Check(check) => check::run(&check, global, printer),
        Command::Completions(wish) => completions::run(&wish, printer),
        Command::Pod => Ok(single()?.block_on(app::pod())?),
        Command::Node => {
            let runtime = server()?;
            let ended = runtime.block_on(app::node());
            // A read of standard input that has begun cannot be taken back; do not wait for it.
            runtime.shutdown_background();
            Ok(ended?)
        }
        Command::Exec { command } => {
            let code = single()?.block_on(app::exec(command))?;
            return Ok(ExitCode::from(u8::try_from(code).unwrap_or(1)));
        }
    }
    .map(|()| ExitCode::SUCCESS)
}
