//! Paths in one form, the same for matching and for forwarding.
//!
//! What is done: percent-encodings of unreserved characters are decoded, the others get upper-case
//! digits, dot segments are resolved, and runs of slashes become one. What is never done: decoding
//! `%2F` and the like, which would change where elements begin and end.

use std::borrow::Cow;

/// Why a path is not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathRefusal {
    /// `*`, an authority, or nothing.
    #[error("the path does not begin with a slash")]
    NoSlash,
    /// `%` without two hex digits.
    #[error("the path has a percent sign without two hex digits")]
    BadEncoding,
    /// `%00`
    #[error("the path contains a NUL")]
    Nul,
    /// A longer encoding of a character than UTF-8 allows, the classic disguise of `.` and `/`.
    #[error("the path contains an overlong UTF-8 sequence")]
    Overlong,
    /// A backslash or a control character.
    #[error("the path contains a character that must be encoded")]
    BadCharacter,
}

/// The one form of a path. Borrows when the path already has it, which nearly all have.
pub fn normalise_path(path: &str) -> Result<Cow<'_, str>, PathRefusal> {
    let bytes = path.as_bytes();
    if bytes.first() != Some(&b'/') {
        return Err(PathRefusal::NoSlash);
    }
    let mut plain = true;
    let mut last = 0;
    for &byte in bytes {
        match byte {
            b'\\' | 0..=b' ' | 0x7f => return Err(PathRefusal::BadCharacter),
            b'%' => plain = false,
            b'/' | b'.' if last == b'/' => plain = false,
            _ => {}
        }
        last = byte;
    }
    if plain {
        return Ok(Cow::Borrowed(path));
    }
    Ok(Cow::Owned(resolve_segments(&decode_unreserved(path)?)))
}

/// Decodes what never needs encoding and refuses what is never meant well.
fn decode_unreserved(path: &str) -> Result<String, PathRefusal> {
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    let mut before = 0;
    while let Some(position) = rest.find('%') {
        decoded.push_str(&rest[..position]);
        let digits = rest
            .get(position + 1..position + 3)
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .ok_or(PathRefusal::BadEncoding)?;
        let byte = u8::from_str_radix(digits, 16).map_err(|_| PathRefusal::BadEncoding)?;
        let follows = position == 0;
        match byte {
            0 => return Err(PathRefusal::Nul),
            0xc0 | 0xc1 => return Err(PathRefusal::Overlong),
            0x80..=0x9f if follows && before == 0xe0 => return Err(PathRefusal::Overlong),
            0x80..=0x8f if follows && before == 0xf0 => return Err(PathRefusal::Overlong),
            _ => {}
        }
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            decoded.push(char::from(byte));
        } else {
            decoded.push('%');
            decoded.extend(digits.chars().map(|digit| digit.to_ascii_uppercase()));
        }
        before = byte;
        rest = &rest[position + 3..];
    }
    decoded.push_str(rest);
    Ok(decoded)
}

/// Resolves `.` and `..`, drops empty segments, and keeps a slash at the end.
fn resolve_segments(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let mut segments = path.split('/').skip(1).peekable();
    let mut directory = false;
    while let Some(segment) = segments.next() {
        match segment {
            "" | "." => directory = segments.peek().is_none(),
            ".." => {
                kept.pop();
                directory = segments.peek().is_none();
            }
            _ => kept.push(segment),
        }
    }
    let mut resolved = String::with_capacity(path.len());
    for segment in &kept {
        resolved.push('/');
        resolved.push_str(segment);
    }
    if directory || kept.is_empty() {
        resolved.push('/');
    }
    resolved
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tricks_end_in_the_form_that_is_matched() {
        for (path, expected) in [
            ("/", "/"),
            ("/a/b", "/a/b"),
            ("/a/", "/a/"),
            ("/a/../admin", "/admin"),
            ("/a/%2e%2E/admin", "/admin"),
            ("//admin", "/admin"),
            ("/a//b///", "/a/b/"),
            ("/%61dmin", "/admin"),
            ("/a%2fadmin", "/a%2Fadmin"),
            ("/../../x", "/x"),
            ("/a/.", "/a/"),
            ("/a/..", "/"),
            ("/a/..;/admin", "/a/..;/admin"),
            ("/.well-known/x", "/.well-known/x"),
            ("/caf%c3%a9", "/caf%C3%A9"),
        ] {
            assert_eq!(normalise_path(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn what_is_never_meant_well_is_refused() {
        for (path, refusal) in [
            ("*", PathRefusal::NoSlash),
            ("", PathRefusal::NoSlash),
            ("/%", PathRefusal::BadEncoding),
            ("/%2", PathRefusal::BadEncoding),
            ("/%+1", PathRefusal::BadEncoding),
            ("/%zz", PathRefusal::BadEncoding),
            ("/%é", PathRefusal::BadEncoding),
            ("/%00", PathRefusal::Nul),
            ("/%c0%ae", PathRefusal::Overlong),
            ("/%e0%80%af", PathRefusal::Overlong),
            ("/a\\admin", PathRefusal::BadCharacter),
        ] {
            assert_eq!(normalise_path(path), Err(refusal), "{path}");
        }
    }

    #[test]
    fn the_form_is_stable() {
        let mut random = fastrand::Rng::with_seed(7);
        let parts = ["/", ".", "..", "%2e", "%2F", "a", "%61", "é", ";", "//"];
        for _ in 0..5_000 {
            let mut path = "/".to_owned();
            for _ in 0..random.usize(0..8) {
                path.push_str(parts[random.usize(0..parts.len())]);
            }
            let once = normalise_path(&path).unwrap().into_owned();
            assert_eq!(normalise_path(&once).unwrap(), once, "{path}");
            assert!(!once.contains("//") && !once.contains("/../"), "{path}");
        }
    }
}
