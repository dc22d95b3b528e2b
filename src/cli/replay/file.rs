//! Reads a recording, and says which line of it cannot be used.

use std::path::Path;

use super::super::printer::Failure;
use crate::model::{RECORDING, Recorded, RecordingHead};

/// A recording.
#[derive(Debug)]
pub(super) struct Recording {
    pub(super) requests: Vec<Recorded>,
}

pub(super) fn read(file: &Path) -> Result<Recording, Failure> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::new(format!("cannot read {shown}: {error}")).usage())?;
    parse(&text).map_err(|(line, problem)| {
        Failure::new(format!("{shown}, line {line}: {problem}"))
            .hint("lab record writes such files")
            .usage()
    })
}

/// The error is a line, counted from 1, and what is wrong with it.
fn parse(text: &str) -> Result<Recording, (usize, String)> {
    let mut lines = text.lines().zip(1..);
    let (first, _) = lines.next().ok_or((1, "it is empty".to_owned()))?;
    let head: RecordingHead =
        serde_json::from_str(first).map_err(|_| (1, "it is no recording of a lab's".to_owned()))?;
    if head.lab_recording != RECORDING {
        let told = format!(
            "the recording has version {}, and this lab reads version {RECORDING}",
            head.lab_recording
        );
        return Err((1, told));
    }
    let mut requests = Vec::new();
    for (line, number) in lines {
        let value: serde_json::Value =
            serde_json::from_str(line).map_err(|error| (number, error.to_string()))?;
        if value.get("missed").is_none() {
            let recorded = serde_json::from_value(value);
            requests.push(recorded.map_err(|error| (number, error.to_string()))?);
        }
    }
    Ok(Recording { requests })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recording_that_cannot_be_read_says_where() {
        let head = format!(r#"{{"lab_recording":{RECORDING},"lab":"lab","flavour":"traefik"}}"#);
        let recorded = serde_json::to_string(&Recorded::default()).unwrap();
        let good = format!("{head}\n{recorded}\n{{\"missed\":3}}\n{recorded}\n");
        assert_eq!(parse(&good).unwrap().requests.len(), 2);
        for (text, line) in [
            (String::new(), 1),
            ("{}\n".to_owned(), 1),
            (head.replace(":1,", ":9,"), 1),
            (format!("{head}\n{recorded}\n{{\n"), 3),
            (format!("{head}\n{{\"at\":1}}\n"), 2),
        ] {
            assert_eq!(parse(&text).unwrap_err().0, line, "{text}");
        }
    }
}
