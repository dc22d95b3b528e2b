//! The lessons of `assets/lessons`, which are part of the binary.

use std::sync::{Arc, LazyLock};

use include_dir::{Dir, include_dir};

use super::LessonError;
use crate::config::{nearest, parse_lesson};
use crate::model::Lesson;

static FOLDER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/assets/lessons");

static LESSONS: LazyLock<Vec<Arc<Lesson>>> = LazyLock::new(|| {
    let mut files: Vec<_> = FOLDER.files().collect();
    files.sort_by_key(|file| file.path());
    files
        .into_iter()
        .filter_map(|file| {
            let name = file.path().display().to_string();
            match parse_lesson(&name, file.contents_utf8()?) {
                Ok(lesson) => Some(Arc::new(lesson)),
                // A test reads them all, so this is a binary that nobody tested.
                Err(problems) => {
                    tracing::error!("lesson left out: {problems}");
                    None
                }
            }
        })
        .collect()
});

/// All of them, in their order.
pub fn shipped() -> &'static [Arc<Lesson>] {
    &LESSONS
}

/// The one of this number or id.
pub(super) fn find(wanted: &str) -> Result<(Option<usize>, Arc<Lesson>), LessonError> {
    let all = shipped();
    let number = wanted.parse::<usize>().ok();
    let index = match number {
        Some(number) => number.checked_sub(1),
        None => all.iter().position(|lesson| lesson.id == wanted),
    };
    let found = index.and_then(|index| Some((Some(index + 1), all.get(index)?.clone())));
    found.ok_or_else(|| LessonError::Unknown {
        wanted: wanted.to_owned(),
        near: nearest(wanted, all.iter().map(|lesson| lesson.id.as_str())).map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_is_a_lesson() {
        let mut seen = 0;
        for file in FOLDER.files() {
            let name = file.path().display().to_string();
            let ending = file.path().extension().unwrap();
            assert_eq!(ending, "toml", "{name}");
            let text = file.contents_utf8().unwrap();
            parse_lesson(&name, text).unwrap_or_else(|problems| panic!("{problems}"));
            seen += 1;
        }
        assert!(seen >= 12, "only {seen} lessons");
        assert_eq!(shipped().len(), seen);
    }

    #[test]
    fn a_lesson_is_found_by_number_and_by_name() {
        let first = find("1").unwrap();
        assert_eq!(first.0, Some(1));
        assert_eq!(find(&first.1.id).unwrap(), first);
        for wrong in ["0", "99", "nothing-like-it"] {
            assert!(matches!(
                find(wrong),
                Err(LessonError::Unknown { near: None, .. })
            ));
        }
    }
}
