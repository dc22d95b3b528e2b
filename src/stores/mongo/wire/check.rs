//! A look over the bytes of a document before it is decoded: structure, nesting, types.

use super::WireError;

/// MongoDB's limit; it also bounds the recursion of everything that walks a document.
const DEEPEST: usize = 180;

/// Checks one document. Says which type it holds that the store cannot keep, if any.
pub(crate) fn check_document(bytes: &[u8]) -> Result<Option<&'static str>, WireError> {
    let mut refused = None;
    walk(bytes, 0, &mut refused)?;
    Ok(refused)
}

fn walk(bytes: &[u8], depth: usize, refused: &mut Option<&'static str>) -> Result<(), WireError> {
    let malformed = WireError::Malformed("not a BSON document");
    if depth > DEEPEST {
        return Err(WireError::Malformed("nested too deeply"));
    }
    if bytes.len() < 5 || prefixed(bytes, 0) != Some(bytes.len()) || bytes.last() != Some(&0) {
        return Err(malformed);
    }
    let mut rest = &bytes[4..bytes.len() - 1];
    while let Some((kind, after)) = rest.split_first() {
        let name = after.iter().position(|byte| *byte == 0);
        let Some(value) = name.and_then(|end| after.get(end + 1..)) else {
            return Err(malformed);
        };
        let length = match kind {
            0x06 | 0x0a | 0x7f | 0xff => Some(0),
            0x08 => Some(1),
            0x10 => Some(4),
            0x01 | 0x09 | 0x11 | 0x12 => Some(8),
            0x07 => Some(12),
            0x13 => Some(16),
            0x02 | 0x0d | 0x0e => prefixed(value, 4),
            0x0c => prefixed(value, 4 + 12),
            0x05 => prefixed(value, 5),
            0x03 | 0x04 | 0x0f => prefixed(value, 0),
            0x0b => texts(value),
            _ => None,
        };
        let Some((content, after)) = length.and_then(|length| value.split_at_checked(length))
        else {
            return Err(malformed);
        };
        match kind {
            0x03 | 0x04 => walk(content, depth + 1, refused)?,
            0x06 => *refused = Some("undefined"),
            0x0c => *refused = Some("dbPointer"),
            0x0f => *refused = Some("javascriptWithScope"),
            0x13 => *refused = Some("decimal"),
            _ => {}
        }
        rest = after;
    }
    Ok(())
}

/// The length that stands in front, and what comes on top of it.
fn prefixed(value: &[u8], more: usize) -> Option<usize> {
    let length = i32::from_le_bytes(*value.first_chunk()?);
    usize::try_from(length).ok()?.checked_add(more)
}

/// Two texts that end with a zero.
fn texts(value: &[u8]) -> Option<usize> {
    let first = value.iter().position(|byte| *byte == 0)? + 1;
    let second = value.get(first..)?.iter().position(|byte| *byte == 0)? + 1;
    Some(first + second)
}
