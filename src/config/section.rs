//! Reads values out of a [`RawConfig`](super::raw::RawConfig) and collects what is wrong with them.
//!
//! A getter that returns `None` after a mistake has already reported it, so callers go on with a
//! default and the next mistake is found as well. A [`Section`] remembers which keys were asked
//! for; [`Section::finish`] refuses all others.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use super::field::Field;
use super::problem::{Place, Problem, Problems};
use super::raw::{Item, Node, Table};
use super::settings::Config;
use super::suggest::nearest;

/// Collects what was found while reading.
#[derive(Debug, Default)]
pub(super) struct Reader {
    /// How remedies write a key and a value.
    pub(super) syntax: Syntax,
    problems: RefCell<Vec<Problem>>,
    warnings: RefCell<Vec<Problem>>,
    known: RefCell<BTreeSet<String>>,
}

/// What a file is written in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Syntax {
    /// `key = "value"`
    #[default]
    Toml,
    /// `key: value`
    Yaml,
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

// === impl Reader ===

impl Reader {
    /// For files of another syntax.
    pub(super) fn of(syntax: Syntax) -> Self {
        Self {
            syntax,
            ..Self::default()
        }
    }

    /// Takes over what another reader found.
    pub(super) fn absorb(&self, other: Self) {
        self.problems
            .borrow_mut()
            .append(&mut other.problems.into_inner());
        self.warnings
            .borrow_mut()
            .append(&mut other.warnings.into_inner());
    }

    /// The config, unless something is wrong with it.
    pub(super) fn into_result(self, mut config: Config) -> Result<Config, Problems> {
        config.warnings = self.warnings.take();
        self.finish().map(|()| config)
    }

    /// What is wrong, if anything is, in the order of the file.
    pub(super) fn finish(self) -> Result<(), Problems> {
        let mut problems = self.problems.into_inner();
        if problems.is_empty() {
            return Ok(());
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
        Section::new(self, table, Place::default(), String::new(), String::new())
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

    /// Notes what is allowed but probably not meant.
    pub(super) fn note(&self, problem: Problem) {
        self.warnings.borrow_mut().push(problem);
    }

    /// Reports a mistake.
    pub(super) fn report(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }
}

// === impl Section ===

impl<'a> Section<'a> {
    /// A table at `place`, shown under `head`.
    pub(super) fn new(
        reader: &'a Reader,
        table: &'a Table,
        place: Place,
        head: String,
        shape: String,
    ) -> Self {
        Self {
            reader,
            table,
            place,
            head,
            prefix: String::new(),
            shape,
            asked: RefCell::default(),
        }
    }

    /// The same table as a part of the one whose key this is.
    pub(super) fn inside(mut self, key: &str) -> Self {
        self.prefix = format!("{key}.");
        self
    }

    /// The value of a key, if it was written.
    pub(super) fn field(&self, key: &'static str) -> Option<Field<'a>> {
        self.asked.borrow_mut().push(key);
        let shape = format!("{}{key}", self.shape);
        self.reader.known.borrow_mut().insert(shape.clone());
        let node = self.table.get(key)?;
        (node.item != Item::Null).then(|| self.child(key, node, shape))
    }

    /// The value of a key that must be there; reports it where it is not.
    pub(super) fn required(&self, key: &'static str, remedy: &str) -> Option<Field<'a>> {
        let field = self.field(key);
        if field.is_none() {
            self.missing(key, remedy);
        }
        field
    }

    /// Knows these keys without looking at their values.
    pub(super) fn accept(&self, keys: &[&'static str]) {
        self.asked.borrow_mut().extend_from_slice(keys);
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

    /// Where it was written.
    pub(super) fn place(&self) -> &Place {
        &self.place
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

    /// Reports something about a key whose value was read.
    pub(super) fn refuse(&self, key: &str, message: &str) {
        let place = self.table.get(key).map_or(&self.place, |node| &node.place);
        self.reader.report(Problem {
            place: place.clone(),
            section: self.head.clone(),
            key: format!("{}{key}", self.prefix),
            value: String::new(),
            message: message.into(),
            remedy: String::new(),
        });
    }

    /// Whether nothing was written.
    pub(super) fn is_empty(&self) -> bool {
        self.table.is_empty()
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
