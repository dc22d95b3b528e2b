//! The `lab` binary.

use std::process::ExitCode;

fn main() -> ExitCode {
    lab::cli::run()
}
