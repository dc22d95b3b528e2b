//! Reads values out of a [`RawConfig`](super::raw::RawConfig) and collects what is wrong with them.
//!
//! A getter that returns `None` after a mistake has already reported it, so callers go on with a
//! default and the next mistake is found as well. A [`Section`] remembers which keys were asked
//! for; [`Section::finish`] refuses all others.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::names;
use super::problem::{Place, Problem, Problems};
use super::raw::{Item, Node, Table};
use super::settings::Config;
use super::suggest::nearest;

/// Collects what was found while reading.
#[derive(Debug, Default)]
pub(super) struct Reader {
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    known: RefCell<BTreeSet<String>>,
}

/// A table that is being read.
#[derive(Debug)]
pub(super) struct Section<'a> {
    reader: &'a Reader,
    table: &'a Table,
    place: Place,
    /// `[services.inventory]`; empty at the top.
    head: String,
    /// Goes before each key: `rules[0].`.
    prefix: String,
    /// The prefix with `*` for names, such as `services.*.`.
    shape: String,
    asked: RefCell<Vec<&'static str>>,
}

/// A value that is being read.
#[derive(Clone, Debug)]
pub(super) struct Field<'a> {
    reader: &'a Reader,
    node: &'a Node,
    head: String,
    /// Key as it is shown, such as `rules[0].host`.
    key: String,
    shape: String,
}

// === impl Reader ===

impl Reader {
    /// The config, unless something is wrong with it.
    pub(super) fn into_result(self, mut config: Config) -> Result<Config, Problems> {
        let mut problems = self.problems.into_inner();
        if problems.is_empty() {
            config.warnings = self.warnings.into_inner();
            return Ok(config);
        }
        problems.sort_by(|one, other| one.place.cmp(&other.place));
        Err(Problems(problems))
    }

    /// The shapes of all keys that were asked for.
    #[cfg(test)]
    pub(super) fn known(&self) -> Vec<String> {
        self.known.borrow().iter().cloned().collect()
    }

    /// The whole document.
    pub(super) fn root<'a>(&'a self, table: &'a Table) -> Section<'a> {
        Section {
            reader: self,
            table,
            place: Place::default(),
            head: String::new(),
            prefix: String::new(),
            shape: String::new(),
            asked: RefCell::default(),
        }
    }

    /// Reports an ingress whose name is taken within the same file.
    pub(super) fn report_duplicate(&self, ingress: &Node, name: &str) {
        self.report(Problem {
            place: ingress.place.clone(),
            section: "[[ingresses]]".into(),
            key: "name".into(),
            value: format!("{name:?}"),
            message: "another ingress of this file has this name".into(),
            remedy: "give each its own, or make them one with several rules".into(),
        });
    }

    /// Reports a mistake.
    pub(super) fn report(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }
}

// === impl Section ===

