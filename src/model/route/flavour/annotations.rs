//! Reading annotations: text that means flags, numbers, sizes and lists.

use std::collections::BTreeMap;
use std::str::FromStr;
use std::time::Duration;

use super::super::super::{Ingress, ObjectReport};

/// The annotations of one object, and what was wrong with them.
pub(super) struct Annotations<'a> {
    kind: &'static str,
    object: &'a str,
    prefix: &'static str,
    values: &'a BTreeMap<String, String>,
    problems: Vec<ObjectReport>,
}

impl<'a> Annotations<'a> {
    /// Those of an Ingress that begin with a prefix.
    pub(super) fn of_ingress(ingress: &'a Ingress, prefix: &'static str) -> Self {
        Self {
            kind: "Ingress",
            object: &ingress.name,
            prefix,
            values: &ingress.annotations,
            problems: Vec::new(),
        }
    }

    /// What was wrong.
    pub(super) fn into_problems(self) -> Vec<ObjectReport> {
        self.problems
    }

    /// A value, unless it is empty.
    pub(super) fn text(&self, name: &str) -> Option<&'a str> {
        let value = self.values.get(&format!("{}{name}", self.prefix))?.trim();
        (!value.is_empty()).then_some(value)
    }

    /// Notes that a value cannot be used. The controller ignores it then.
    pub(super) fn ignored(&mut self, name: &str, problem: &str) {
        self.refused(name, &format!("{problem}; it has no effect"));
    }

    /// Notes what follows from a value.
    pub(super) fn refused(&mut self, name: &str, problem: &str) {
        let value = self.text(name).unwrap_or_default();
        self.problems.push(ObjectReport {
            kind: self.kind.to_owned(),
            name: self.object.to_owned(),
            message: format!("annotation {}{name} = {value:?}: {problem}", self.prefix),
            unusable: false,
        });
    }

    /// A value that this function understands.
    pub(super) fn parsed<T>(
        &mut self,
        name: &str,
        expected: &str,
        parse: impl FnOnce(&'a str) -> Option<T>,
    ) -> Option<T> {
        let parsed = parse(self.text(name)?);
        if parsed.is_none() {
            self.ignored(name, &format!("must be {expected}"));
        }
        parsed
    }

    /// True or false, in all spellings that Go takes.
    pub(super) fn flag(&mut self, name: &str) -> Option<bool> {
        self.parsed(name, "\"true\" or \"false\"", flag)
    }

    /// A whole number.
    pub(super) fn number<T: FromStr>(&mut self, name: &str) -> Option<T> {
        self.parsed(name, "a whole number", |text| text.parse().ok())
    }

    /// Seconds without a unit.
    pub(super) fn seconds(&mut self, name: &str) -> Option<Duration> {
        let seconds = self.parsed(name, "a number of seconds, without a unit", |text| {
            text.parse().ok()
        });
        seconds.map(Duration::from_secs)
    }

    /// Items between commas.
    pub(super) fn list(&self, name: &str) -> Vec<&'a str> {
        let items = self.text(name).unwrap_or_default().split(',');
        items
            .map(str::trim)
            .filter(|item| !item.is_empty())
            .collect()
    }
}

/// As Go's `strconv.ParseBool` reads it.
pub(super) fn flag(text: &str) -> Option<bool> {
    match text {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Some(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Some(false),
        _ => None,
    }
}

/// NGINX's sizes: bytes, or with a unit k, m or g.
pub(super) fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let factor: u64 = match &text[digits.len()..] {
        "" => 1,
        "k" | "K" => 1 << 10,
        "m" | "M" => 1 << 20,
        "g" | "G" => 1 << 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        for (text, expected) in [
            ("0", Some(0)),
            ("8", Some(8)),
            ("8k", Some(8192)),
            ("2M", Some(2 << 20)),
            ("1g", Some(1 << 30)),
            ("1t", None),
            ("m", None),
            ("1 m", None),
            ("-1", None),
            ("99999999999g", None),
        ] {
            assert_eq!(size(text), expected, "{text}");
        }
    }
}
