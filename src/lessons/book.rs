//! Which lessons somebody has gone through, kept in a file beside the lab's data: an id a line.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What is remembered when the lab goes down.
#[derive(Debug, Default)]
pub(super) struct Book {
    done: BTreeSet<String>,
    /// None where nothing can be kept.
    file: Option<PathBuf>,
}

// === impl Book ===

impl Book {
    /// What the file says; one that is not there yet says nothing. One that cannot be read is left as
    /// it is.
    pub(super) fn open(file: PathBuf) -> Self {
        match fs::read_to_string(&file) {
            Ok(text) => Self {
                done: text.lines().map(str::to_owned).collect(),
                file: Some(file),
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self {
                file: Some(file),
                ..Self::default()
            },
            Err(error) => {
                tracing::warn!(file = %file.display(), %error, "cannot read which lessons are done");
                Self::default()
            }
        }
    }

    pub(super) fn has(&self, lesson: &str) -> bool {
        self.done.contains(lesson)
    }

    /// Without a place on disk it is remembered until the lab goes down.
    pub(super) fn add(&mut self, lesson: &str) {
        if !self.done.insert(lesson.to_owned()) {
            return;
        }
        let Some(file) = &self.file else { return };
        if let Err(error) = write(file, &self.done) {
            tracing::warn!(file = %file.display(), %error, "cannot keep which lessons are done");
        }
    }
}

/// All of it or nothing, never half a file.
fn write(file: &Path, done: &BTreeSet<String>) -> io::Result<()> {
    let draft = file.with_extension("new");
    let text: String = done.iter().flat_map(|id| [id.as_str(), "\n"]).collect();
    fs::write(&draft, text)?;
    fs::rename(&draft, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_is_read_again_and_nothing_else_lies_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lessons");
        let mut book = Book::open(file.clone());
        assert!(!book.has("path"));
        for lesson in ["path", "scale", "path"] {
            book.add(lesson);
        }
        let again = Book::open(file);
        assert!(again.has("path") && again.has("scale") && !again.has("prefix"));
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_that_cannot_be_read_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("lessons");
        fs::write(&file, b"\xff").unwrap();
        let mut book = Book::open(file.clone());
        book.add("path");
        assert!(book.has("path"));
        assert_eq!(fs::read(file).unwrap(), b"\xff");
    }
}
