//! The files that the globs of `manifests` name, in the order of the globs, then of their names.

use std::path::{Path, PathBuf};

use super::super::field::Field;

/// Largest file that is read; the API server takes objects of 1.5 MiB.
const SIZE: u64 = 4 << 20;

/// A file and its text.
#[derive(Debug)]
pub(super) struct ManifestFile {
    /// As it is shown in messages.
    pub(super) name: String,
    pub(super) text: String,
}

/// Reads them all; what cannot be read is reported. `folder` is where relative globs start.
pub(super) fn read(list: &Field<'_>, folder: Option<&Path>) -> Vec<ManifestFile> {
    let mut seen: Vec<PathBuf> = Vec::new();
    let mut files = Vec::new();
    for (pattern, field) in list.texts() {
        let Some(paths) = matching(pattern, &field, folder) else {
            continue;
        };
        if paths.is_empty() {
            field.refuse(
                "matches no file",
                "name files relative to this one, for example \"ingress/*.yaml\"",
            );
        }
        for path in paths {
            // A file that two globs match is read once.
            if !seen.contains(&path) {
                files.extend(file(&path, &field));
                seen.push(path);
            }
        }
    }
    files
}

fn matching(pattern: &str, field: &Field<'_>, folder: Option<&Path>) -> Option<Vec<PathBuf>> {
    // The folder's own name is no pattern, whatever stands in it.
    let whole = match folder {
        Some(folder) if Path::new(pattern).is_relative() => {
            let folder = glob::Pattern::escape(&folder.display().to_string());
            format!("{folder}/{pattern}")
        }
        _ => pattern.to_owned(),
    };
    let options = glob::MatchOptions {
        require_literal_separator: true,
        require_literal_leading_dot: true,
        ..glob::MatchOptions::new()
    };
    let entries = match glob::glob_with(&whole, options) {
        Ok(entries) => entries,
        Err(error) => {
            field.refuse(
                format!("is no glob: {}", error.msg),
                "write for example \"ingress/*.yaml\"",
            );
            return None;
        }
    };
    let mut paths = Vec::new();
    for entry in entries {
        match entry {
            // Neither folders nor pipes.
            Ok(path) if !path.is_file() => {}
            Ok(path) => paths.push(path),
            Err(error) => field.refuse(
                format!("cannot be read: {error}"),
                "make the folder readable",
            ),
        }
    }
    Some(paths)
}

fn file(path: &Path, field: &Field<'_>) -> Option<ManifestFile> {
    let name = shown(path);
    let size = std::fs::metadata(path).map_or(0, |metadata| metadata.len());
    if size > SIZE {
        field.refuse(
            format!("{name} has more than {} MiB", SIZE >> 20),
            "write several files",
        );
        return None;
    }
    match std::fs::read_to_string(path) {
        Ok(text) => Some(ManifestFile { name, text }),
        Err(error) => {
            field.refuse(
                format!("{name} cannot be read: {error}"),
                "name YAML files that can be read",
            );
            None
        }
    }
}

/// Short where that is enough.
fn shown(path: &Path) -> String {
    let here = std::env::current_dir().ok();
    let inside = here.and_then(|here| path.strip_prefix(here).ok().map(Path::to_owned));
    inside.as_deref().unwrap_or(path).display().to_string()
}
