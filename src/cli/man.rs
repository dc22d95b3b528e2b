//! `lab man DIR`: a page for `man` of each command.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};

use super::arguments::Arguments;
use super::printer::{Failure, Printer};

/// Where to.
#[derive(Debug, Args)]
pub(super) struct ManArguments {
    /// The folder, such as ~/.local/share/man/man1; it is made where there is none
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(arguments: &ManArguments, printer: &Printer) -> Result<(), Failure> {
    let folder = &arguments.folder;
    let written = std::fs::create_dir_all(folder)
        .and_then(|()| clap_mangen::generate_to(Arguments::command(), folder));
    written.map_err(|error| {
        Failure::new(format!("cannot write into {}: {error}", folder.display()))
            .hint("name a folder of your own")
    })?;
    printer.note(&format!(
        "read them with: man {}",
        folder.join("lab.1").display()
    ));
    Ok(())
}
