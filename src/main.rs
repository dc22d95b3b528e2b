//! The `lab` binary.

use std::process::ExitCode;

use lab::pods::child;

/// Runs what pods need; the command line takes its place.
fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().is_none_or(|word| word != "exec") {
        return ExitCode::from(2);
    }
    let command = arguments.skip_while(|word| word == "--").collect();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return ExitCode::FAILURE;
    };
    match runtime.block_on(child::exec(command)) {
        Ok(code) => ExitCode::from(u8::try_from(code).unwrap_or(1)),
        Err(_) => ExitCode::from(127),
    }
}
