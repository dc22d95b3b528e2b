//! `lab check [FILE]`

use std::path::PathBuf;

use clap::Args;

use super::arguments::Global;
use super::printer::{Failure, Printer};
use crate::app;
use crate::config;

/// What can be checked.
#[derive(Debug, Args)]
pub(super) struct CheckArguments {
    /// The file [default: --config, else ./lab.toml, else the built-in default]
    file: Option<PathBuf>,
}

pub(super) fn run(
    arguments: &CheckArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let file = arguments.file.as_deref().or(global.config.as_deref());
    let config = config::load(file, &global.overrides())?;
    for warning in &config.warnings {
        printer.warn(warning);
    }
    for warning in app::warnings(&config) {
        printer.warn(warning);
    }
    let name = match &config.file {
        Some(file) => file.display().to_string(),
        None => "the built-in default".to_owned(),
    };
    printer.note(&format!("ok: {name}"));
    printer.data(&config, || config.summary())
}
