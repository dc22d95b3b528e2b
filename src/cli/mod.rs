//! The command line: one file a command, one printer for everything that is shown.
//!
//! Data goes to stdout, the rest to stderr. Exit code 0: done. 1: it did not work. 2: the command
//! line or the config is wrong.

mod arguments;
mod check;
mod completions;
mod down;
mod logging;
mod logs;
mod printer;
mod progress;
mod scale;
mod status;
pub mod trace;
mod up;
mod view;

use std::process::ExitCode;

use clap::Parser as _;
use tokio::runtime::Builder;

use crate::app;
use arguments::{Arguments, Command};
use printer::Printer;

pub use printer::Failure;

/// Threads of a pod: enough to keep two cores busy, few enough for many pods on a laptop.
const POD_THREADS: usize = 2;

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
    let global = &arguments.global;
    // A call of the admin API needs no second thread.
    let caller = || Builder::new_current_thread().enable_all().build();
    let server = || Builder::new_multi_thread().enable_all().build();
    match arguments.command {
        Command::Up(up) if up.runs_the_lab() => server()?.block_on(up::run(&up, global, printer)),
        Command::Up(up) => caller()?.block_on(up::run(&up, global, printer)),
        Command::Down(down) => caller()?.block_on(down::run(&down, global, printer)),
        Command::Status => caller()?.block_on(status::run(global, printer)),
        Command::Scale(scale) => caller()?.block_on(scale::run(&scale, global, printer)),
        Command::Logs(logs) => caller()?.block_on(logs::run(&logs, global, printer)),
        Command::Check(check) => check::run(&check, global, printer),
        Command::Completions(wish) => completions::run(&wish, printer),
        Command::Pod => {
            let mut pod = Builder::new_multi_thread();
            let pod = pod.worker_threads(POD_THREADS).enable_all().build()?;
            Ok(pod.block_on(app::pod())?)
        }
        Command::Node => Ok(server()?.block_on(app::node())?),
        Command::Exec { command } => Ok(caller()?.block_on(app::exec(command))?),
    }
}
