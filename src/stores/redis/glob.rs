//! Patterns of KEYS, SCAN and CONFIG GET: `*`, `?`, `[abc]`, `[^a-z]`, and a backslash before any of them.
//!
//! Invariant: linear in the text for each star, without recursion, so that no pattern is slow.

/// Whether the whole text fits.
pub(super) fn fits(pattern: &[u8], text: &[u8]) -> bool {
    let (mut at, mut position) = (0, 0);
    // Where to go on when what follows the last star does not fit.
    let mut star: Option<(usize, usize)> = None;
    loop {
        if pattern.get(at) == Some(&b'*') {
            star = Some((at + 1, position));
            at += 1;
            continue;
        }
        let fitting = match text.get(position) {
            None if at == pattern.len() => return true,
            None => return false,
            Some(byte) => one(&pattern[at..], *byte),
        };
        if let Some(length) = fitting {
            at += length;
            position += 1;
        } else if let Some((after, from)) = star {
            star = Some((after, from + 1));
            at = after;
            position = from + 1;
        } else {
            return false;
        }
    }
}

/// How long the first part of the pattern is, if it fits this byte.
fn one(pattern: &[u8], byte: u8) -> Option<usize> {
    match pattern {
        [] => None,
        [b'?', ..] => Some(1),
        [b'[', ..] => class(pattern, byte),
        [b'\\', escaped, ..] => (*escaped == byte).then_some(2),
        [literal, ..] => (*literal == byte).then_some(1),
    }
}

/// A class that is not closed ends with the pattern.
fn class(pattern: &[u8], byte: u8) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    loop {
        match &pattern[at.min(pattern.len())..] {
            [] => break,
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [first, b'-', last, ..] => {
                let (low, high) = (first.min(last), first.max(last));
                found |= (*low..=*high).contains(&byte);
                at += 3;
            }
            [literal, ..] => {
                found |= *literal == byte;
                at += 1;
            }
        }
    }
    (found != negated).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::fits;

    #[test]
    fn patterns_fit_as_in_redis() {
        for (pattern, text, expected) in [
            ("*", "", true),
            ("", "", true),
            ("", "a", false),
            ("a*c", "abbc", true),
            ("a*c", "abbd", false),
            ("*a*b", "xaxxb", true),
            ("a?c", "abc", true),
            ("a?c", "ac", false),
            ("[abc]x", "bx", true),
            ("[^abc]x", "bx", false),
            ("[a-c]", "b", true),
            ("[c-a]", "b", true),
            ("[a-c]", "d", false),
            (r"\*", "*", true),
            (r"\*", "x", false),
            (r"[\]]", "]", true),
            ("[ab", "a", true),
            ("[", "a", false),
            ("user:*:name", "user:7:name", true),
        ] {
            let found = fits(pattern.as_bytes(), text.as_bytes());
            assert_eq!(found, expected, "{pattern} {text}");
        }
    }

    #[test]
    fn many_stars_are_not_slow() {
        let pattern = "a*".repeat(200) + "b";
        assert!(!fits(pattern.as_bytes(), "a".repeat(5_000).as_bytes()));
    }
}
