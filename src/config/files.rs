//! `files` of a service: templates of config files, which its pods find filled in.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::beside;
use super::field::Field;
use super::section::Section;
use crate::model::Workload;

/// The texts by the path where the pod finds them. They are read with the config, so that a changed
/// one replaces the pods as every other change does.
pub(super) fn read(
    section: &Section<'_>,
    workload: &Workload,
    folder: Option<&Path>,
) -> BTreeMap<String, String> {
    let Some(field) = section.field("files") else {
        return BTreeMap::new();
    };
    if let Workload::BuiltIn { .. } = workload {
        field.refuse(
            "a built-in service reads no files",
            "leave it out, or name a command or an image in place of built_in",
        );
        return BTreeMap::new();
    }
    let Some(files) = field.section() else {
        return BTreeMap::new();
    };
    let mut found = BTreeMap::new();
    for (target, field) in files.children() {
        if let Some(text) = text(target, &field, workload, folder) {
            found.insert(target.to_owned(), text);
        }
    }
    found
}

fn text(
    target: &str,
    field: &Field<'_>,
    workload: &Workload,
    folder: Option<&Path>,
) -> Option<String> {
    let path = Path::new(target);
    let plain = |path: &Path| {
        let mut parts = path.components();
        parts.next().is_some()
            && path
                .components()
                .all(|part| matches!(part, Component::Normal(_)))
    };
    let (good, remedy) = match workload {
        Workload::Image { .. } => (
            path.strip_prefix("/").is_ok_and(plain),
            "name it by its absolute path in the container, such as \"/etc/app/config.yaml\"",
        ),
        Workload::BuiltIn { .. } | Workload::Command { .. } => (
            plain(path),
            "name it by a path such as \"config.yaml\"; the command finds it below {files}",
        ),
    };
    if !good {
        field.refuse("is no place for a file of this pod", remedy);
        return None;
    }
    let text = beside::read(field.words()?, folder).and_then(|bytes| {
        String::from_utf8(bytes).map_err(|_| "stream did not contain valid UTF-8".to_owned())
    });
    match text {
        Ok(text) => Some(text),
        Err(problem) => {
            field.refuse(
                format!("cannot be read: {problem}"),
                "write the path of a text file, relative to this one",
            );
            None
        }
    }
}
