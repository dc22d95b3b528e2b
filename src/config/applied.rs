//! A config beside the built-in default: what differs, and what counts.
//!
//! Nothing secret is in it: the login is left out, and what looks like a password or a token, by the
//! name of its key or its variable, is covered.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::settings::Config;
use super::{Overrides, parse};
use crate::model::{AppliedConfig, Setting};

/// Keys that are no settings, or secret as a whole.
const LEFT_OUT: [&str; 4] = ["file", "login", "reports", "warnings"];
/// Words in names whose values are covered.
const SECRET: [&str; 6] = [
    "password",
    "passwd",
    "secret",
    "token",
    "credential",
    "api_key",
];
/// What is shown in their place.
const COVERED: &str = "(covered)";

impl Config {
    /// What counts, beside the built-in default.
    pub fn applied(&self) -> AppliedConfig {
        let mut settings = Vec::new();
        // The built-in default is valid, which tests prove; without it everything counts as written.
        let default = parse(None, &Overrides::default()).ok();
        let default = default.map_or(Value::Null, |default| document(&default));
        let now = document(self);
        for (key, value) in now.as_object().into_iter().flatten() {
            let before = default.get(key);
            match value {
                Value::Array(objects) => {
                    let before = before.and_then(Value::as_array);
                    objects_of(key, objects, before, &mut settings);
                }
                value => compare(key, Some(value), before, true, &mut settings),
            }
        }
        AppliedConfig {
            file: self.file.clone(),
            summary: self.summary().lines().map(covered_line).collect(),
            settings,
        }
    }
}

fn document(config: &Config) -> Value {
    let mut document = serde_json::to_value(config).unwrap_or_default();
    if let Some(root) = document.as_object_mut() {
        root.retain(|key, _| !LEFT_OUT.contains(&key.as_str()));
    }
    cover("", &mut document);
    document
}

/// Objects by their names: only those that are others than by default.
fn objects_of(kind: &str, now: &[Value], before: Option<&Vec<Value>>, settings: &mut Vec<Setting>) {
    let before = by_name(before.map_or(&[][..], Vec::as_slice));
    let now = by_name(now);
    for (name, value) in &now {
        compare(
            &format!("{kind}.{name}"),
            Some(value),
            before.get(name).copied(),
            false,
            settings,
        );
    }
    for (name, value) in before.iter().filter(|(name, _)| !now.contains_key(*name)) {
        compare(
            &format!("{kind}.{name}"),
            None,
            Some(value),
            false,
            settings,
        );
    }
}

fn by_name(objects: &[Value]) -> BTreeMap<String, &Value> {
    let named = objects.iter().enumerate().map(|(index, object)| {
        let name = ["/name", "/plugin/name", "/service"]
            .iter()
            .find_map(|pointer| object.pointer(pointer)?.as_str());
        (
            name.map_or_else(|| index.to_string(), str::to_owned),
            object,
        )
    });
    named.collect()
}

/// Compares key by key. `all` tells what is equal as well.
fn compare(
    key: &str,
    now: Option<&Value>,
    before: Option<&Value>,
    all: bool,
    settings: &mut Vec<Setting>,
) {
    let fields = |value: Option<&Value>| value.and_then(Value::as_object).cloned();
    // An object that is new or gone is one difference, and so is anything that has no keys.
    if let (Some(now), Some(before)) = (fields(now), fields(before).or_else(|| all.then(Map::new)))
    {
        for (name, value) in &now {
            compare(
                &format!("{key}.{name}"),
                Some(value),
                before.get(name),
                all,
                settings,
            );
        }
        return;
    }
    let differs = now != before;
    if all || differs {
        settings.push(Setting {
            key: key.to_owned(),
            value: now.cloned().unwrap_or_default(),
            default: before.cloned(),
            differs,
        });
    }
}

fn is_secret(name: &str) -> bool {
    let name = name.to_ascii_lowercase().replace('-', "_");
    SECRET.iter().any(|word| name.contains(word))
}

