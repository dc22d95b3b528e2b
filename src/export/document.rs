//! Objects as YAML, several a file, with comments in front of each.

use serde_json::Value;
use serde_saphyr::ser_options;

/// An object, and what is to be said about it.
#[derive(Debug)]
pub(super) struct Document {
    comments: Vec<String>,
    pub(super) value: Value,
}

impl Document {
    /// An object without comments.
    pub(super) fn new(value: Value) -> Self {
        Self {
            comments: Vec::new(),
            value,
        }
    }

    /// With these comments, each a line or more.
    pub(super) fn with(value: Value, comments: Vec<String>) -> Self {
        Self { comments, value }
    }
}

/// All objects of a file. Texts that YAML 1.1 would read as something else (`on`, `1e3`) are quoted,
/// for that is what kubectl reads.
pub(super) fn file(documents: &[Document]) -> String {
    let mut text = String::new();
    for document in documents {
        if !text.is_empty() {
            text.push_str("---\n");
        }
        for line in document.comments.iter().flat_map(|comment| comment.lines()) {
            text.push_str("# ");
            // What a user wrote must not leave the comment.
            text.extend(line.chars().filter(|c| !c.is_control()));
            text.push('\n');
        }
        let options = ser_options! { folded_wrap_chars: usize::MAX };
        let written = serde_saphyr::to_string_with_options(&document.value, options);
        text.push_str(&written.expect("JSON has a form in YAML"));
        if !text.ends_with('\n') {
            text.push('\n');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_comment_stays_a_comment_and_texts_stay_texts() {
        let first = Document::with(
            json!({"a": "on", "b": "1e3", "c": "x: y", "d": "two\nlines\n"}),
            vec!["one\ntwo\r".to_owned(), "kind:\u{85}Secret".to_owned()],
        );
        let second = Document::new(json!({"long": "word ".repeat(40).trim()}));
        let text = file(&[first, second]);
        let expected = "# one\n# two\n# kind:Secret\na: \"on\"\nb: \"1e3\"\nc: \"x: y\"\nd: |\n  two\n  lines\n---\n";
        let (head, tail) = text.split_at(expected.len());
        assert_eq!(head.replace('\'', "\""), expected);
        assert_eq!(tail.lines().count(), 1, "{tail}");
    }
}
