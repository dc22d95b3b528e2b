//! `lab logs [SERVICE|POD] [-f]`

use std::fmt::Write as _;

use clap::Args;

use super::arguments::Global;
use super::printer::{Failure, Printer};
use super::view;
use crate::client::{Client, ClientError, LogQuery};
use crate::config;
use crate::model::{LogLine, Status};

/// Whose lines, and which.
#[derive(Debug, Args)]
pub(super) struct LogsArguments {
    /// A Service, a Deployment without one, a pod, or "ingress" for its access log [default: all]
    #[arg(value_name = "SERVICE|POD")]
    whose: Option<String>,
    /// Go on with lines as they are written
    #[arg(short, long)]
    follow: bool,
    /// How many of the last lines
    #[arg(long, value_name = "N", default_value_t = 50)]
    tail: usize,
}

pub(super) async fn run(
    arguments: &LogsArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    let status = client.status().await?;
    let mut query = LogQuery {
        tail: arguments.tail,
        follow: arguments.follow,
        ..LogQuery::default()
    };
    let mut one_pod = false;
    if let Some(name) = &arguments.whose {
        if name == "ingress" || view::programs(&status).any(|known| known == name) {
            query.service = Some(name.clone());
        } else {
            // Also a pod that is gone may have left lines.
            query.pod = Some(name.clone());
            one_pod = true;
        }
    }
    let mut lines = match client.logs(&query).await {
        Err(error @ ClientError::Refused { status: 404, .. }) => {
            let name = arguments.whose.as_deref().unwrap_or_default();
            return Err(unknown(&status, name, error));
        }
        other => other?,
    };
    while let Some(line) = lines.next().await? {
        if printer.is_json() {
            let json = serde_json::to_string(&line).map_err(|error| Failure::from_error(&error))?;
            printer.line(&json)?;
        } else {
            printer.line(&text(&line, one_pod))?;
        }
    }
    Ok(())
}

/// A line for people: structured lines as level, message and fields, others as they are.
fn text(line: &LogLine, one_pod: bool) -> String {
    let reading = line.reading();
    let mut text = String::new();
    if !one_pod {
        text.push_str(&line.pod);
        text.push_str(" | ");
    }
    if let Some(level) = &reading.level {
        text.push_str(level);
        text.push(' ');
    }
    text.push_str(&reading.message);
    for (name, value) in &reading.fields {
        // Writing to a String cannot fail.
        let _ = write!(text, " {name}={value}");
    }
    // A pod must not be able to move the cursor of whoever reads it.
    text.replace(|c: char| c.is_control() && c != '\t', " ")
}

/// A refusal with the name that was probably meant.
fn unknown(status: &Status, name: &str, error: ClientError) -> Failure {
    let pods = status.pods.iter().map(|pod| pod.name.as_str());
    match config::nearest(name, view::programs(status).chain(pods)) {
        Some(near) => Failure::from(error).hint(format!("did you mean {near}?")),
        None => Failure::from(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::OutputStream;

    #[test]
    fn structured_lines_are_told_in_words() {
        let line = LogLine {
            time: 0,
            pod: "inventory-x".into(),
            stream: OutputStream::Stdout,
            text: r#"{"level":"INFO","message":"listening\u001b[2J","port":50051}"#.into(),
        };
        assert_eq!(
            text(&line, false),
            "inventory-x | INFO listening [2J port=50051"
        );
        assert_eq!(text(&line, true), "INFO listening [2J port=50051");
    }
}
