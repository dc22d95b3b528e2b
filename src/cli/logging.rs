//! Where the lab's own process writes what it does: `lab.log` in its state folder.

use std::fs::File;
use std::io;
use std::sync::Mutex;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::writer::BoxMakeWriter;

/// Chooses what is written, such as `debug` or `lab::ingress=trace`.
const VARIABLE: &str = "LAB_LOG";
const LEVEL: &str = "info";

/// Starts writing, to `file` or else to stderr (which is the file for a lab in the background).
pub(super) fn start(file: Option<File>) {
    let filter = EnvFilter::try_from_env(VARIABLE).unwrap_or_else(|_| EnvFilter::new(LEVEL));
    let writer = match file {
        Some(file) => BoxMakeWriter::new(Mutex::new(file)),
        None => BoxMakeWriter::new(io::stderr),
    };
    // Only a second start in the same process fails, and then the first one serves.
    let _ = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(false)
        .with_writer(writer)
        .try_init();
}
