//! Writes header blocks: names by number where they have one, values as they are.

use bytes::{BufMut, BytesMut};
use http::{HeaderName, HeaderValue, StatusCode};

use super::table::{Pseudo, static_name};

/// Writes `:status`.
pub(crate) fn status(out: &mut BytesMut, status: StatusCode) {
    let number = match status.as_u16() {
        200 => 8,
        204 => 9,
        206 => 10,
        304 => 11,
        400 => 12,
        404 => 13,
        500 => 14,
        _ => {
            out.put_u8(8);
            return string(out, status.as_str().as_bytes());
        }
    };
    out.put_u8(0x80 | number);
}

/// Writes another pseudo-header.
pub(crate) fn pseudo(out: &mut BytesMut, name: Pseudo, value: &[u8]) {
    let whole = match (name, value) {
        (Pseudo::Method, b"GET") => Some(2),
        (Pseudo::Method, b"POST") => Some(3),
        (Pseudo::Path, b"/") => Some(4),
        (Pseudo::Scheme, b"http") => Some(6),
        (Pseudo::Scheme, b"https") => Some(7),
        _ => None,
    };
    if let Some(number) = whole {
        out.put_u8(0x80 | number);
        return;
    }
    out.put_u8(match name {
        Pseudo::Authority => 1,
        Pseudo::Method => 2,
        Pseudo::Path => 4,
        Pseudo::Scheme => 6,
        Pseudo::Status => 8,
    });
    string(out, value);
}

/// Writes an ordinary header.
pub(crate) fn header(out: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    // Passwords and the like must not be put into a table by anybody (RFC 7541 section 7.1.3).
    let kind = if value.is_sensitive() { 0x10 } else { 0 };
    if let Some(number) = static_name(name) {
        integer(out, kind, 4, number.into());
    } else {
        out.put_u8(kind);
        string(out, name.as_str().as_bytes());
    }
    string(out, value.as_bytes());
}

fn string(out: &mut BytesMut, text: &[u8]) {
    integer(out, 0, 7, text.len());
    out.put_slice(text);
}

/// RFC 7541 section 5.1.
fn integer(out: &mut BytesMut, kind: u8, prefix: u8, number: usize) {
    let mask = (1usize << prefix) - 1;
    // Both fit: one is below the mask, which has at most seven bits.
    let byte = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
    if number < mask {
        out.put_u8(kind | byte(number));
        return;
    }
    out.put_u8(kind | byte(mask));
    let mut rest = number - mask;
    while rest >= 0x80 {
        out.put_u8(byte(rest & 0x7f) | 0x80);
        rest >>= 7;
    }
    out.put_u8(byte(rest));
}

#[cfg(test)]
mod tests {
    use super::super::{Decoder, Field, Name};
    use super::*;

    #[test]
    fn what_is_written_is_read_again() {
        let mut out = BytesMut::new();
        status(&mut out, StatusCode::OK);
        status(&mut out, StatusCode::IM_A_TEAPOT);
        pseudo(&mut out, Pseudo::Path, b"/a");
        let long = "x".repeat(5000);
        let pairs = [
            ("content-type", "text/plain"),
            ("x-own", ""),
            ("vary", &long),
        ];
        for (name, text) in pairs {
            let value = HeaderValue::from_str(text).unwrap();
            header(&mut out, &HeaderName::from_static(name), &value);
        }
        let mut fields = Vec::new();
        Decoder::new(4096)
            .block(&out, |field| fields.push(field.cloned().unwrap()))
            .unwrap();
        let is =
            |field: &Field, name: Name, value: &str| field.name == name && field.value == value;
        assert!(is(&fields[0], Name::Pseudo(Pseudo::Status), "200"));
        assert!(is(&fields[1], Name::Pseudo(Pseudo::Status), "418"));
        assert!(is(&fields[2], Name::Pseudo(Pseudo::Path), "/a"));
        for (field, (name, text)) in fields[3..].iter().zip(pairs) {
            assert!(is(field, Name::Header(HeaderName::from_static(name)), text));
        }
    }
}
