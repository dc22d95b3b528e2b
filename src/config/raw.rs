//! What was written, with the place of every key and value. Nothing is checked here but TOML.
//! Manifests come to the same form from YAML (`manifests/yaml.rs`).

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use toml_span::value::ValueInner;
use toml_span::{Span, Value};

use super::problem::{Place, Problem, Problems};

/// Longest value that is repeated in a message, in characters.
const SHOWN: usize = 60;

/// A document, or several merged.
#[derive(Clone, Debug, Default)]
pub(super) struct RawConfig(pub(super) Table);

/// Keys with their values.
pub(super) type Table = BTreeMap<String, Node>;

/// A value.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Of its key; of the value itself in an array.
    pub(super) place: Place,
    pub(super) item: Item,
}

/// TOML's types without dates, and YAML's null, which means that nothing was written.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    Null,
    Text(String),
    Integer(i64),
    Float(f64),
    Boolean(bool),
    Array(Vec<Node>),
    Table(Table),
}

/// Turns byte offsets into lines and columns.
struct Source<'a> {
    name: Arc<str>,
    text: &'a str,
}

// === impl RawConfig ===

impl RawConfig {
    /// Reads TOML; `name` is how the file is called in messages.
    pub(super) fn parse(name: &str, text: &str) -> Result<Self, Problems> {
        let source = Source {
            name: name.into(),
            text,
        };
        let mut root = toml_span::parse(text).map_err(|error| Problem {
            place: source.place(error.span),
            section: String::new(),
            key: String::new(),
            value: String::new(),
            message: format!("not TOML: {error}"),
            remedy: String::new(),
        })?;
        match source.item(&mut root) {
            Item::Table(table) => Ok(Self(table)),
            _ => Ok(Self::default()),
        }
    }
}

// === impl Source ===

impl Source<'_> {
    fn place(&self, span: Span) -> Place {
        let mut end = span.start.min(self.text.len());
        while !self.text.is_char_boundary(end) {
            end -= 1;
        }
        let before = &self.text[..end];
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Place {
            file: Arc::clone(&self.name),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
        }
    }

    fn item(&self, value: &mut Value<'_>) -> Item {
        match value.take() {
            ValueInner::String(text) => Item::Text(text.into_owned()),
            ValueInner::Integer(number) => Item::Integer(number),
            ValueInner::Float(number) => Item::Float(number),
            ValueInner::Boolean(flag) => Item::Boolean(flag),
            ValueInner::Array(values) => {
                let node = |mut value: Value<'_>| Node {
                    place: self.place(value.span),
                    item: self.item(&mut value),
                };
                Item::Array(values.into_iter().map(node).collect())
            }
            ValueInner::Table(table) => {
                let entry = |(key, mut value): (toml_span::value::Key<'_>, Value<'_>)| {
                    let node = Node {
                        place: self.place(key.span),
                        item: self.item(&mut value),
                    };
                    (key.name.into_owned(), node)
                };
                Item::Table(table.into_iter().map(entry).collect())
            }
        }
    }
}

// === impl Node ===

impl Node {
    /// A value that was not written in a file.
    pub(super) fn from_elsewhere(origin: &str, item: Item) -> Self {
        let place = Place {
            file: origin.into(),
            line: 0,
            column: 0,
        };
        Self { place, item }
    }

    /// The value as TOML, shortened for a message.
    pub(super) fn shown(&self) -> String {
        let full = self.item.to_string();
        if full.chars().count() <= SHOWN {
            return full;
        }
        let head: String = full.chars().take(SHOWN).collect();
        format!("{head}…")
    }
}

/// Two values are equal when they say the same, wherever they were written.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        self.item == other.item
    }
}

// === impl Item ===

impl Item {
    /// The same in JSON. What JSON has no word for, an infinite number, becomes null.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Null => serde_json::Value::Null,
            Self::Text(text) => text.as_str().into(),
            Self::Integer(number) => (*number).into(),
            Self::Float(number) => (*number).into(),
            Self::Boolean(flag) => (*flag).into(),
            Self::Array(nodes) => nodes.iter().map(|node| node.item.to_json()).collect(),
            Self::Table(table) => table
                .iter()
                .map(|(key, node)| (key.clone(), node.item.to_json()))
                .collect(),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Null => formatter.write_str("null"),
            Self::Text(text) => write!(formatter, "{text:?}"),
            Self::Integer(number) => write!(formatter, "{number}"),
            Self::Float(number) => write!(formatter, "{number:?}"),
            Self::Boolean(flag) => write!(formatter, "{flag}"),
            Self::Array(nodes) => {
                let shown: Vec<_> = nodes.iter().map(|node| node.item.to_string()).collect();
                write!(formatter, "[{}]", shown.join(", "))
            }
            Self::Table(table) => {
                let shown: Vec<_> = table
                    .iter()
                    .map(|(key, node)| format!("{key} = {}", node.item))
                    .collect();
                write!(formatter, "{{ {} }}", shown.join(", "))
            }
        }
    }
}
