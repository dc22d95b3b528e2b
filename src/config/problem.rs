//! A mistake in a config: where it is, what was written, why it will not do, and what will.

use std::fmt;
use std::sync::Arc;

use serde::Serialize;

/// Where something was written.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Place {
    /// The file as it was named, or another origin such as the command line.
    pub file: Arc<str>,
    /// From 1; 0 where there are no lines.
    pub line: usize,
    /// In characters, from 1; 0 where there are none.
    pub column: usize,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// Where.
    pub place: Place,
    /// `[services.inventory]`; empty at the top.
    pub section: String,
    /// `replicas`, or a path such as `rules[0].host`; empty for a mistake in the form itself.
    pub key: String,
    /// What was written, as TOML, shortened; empty if nothing was.
    pub value: String,
    /// Why it will not do.
    pub message: String,
    /// What will; may be empty.
    pub remedy: String,
}

/// All mistakes of a config, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.file)?;
        if self.line > 0 {
            write!(formatter, ":{}:{}", self.line, self.column)?;
        }
        Ok(())
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}: ", self.place)?;
        let subject = match (self.section.as_str(), self.key.as_str()) {
            ("", key) => key.to_owned(),
            (section, "") => section.to_owned(),
            (section, key) => format!("{section} {key}"),
        };
        match (subject.as_str(), self.value.as_str()) {
            ("", _) => {}
            (subject, "") => write!(formatter, "{subject}: ")?,
            (subject, value) => write!(formatter, "{subject} = {value}: ")?,
        }
        formatter.write_str(&self.message)?;
        if !self.remedy.is_empty() {
            write!(formatter, "; {}", self.remedy)?;
        }
        Ok(())
    }
}

impl From<Problem> for Problems {
    fn from(problem: Problem) -> Self {
        Self(vec![problem])
    }
}
