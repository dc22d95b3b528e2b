//! One value of a [`Section`]: read as what it should be, or refused.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::names;
use super::problem::Problem;
use super::raw::{Item, Node};
use super::section::{Reader, Section, Syntax};
use super::suggest::nearest;

/// A value that is being read.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    pub(super) reader: &'a Reader,
    pub(super) node: &'a Node,
    /// Of the section around it.
    pub(super) head: String,
    /// Key as it is shown, such as `rules[0].host`.
    pub(super) key: String,
    /// The key with `*` for names.
    pub(super) shape: String,
}

impl<'a> Field<'a> {
    /// The key as it is shown.
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    /// The `name` inside, if the value is a table that has one.
    pub(super) fn name(&self) -> Option<&'a str> {
        super::merge::name_of(self.node)
    }

    /// Whether the value comes from the built-in default.
    pub(super) fn is_default(&self) -> bool {
        &*self.node.place.file == super::DEFAULT_NAME
    }

    /// Reports that the value will not do.
    pub(super) fn refuse(&self, message: impl Into<String>, remedy: impl Into<String>) {
        self.reader.report(self.problem(message, remedy));
    }

    /// Notes that the value is probably not meant.
    pub(super) fn warn(&self, message: impl Into<String>, remedy: impl Into<String>) {
        self.reader.note(self.problem(message, remedy));
    }

    fn problem(&self, message: impl Into<String>, remedy: impl Into<String>) -> Problem {
        // A password does not belong into a terminal's scrollback or a bug report.
        let secret = self.key.contains("password")
            || self.key.starts_with("env.")
            || self.head.starts_with("Secret");
        let value = if secret {
            "…".to_owned()
        } else {
            self.node.shown()
        };
        Problem {
            place: self.node.place.clone(),
            section: self.head.clone(),
            key: self.key.clone(),
            value,
            message: message.into(),
            remedy: remedy.into(),
        }
    }

    /// A remedy: the key with another value, in the syntax of its file. `toml` has quotes where
    /// TOML needs them.
    fn written(&self, toml: &str) -> String {
        match self.reader.syntax {
            Syntax::Toml => format!("{} = {toml}", self.key),
            Syntax::Yaml => format!("{}: {}", self.key, toml.replace('"', "")),
        }
    }

    /// The remedy for what is not text: YAML reads numbers and flags where quotes are forgotten.
    fn as_text(&self) -> String {
        match (self.reader.syntax, &self.node.item) {
            (Syntax::Yaml, Item::Integer(_) | Item::Float(_) | Item::Boolean(_)) => {
                format!("write {}: \"{}\", with quotes", self.key, self.node.item)
            }
            _ => format!("write {}", self.written("\"…\"")),
        }
    }

    /// Whether exactly this text was written.
    pub(super) fn is_text(&self, text: &str) -> bool {
        matches!(&self.node.item, Item::Text(written) if written == text)
    }

    /// Text, possibly empty.
    pub(super) fn text(&self) -> Option<&'a str> {
        let Item::Text(text) = &self.node.item else {
            self.refuse("must be text", self.as_text());
            return None;
        };
        Some(text)
    }

    /// Text that is not empty.
    pub(super) fn words(&self) -> Option<&'a str> {
        let text = self.text()?;
        if text.trim().is_empty() {
            self.refuse("must not be empty", "leave the key out for the default");
            return None;
        }
        Some(text)
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self) -> Option<bool> {
        let Item::Boolean(flag) = self.node.item else {
            self.refuse(
                "must be true or false, without quotes",
                format!("write {}", self.written("true")),
            );
            return None;
        };
        Some(flag)
    }

    /// Whether a number was written.
    pub(super) fn is_number(&self) -> bool {
        matches!(self.node.item, Item::Integer(_))
    }

    /// A whole number within limits.
    pub(super) fn number<T: TryFrom<i64>>(&self, limits: RangeInclusive<i64>) -> Option<T> {
        let (low, high) = (*limits.start(), *limits.end());
        let number = match self.node.item {
            Item::Integer(number) if limits.contains(&number) => T::try_from(number).ok(),
            _ => None,
        };
        if number.is_none() {
            let example = low.max(2).min(high);
            self.refuse(
                format!("must be {low} to {high}"),
                format!(
                    "write a number, for example {}",
                    self.written(&example.to_string())
                ),
            );
        }
        number
    }

    /// A port that something can listen on.
    pub(super) fn port(&self) -> Option<u16> {
        match self.node.item {
            Item::Integer(port) if (1..=i64::from(u16::MAX)).contains(&port) => {
                u16::try_from(port).ok()
            }
            _ => {
                self.refuse(
                    "must be a port, 1 to 65535",
                    format!("write a number, for example {}", self.written("8080")),
                );
                None
            }
        }
    }

    /// One of some words.
    pub(super) fn choice<T: Copy>(&self, words: &[(&str, T)]) -> Option<T> {
        let text = self.text()?;
        let found = words.iter().find(|(word, _)| *word == text);
        if let Some((_, choice)) = found {
            return Some(*choice);
        }
        let all: Vec<_> = words
            .iter()
            .map(|(word, _)| format!("\"{word}\""))
            .collect();
        let remedy = match nearest(text, words.iter().map(|(word, _)| *word)) {
            Some(near) => format!("did you mean \"{near}\"?"),
            None => format!("write {}", self.written(&all[0])),
        };
        self.refuse(format!("must be {}", all.join(" or ")), remedy);
        None
    }

    /// A duration such as `30s`.
    pub(super) fn duration(&self) -> Option<Duration> {
        let duration = match &self.node.item {
            Item::Text(text) => names::duration(text),
            _ => None,
        };
        if duration.is_none() {
            self.refuse(
                "must be a duration with its unit (ms, s, m or h)",
                format!("write {}", self.written("\"30s\"")),
            );
        }
        duration
    }

    /// The values of an array.
    pub(super) fn list(&self) -> Vec<Field<'a>> {
        let Item::Array(nodes) = &self.node.item else {
            self.refuse("must be a list", format!("write {}", self.written("[ … ]")));
            return Vec::new();
        };
        nodes
            .iter()
            .enumerate()
            .map(|(index, node)| Field {
                node,
                key: format!("{}[{index}]", self.key),
                ..self.clone()
            })
            .collect()
    }

    /// A list of texts; those that are not are reported and left out.
    pub(super) fn texts(&self) -> Vec<(&'a str, Field<'a>)> {
        self.list()
            .into_iter()
            .filter_map(|field| Some((field.words()?, field)))
            .collect()
    }

    /// A list of texts, of which some may be empty.
    pub(super) fn arguments(&self) -> Vec<String> {
        let fields = self.list().into_iter();
        fields
            .filter_map(|field| field.text().map(str::to_owned))
            .collect()
    }

    /// A table as a JSON object, whatever is in it.
    pub(super) fn object(&self) -> Option<serde_json::Value> {
        if !matches!(self.node.item, Item::Table(_)) {
            self.refuse(
                "must be a table",
                format!("write {}", self.written("{ … }")),
            );
            return None;
        }
        Some(self.node.item.to_json())
    }

    /// The table itself, under the head of the one around it, or under its own at the top.
    pub(super) fn section(&self) -> Option<Section<'a>> {
        if self.head.is_empty() {
            return self.section_headed(format!("[{}]", self.key));
        }
        let section = self.section_headed(self.head.clone())?;
        Some(section.inside(&self.key))
    }

    /// The table under a head of its own.
    pub(super) fn section_headed(&self, head: String) -> Option<Section<'a>> {
        let Item::Table(table) = &self.node.item else {
            self.refuse(
                "must be a table",
                format!("write {}", self.written("{ … }")),
            );
            return None;
        };
        Some(Section::new(
            self.reader,
            table,
            self.node.place.clone(),
            head,
            format!("{}.", self.shape),
        ))
    }
}
