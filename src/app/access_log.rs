//! The ingress' access log on its way into the log book, where `lab logs` finds it.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc;

use crate::config::{AccessLogChoice, Config, Controller};
use crate::ingress::{AccessFormat, AccessLine, AccessLog};
use crate::model::OutputStream;
use crate::trace::LogBook;

/// Lines that may wait; what finds no room is lost, and no request waits for it.
const WAITING: usize = 8192;

/// The log that the config asks for, if it asks for one, and the end where its lines arrive.
pub(super) fn open(config: &Config) -> (Option<AccessLog>, mpsc::Receiver<AccessLine>) {
    let (lines, written) = mpsc::channel(WAITING);
    let format = match (config.ingress.access_log, config.ingress.controller) {
        (AccessLogChoice::Off, _) => None,
        (AccessLogChoice::Json, _) => Some(AccessFormat::Json),
        (AccessLogChoice::Flavour, Controller::Traefik) => Some(AccessFormat::Traefik),
        (AccessLogChoice::Flavour, Controller::Nginx) => Some(AccessFormat::Nginx),
    };
    (format.map(|format| AccessLog::new(format, lines)), written)
}

/// Writes lines down as those of the replicas. Never ends.
pub(super) async fn keep(mut lines: mpsc::Receiver<AccessLine>, book: &LogBook) {
    while let Some((replica, line)) = lines.recv().await {
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_micros();
        let now = u64::try_from(now).unwrap_or(u64::MAX);
        book.push(now, &replica, OutputStream::Stdout, &line);
    }
    // Nobody writes: there is no log.
    std::future::pending::<()>().await;
}
