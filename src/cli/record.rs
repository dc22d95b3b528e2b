//! `lab record FILE`: the session that the ingress sees, for `lab replay`.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::arguments::Global;
use super::printer::{Failure, Printer};
use crate::client::Client;

/// What is recorded, and for how long.
#[derive(Debug, Args)]
pub(super) struct RecordArguments {
    /// A new file: one JSON document a line, the first with the version of the format
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// End by itself after so long, such as 30s or 5m [default: Ctrl-C ends it]
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    time: Option<Duration>,
    /// Write down Authorization, cookies and the like too; the file is then as good as a password
    #[arg(long)]
    with_secrets: bool,
}

pub(super) async fn run(
    arguments: &RecordArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    let shown = arguments.file.display();
    let failed = |error: std::io::Error| {
        Failure::new(format!("cannot write {shown}: {error}"))
            .hint("name a file that does not exist yet, in a folder of yours")
    };
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut lines = client.recording(arguments.with_secrets).await?;
    let mut file = options.open(&arguments.file).map_err(failed)?;
    let over = async {
        match arguments.time {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    tokio::pin!(over);
    printer.note("recording; Ctrl-C ends it");
    let (mut count, mut missed) = (0_u64, 0);
    loop {
        let line = tokio::select! {
            line = lines.next() => line?,
            () = &mut over => None,
            _ = tokio::signal::ctrl_c() => None,
        };
        let Some(line) = line else { break };
        writeln!(file, "{line}").map_err(failed)?;
        if line.get("request").is_some() {
            count += 1;
        }
        missed += line
            .get("missed")
            .and_then(serde_json::Value::as_u64)
            .unwrap_or(0);
    }
    if missed > 0 {
        printer.warn(format!(
            "{missed} requests came too fast and are not in the file"
        ));
    }
    let told = serde_json::json!({ "file": arguments.file, "requests": count, "missed": missed });
    printer.data(&told, || format!("{count} requests in {shown}"))
}

/// `500ms`, `30s`, `5m` or `1h`.
fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || "write a number and ms, s, m or h, such as 30s".to_owned();
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let millis = match unit {
        "ms" => 1,
        "s" => 1000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    number
        .checked_mul(millis)
        .map(Duration::from_millis)
        .ok_or_else(wrong)
}
