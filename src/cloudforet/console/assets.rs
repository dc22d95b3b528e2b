//! The files of `assets/console` and `assets/shared`.

use std::sync::LazyLock;

use include_dir::{Dir, include_dir};

use crate::net::{File, Files};

static FOLDER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/assets/console");

/// What the pages of this binary have in common.
static SHARED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/assets/shared");

static FILES: LazyLock<Files> = LazyLock::new(|| Files::of(&[&FOLDER, &SHARED]));

/// The file at this path of the page, if there is one.
pub(super) fn find(path: &str) -> Option<&'static File> {
    FILES.find(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_path_and_only_inside() {
        assert!(
            find("/index.html")
                .unwrap()
                .content
                .starts_with(b"<!doctype html>")
        );
        assert_eq!(
            find("/js/views/table.js").unwrap().media_type,
            "text/javascript; charset=utf-8"
        );
        for path in [
            "/../Cargo.toml",
            "/js/../index.html",
            "/",
            "/js",
            "//etc/passwd",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn no_script_writes_html_and_no_page_asks_another_host() {
        FILES.assert_tidy(20);
    }
}
