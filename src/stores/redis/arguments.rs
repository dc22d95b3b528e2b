//! Arguments as Redis reads them: strict integers, timeouts, options in any case of letters.

use std::time::Duration;

use bytes::Bytes;

use super::reply::Refusal;

/// A decimal number without signs, spaces or zeros that Redis would not write itself.
pub(super) fn integer(text: &[u8]) -> Option<i64> {
    let digits = text.strip_prefix(b"-").unwrap_or(text);
    let canonical = match digits {
        [b'0'] => digits.len() == text.len(),
        [b'1'..=b'9', rest @ ..] => rest.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    if !canonical {
        return None;
    }
    std::str::from_utf8(text).ok()?.parse().ok()
}

/// An integer, or Redis's words for what is none.
pub(super) fn number(text: &[u8]) -> Result<i64, Refusal> {
    integer(text).ok_or(Refusal::NOT_AN_INTEGER)
}

/// A number that is not negative.
pub(super) fn positive(text: &[u8]) -> Result<usize, Refusal> {
    integer(text)
        .and_then(|number| usize::try_from(number).ok())
        .ok_or(Refusal::NOT_POSITIVE)
}

/// Seconds with fractions; `None` waits for ever.
pub(super) fn timeout(text: &[u8]) -> Result<Option<Duration>, Refusal> {
    const NOT_A_FLOAT: Refusal = Refusal::of("ERR timeout is not a float or out of range");
    const OUT_OF_RANGE: Refusal = Refusal::of("ERR timeout is out of range");
    let seconds: f64 = std::str::from_utf8(text)
        .ok()
        .and_then(|text| text.parse().ok())
        .filter(|seconds: &f64| !seconds.is_nan())
        .ok_or(NOT_A_FLOAT)?;
    if seconds < 0.0 {
        return Err(Refusal::of("ERR timeout is negative"));
    }
    if seconds == 0.0 {
        return Ok(None);
    }
    // Redis counts milliseconds since 1970 in 63 bits.
    if seconds > 9e15 {
        return Err(OUT_OF_RANGE);
    }
    let milliseconds = Duration::from_secs_f64((seconds * 1000.0).ceil() / 1000.0);
    Ok(Some(milliseconds))
}

/// Whether an argument is this word, which is in capitals.
pub(super) fn is(argument: &Bytes, word: &str) -> bool {
    argument.eq_ignore_ascii_case(word.as_bytes())
}

/// In small letters, for looking it up; what is not UTF-8 is nothing that could be found.
pub(super) fn lower(argument: &[u8]) -> String {
    String::from_utf8_lossy(argument).to_ascii_lowercase()
}

/// As C prints a string with a limit: up to the first zero byte.
pub(super) fn printed(argument: &[u8], most: usize) -> String {
    let text = argument.split(|byte| *byte == 0).next().unwrap_or_default();
    String::from_utf8_lossy(&text[..text.len().min(most)]).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_canonical_integers_are_integers() {
        for (text, expected) in [
            ("0", Some(0)),
            ("-1", Some(-1)),
            ("9223372036854775807", Some(i64::MAX)),
            ("-9223372036854775808", Some(i64::MIN)),
            ("9223372036854775808", None),
            ("", None),
            ("-", None),
            ("-0", None),
            ("01", None),
            ("+1", None),
            (" 1", None),
            ("1 ", None),
            ("1.0", None),
        ] {
            assert_eq!(integer(text.as_bytes()), expected, "{text:?}");
        }
    }

    #[test]
    fn a_timeout_has_fractions() {
        assert_eq!(timeout(b"0"), Ok(None));
        assert_eq!(timeout(b"0.25"), Ok(Some(Duration::from_millis(250))));
        assert_eq!(timeout(b"0.0001"), Ok(Some(Duration::from_millis(1))));
        for refused in ["", "x", "-1", "nan", "inf", "1e300"] {
            assert!(timeout(refused.as_bytes()).is_err(), "{refused}");
        }
    }
}