impl<'a> Section<'a> {
    /// The value of a key, if it was written.
    pub(super) fn field(&self, key: &'static str) -> Option<Field<'a>> {
        self.asked.borrow_mut().push(key);
        let shape = format!("{}{key}", self.shape);
        self.reader.known.borrow_mut().insert(shape.clone());
        let node = self.table.get(key)?;
        Some(self.child(key, node, shape))
    }

    /// All values of a table whose keys are names of the user's.
    pub(super) fn children(&self) -> Vec<(&'a str, Field<'a>)> {
        let shape = format!("{}*", self.shape);
        self.table
            .iter()
            .map(|(key, node)| {
                let bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
                let shown = if key.chars().all(bare) {
                    key.clone()
                } else {
                    format!("{key:?}")
                };
                (key.as_str(), self.child(&shown, node, shape.clone()))
            })
            .collect()
    }

    fn child(&self, key: &str, node: &'a Node, shape: String) -> Field<'a> {
        Field {
            reader: self.reader,
            node,
            head: self.head.clone(),
            key: format!("{}{key}", self.prefix),
            shape,
        }
    }

    /// Reports that a key should be there.
    pub(super) fn missing(&self, key: &str, remedy: &str) {
        self.reader.report(Problem {
            place: self.place.clone(),
            section: self.head.clone(),
            key: format!("{}{key}", self.prefix),
            value: String::new(),
            message: "is missing".into(),
            remedy: remedy.into(),
        });
    }

    /// Refuses every key that was not asked for.
    pub(super) fn finish(self) {
        let asked = self.asked.into_inner();
        for (key, node) in self.table {
            if asked.contains(&key.as_str()) {
                continue;
            }
            let remedy = match nearest(key, asked.iter().copied()) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known here: {}", asked.join(", ")),
            };
            self.reader.report(Problem {
                place: node.place.clone(),
                section: self.head.clone(),
                key: format!("{}{key}", self.prefix),
                value: String::new(),
                message: "unknown key".into(),
                remedy,
            });
        }
    }

    /// `true` or `false`.
    pub(super) fn boolean(&self, key: &'static str, default: bool) -> bool {
        self.field(key)
            .and_then(|field| field.boolean())
            .unwrap_or(default)
    }

    /// A whole number within limits.
    pub(super) fn number<T: TryFrom<i64>>(
        &self,
        key: &'static str,
        limits: RangeInclusive<i64>,
        default: T,
    ) -> T {
        self.field(key)
            .and_then(|field| field.number(limits))
            .unwrap_or(default)
    }

    /// One of some words.
    pub(super) fn choice<T: Copy + Default>(&self, key: &'static str, words: &[(&str, T)]) -> T {
        self.field(key)
            .and_then(|field| field.choice(words))
            .unwrap_or_default()
    }

    /// A duration such as `30s`.
    pub(super) fn duration(&self, key: &'static str, default: Duration) -> Duration {
        self.field(key)
            .and_then(|field| field.duration())
            .unwrap_or(default)
    }

    /// Text that is not empty.
    pub(super) fn words(&self, key: &'static str, default: &str) -> String {
        self.field(key)
            .and_then(|field| field.words())
            .unwrap_or(default)
            .to_owned()
    }
}

// === impl Field ===

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
        let problem = self.problem(message, remedy);
        self.reader.warnings.borrow_mut().push(problem);
    }

    fn problem(&self, message: impl Into<String>, remedy: impl Into<String>) -> Problem {
        // A password does not belong into a terminal's scrollback or a bug report.
        let secret = self.key.contains("password") || self.key.starts_with("env.");
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

    /// Text, possibly empty.
    pub(super) fn text(&self) -> Option<&'a str> {
        let Item::Text(text) = &self.node.item else {
            self.refuse("must be text", format!("write {} = \"…\"", self.key));
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
                format!("write {} = true", self.key),
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
                format!("write a number, for example {} = {example}", self.key),
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
                    format!("write a number, for example {} = 8080", self.key),
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
            None => format!("write {} = {}", self.key, all[0]),
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
                format!("write {} = \"30s\"", self.key),
            );
        }
        duration
    }

    /// The values of an array.
    pub(super) fn list(&self) -> Vec<Field<'a>> {
        let Item::Array(nodes) = &self.node.item else {
            self.refuse("must be a list", format!("write {} = [ … ]", self.key));
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

    /// The table itself, under the head of the one around it, or under its own at the top.
    pub(super) fn section(&self) -> Option<Section<'a>> {
        if self.head.is_empty() {
            return self.section_headed(format!("[{}]", self.key));
        }
        let mut section = self.section_headed(self.head.clone())?;
        section.prefix = format!("{}.", self.key);
        Some(section)
    }

    /// The table under a head of its own.
    pub(super) fn section_headed(&self, head: String) -> Option<Section<'a>> {
        let Item::Table(table) = &self.node.item else {
            self.refuse("must be a table", format!("write {} = {{ … }}", self.key));
            return None;
        };
        Some(Section {
            reader: self.reader,
            table,
            place: self.node.place.clone(),
            head,
            prefix: String::new(),
            shape: format!("{}.", self.shape),
            asked: RefCell::default(),
        })
    }
}
