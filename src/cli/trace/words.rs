//! Numbers and attribute values as people say them.

use serde_json::Value;

/// Microseconds as a duration of a hop.
pub(super) fn duration(micros: u64) -> String {
    let tenth = |whole: u64, unit: &str| format!("{}.{} {unit}", whole / 10, whole % 10);
    match micros {
        0..95 => format!("0.{:02} ms", (micros + 5) / 10),
        95..99_950 => tenth((micros + 50) / 100, "ms"),
        99_950..999_500 => format!("{} ms", (micros + 500) / 1_000),
        _ => tenth((micros + 50_000) / 100_000, "s"),
    }
}

/// Microseconds as the age of something.
pub(in crate::cli) fn age(micros: u64) -> String {
    let seconds = micros / 1_000_000;
    match seconds {
        0 => duration(micros),
        1..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", seconds / 60),
        7_200..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// A number of bytes.
pub(super) fn bytes(count: u64) -> String {
    let tenth = |whole: u64, unit: &str| format!("{}.{} {unit}", whole / 10, whole % 10);
    match count {
        0..1_000 => format!("{count} B"),
        1_000..999_950 => tenth((count + 50) / 100, "kB"),
        _ => tenth((count + 50_000) / 100_000, "MB"),
    }
}

/// What came over the wire must not drive the terminal: control characters (and those that turn
/// the direction of writing) become question marks.
pub(in crate::cli) fn clean(text: &str) -> String {
    let hostile = |letter: char| {
        letter.is_control()
            || matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    text.chars()
        .map(|letter| if hostile(letter) { '?' } else { letter })
        .collect()
}

/// An attribute as text: texts as they are, lists with commas, objects as `name value`.
pub(super) fn value(value: &Value) -> String {
    match value {
        Value::String(text) => clean(text),
        Value::Array(values) => list(values.iter().map(self::value), usize::MAX),
        Value::Object(object) => list(
            object
                .iter()
                .map(|(name, inner)| format!("{} {}", clean(name), self::value(inner))),
            usize::MAX,
        ),
        other => other.to_string(),
    }
}

/// The first few with commas, and how many more there are.
pub(super) fn list(items: impl IntoIterator<Item = String>, most: usize) -> String {
    let mut items = items.into_iter();
    let shown: Vec<String> = items.by_ref().take(most).collect();
    match items.count() {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// `1 endpoint`, `3 endpoints`.
pub(super) fn count(number: usize, word: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {word}{plural}")
}

/// At most so many characters, with a sign that there were more.
pub(super) fn shorten(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let shown: String = text.chars().take(most).collect();
    format!("{shown} ...")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_get_the_unit_that_fits() {
        for (micros, expected) in [
            (0, "0.00 ms"),
            (42, "0.04 ms"),
            (99, "0.1 ms"),
            (440, "0.4 ms"),
            (6_149, "6.1 ms"),
            (123_456, "123 ms"),
            (1_250_000, "1.3 s"),
        ] {
            assert_eq!(duration(micros), expected);
        }
        for (micros, expected) in [
            (5_000, "5.0 ms"),
            (59_000_000, "59 s"),
            (180_000_000, "3 min"),
            (9_000_000_000, "2 h"),
            (u64::MAX, "213503982 days"),
        ] {
            assert_eq!(age(micros), expected);
        }
        assert_eq!(bytes(512), "512 B");
        assert_eq!(bytes(8_120), "8.1 kB");
        assert_eq!(bytes(3_000_000), "3.0 MB");
    }

    #[test]
    fn the_terminal_is_not_driven_by_what_was_sent() {
        assert_eq!(clean("a\u{1b}[31mb\r\n\u{202e}c"), "a?[31mb???c");
    }
}
