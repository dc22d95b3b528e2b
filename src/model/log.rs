//! A line that a pod wrote, and how to read it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One line of a pod's output, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogLine {
    /// Microseconds since the Unix epoch when the lab read it.
    pub time: u64,
    /// The pod (or `node`).
    pub pod: String,
    /// Which of its two outputs.
    pub stream: OutputStream,
    /// Without the line feed.
    pub text: String,
}

/// The two outputs of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutputStream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// What a log line says, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reading {
    /// `INFO`, `WARN` …, if the line is structured.
    pub level: Option<String>,
    /// The message, or the whole line if it is not structured.
    pub message: String,
    /// The other fields, in the order in which they were written.
    pub fields: Vec<(String, String)>,
}

/// Fields of a structured line that are shown elsewhere, or of no interest to people.
const FRAME: [&str; 5] = ["timestamp", "level", "target", "message", "fields"];

impl LogLine {
    /// Reads a structured line (one JSON object with `level` and `message`, flat or under
    /// `fields`); any other line is its own message.
    pub fn reading(&self) -> Reading {
        self.structured().unwrap_or_else(|| Reading {
            message: self.text.clone(),
            ..Reading::default()
        })
    }

    fn structured(&self) -> Option<Reading> {
        if !self.text.starts_with('{') {
            return None;
        }
        let Ok(Value::Object(object)) = serde_json::from_str(&self.text) else {
            return None;
        };
        let nested = object.get("fields").and_then(Value::as_object);
        let message = object
            .get("message")
            .or_else(|| nested?.get("message"))
            .map(words)?;
        let fields = nested
            .into_iter()
            .flatten()
            .chain(&object)
            .filter(|(name, _)| !FRAME.contains(&name.as_str()))
            .map(|(name, value)| (name.clone(), words(value)))
            .collect();
        Some(Reading {
            level: object.get("level").map(words),
            message,
            fields,
        })
    }
}

/// A value without the quotes that JSON puts around texts.
fn words(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(text: &str) -> Reading {
        LogLine {
            time: 0,
            pod: "inventory-a".into(),
            stream: OutputStream::Stdout,
            text: text.into(),
        }
        .reading()
    }

    #[test]
    fn flat_and_nested_structured_lines_read_the_same() {
        let expected = Reading {
            level: Some("INFO".into()),
            message: "listening".into(),
            fields: vec![("port".into(), "50051".into())],
        };
        let flat =
            r#"{"timestamp":"t","level":"INFO","message":"listening","port":50051,"target":"lab"}"#;
        assert_eq!(reading(flat), expected);
        let nested = r#"{"level":"INFO","fields":{"message":"listening","port":50051}}"#;
        assert_eq!(reading(nested), expected);
    }

    #[test]
    fn any_other_line_is_its_own_message() {
        for text in ["", "{", "plain", r#"{"no":"message"}"#, "{}", "[1]"] {
            assert_eq!(reading(text).message, text);
            assert_eq!(reading(text).level, None);
        }
    }
}
