//! The command line: one file a command, one printer for everything that is shown.
//!
//! Data goes to stdout, the rest to stderr. Exit code 0: done. 1: it did not work. 2: the command
//! line or the config is wrong.

mod arguments;
mod cert;
mod check;
mod collect;
mod completions;
mod connections;
mod down;
mod export;
mod fault;
mod kill;
mod lesson;
mod load;
mod logging;
mod logs;
mod man;
mod open;
mod paragraphs;
mod port_forward;
mod printer;
mod progress;
mod reasons;
mod record;
mod reload;
mod replay;
mod route;
mod scale;
mod status;
mod top;
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
        Command::Collect(wish) => single()?.block_on(collect::run(&wish, global, printer)),
        Command::Cert(cert) => single()?.block_on(cert::run(&cert, global, printer)),
        Command::Trust(trust) => trust::run(&trust, global, printer),
        Command::Reload => single()?.block_on(reload::run(global, printer)),
        Command::Connections(wish) => single()?.block_on(connections::run(&wish, global, printer)),
        Command::Fault(wish) => single()?.block_on(fault::run(&wish, global, printer)),
        Command::Kill(kill) => single()?.block_on(kill::run(&kill, global, printer)),
        Command::Lesson(wish) => single()?.block_on(lesson::run(&wish, global, printer)),
        Command::Load(wish) => single()?.block_on(load::run(&wish, global, printer)),
        Command::Logs(logs) => single()?.block_on(logs::run(&logs, global, printer)),
        Command::Trace(args) => single()?.block_on(trace::command(&args, global, printer)),
        Command::Open(wish) => single()?.block_on(open::run(&wish, global, printer)),
        Command::Check(check) => check::run(&check, global, printer),
        Command::Route(wish) => single()?.block_on(route::run(&wish, global, printer)),
        Command::Top(wish) => single()?.block_on(top::run(&wish, global, printer)),
        Command::PortForward(wish) => single()?.block_on(port_forward::run(&wish, global, printer)),
        Command::Record(wish) => single()?.block_on(record::run(&wish, global, printer)),
        Command::Replay(wish) => single()?.block_on(replay::run(&wish, global, printer)),
        Command::Export(wish) => single()?.block_on(export::run(&wish, global, printer)),
        Command::Completions(wish) => completions::run(&wish, printer),
        Command::Man(wish) => man::run(&wish, printer),
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
