//! Inline commands: a line split into words, with Redis's quoting.
//!
//! Source: `sdssplitargs` as the protocol's documentation and `redis-cli` describe it.

use bytes::Bytes;

/// The words of a line; `None` if a quote is not closed, or is followed by more than a space.
pub(super) fn split(line: &[u8]) -> Option<Vec<Bytes>> {
    let mut words = Vec::new();
    let mut rest = line;
    loop {
        rest = rest.trim_ascii_start();
        if rest.is_empty() {
            return Some(words);
        }
        let mut word = Vec::new();
        loop {
            match rest {
                [] => break,
                [b'"', after @ ..] => {
                    rest = double_quoted(after, &mut word)?;
                    break;
                }
                [b'\'', after @ ..] => {
                    rest = single_quoted(after, &mut word)?;
                    break;
                }
                [byte, after @ ..] => {
                    if byte.is_ascii_whitespace() || *byte == 0 {
                        rest = after;
                        break;
                    }
                    word.push(*byte);
                    rest = after;
                }
            }
        }
        words.push(word.into());
    }
}

fn double_quoted<'l>(mut rest: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'\\', b'x', high, low, after @ ..]
                if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
            {
                word.push(hex(*high) << 4 | hex(*low));
                rest = after;
            }
            [b'\\', escaped, after @ ..] => {
                word.push(match escaped {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'b' => 8,
                    b'a' => 7,
                    other => *other,
                });
                rest = after;
            }
            [b'"', after @ ..] => return ended(after),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

fn single_quoted<'l>(mut rest: &'l [u8], word: &mut Vec<u8>) -> Option<&'l [u8]> {
    loop {
        match rest {
            [] => return None,
            [b'\\', b'\'', after @ ..] => {
                word.push(b'\'');
                rest = after;
            }
            [b'\'', after @ ..] => return ended(after),
            [byte, after @ ..] => {
                word.push(*byte);
                rest = after;
            }
        }
    }
}

/// A closing quote is followed by a space or by nothing.
fn ended(after: &[u8]) -> Option<&[u8]> {
    match after.first() {
        Some(next) if !next.is_ascii_whitespace() => None,
        _ => Some(after),
    }
}

fn hex(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_as_redis_splits_them() {
        for (line, words) in [
            ("", Some(vec![])),
            ("  set  a\tb ", Some(vec!["set", "a", "b"])),
            (
                r#"set "a b" '\x41' "\x41\n" "#,
                Some(vec!["set", "a b", r"\x41", "A\n"]),
            ),
            (r"'it\'s'", Some(vec!["it's"])),
            (r#"a"b""#, Some(vec!["ab"])),
            (r#""""#, Some(vec![""])),
            (r#""a"b"#, None),
            (r#""a"#, None),
            ("'a", None),
            (r#""\"#, None),
        ] {
            let expected = words.map(|words| words.into_iter().map(Bytes::from).collect());
            assert_eq!(split(line.as_bytes()), expected, "{line}");
        }
    }
}