/// Covers what looks secret, in place.
fn cover(name: &str, value: &mut Value) {
    match value {
        Value::String(text) if is_secret(name) => COVERED.clone_into(text),
        Value::String(text) => *text = covered_line(text),
        Value::Array(values) => {
            // A variable as a pair, or an option before its value, makes the next one secret.
            let mut before = name.to_owned();
            for value in values {
                let named = value.as_str().filter(|text| !text.contains(['=', ' ']));
                let next = named.map_or_else(|| name.to_owned(), str::to_owned);
                cover(&before, value);
                before = if is_secret(&next) {
                    next
                } else {
                    name.to_owned()
                };
            }
        }
        Value::Object(fields) => {
            let named = fields
                .get("name")
                .and_then(Value::as_str)
                .map(str::to_owned);
            for (key, value) in fields {
                let of_variable = key == "value" && named.as_deref().is_some_and(is_secret);
                let name = if of_variable { SECRET[0] } else { key.as_str() };
                if value.is_string() || value.is_array() || value.is_object() {
                    cover(name, value);
                }
            }
        }
        _ => {}
    }
}

/// `--password=x`, `TOKEN=x` and `scheme://user:x@host` without the x; so is the word behind
/// `--password`.
fn covered_line(line: &str) -> String {
    let mut behind = false;
    let words = line.split(' ').map(|word| {
        let secret = std::mem::take(&mut behind);
        if secret && !word.is_empty() {
            return COVERED.to_owned();
        }
        if let Some((name, _)) = word.split_once('=').filter(|(name, _)| is_secret(name)) {
            return format!("{name}={COVERED}");
        }
        behind = word.starts_with('-') && is_secret(word);
        match word.split_once("://").and_then(|(scheme, rest)| {
            let (user, host) = rest.split_once('@')?;
            Some((scheme, user.split_once(':')?.0, host))
        }) {
            Some((scheme, user, host)) => format!("{scheme}://{user}:{COVERED}@{host}"),
            None => word.to_owned(),
        }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn applied(toml: &str) -> AppliedConfig {
        let file = Some((Path::new("lab.toml"), toml));
        parse(file, &Overrides::default()).unwrap().applied()
    }

    fn differing(applied: &AppliedConfig) -> Vec<&str> {
        let differing = applied.settings.iter().filter(|one| one.differs);
        differing.map(|one| one.key.as_str()).collect()
    }

    #[test]
    fn the_default_differs_in_nothing_and_is_told_all_the_same() {
        let applied = applied("");
        assert_eq!(differing(&applied), [""; 0]);
        let controller = applied
            .settings
            .iter()
            .find(|one| one.key == "ingress.controller");
        assert_eq!(controller.unwrap().value, "traefik");
        assert!(applied.summary.len() > 10);
    }

    #[test]
    fn what_differs_is_told_with_the_default_beside_it() {
        let applied = applied(
            "[ingress]\nreplicas = 3\n[services.inventory]\nreplicas = 2\n[services.mine]\ncommand = [\"./x\"]\nport = 1\n",
        );
        let keys = differing(&applied);
        assert!(keys.contains(&"ingress.replicas"), "{keys:?}");
        assert!(keys.contains(&"deployments.inventory.replicas"), "{keys:?}");
        assert!(keys.contains(&"services.mine"), "{keys:?}");
        let replicas = applied
            .settings
            .iter()
            .find(|one| one.key == "ingress.replicas");
        let replicas = replicas.unwrap();
        assert_eq!(
            (&replicas.value, &replicas.default),
            (&3.into(), &Some(1.into()))
        );
    }

    #[test]
    fn nothing_secret_is_told() {
        let applied = applied(
            "[login]\npassword = \"hunter2hunter2!A\"\n[services.mine]\nport = 1\n\
             command = [\"./x\", \"--password\", \"hunter2\", \"--token=hunter2\", \"redis://me:hunter2@a\"]\n\
             env = { DB_PASSWORD = \"hunter2\", GREETING = \"hello\" }\n",
        );
        let text = serde_json::to_string(&applied).unwrap();
        assert!(!text.contains("hunter2"), "{text}");
        assert!(text.contains("hello"), "{text}");
    }
}
