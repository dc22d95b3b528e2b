//! Reads header blocks.

use bytes::Bytes;
use http::HeaderName;

use super::table::{Field, Name, Pseudo, Table, value};
use super::{Malformed, huffman};

/// The most that one string may be, decoded. A header list has its own limit; this one bounds what
/// is allocated before that can be known.
const LONGEST: usize = 64 * 1024;

/// One direction's reader.
#[derive(Debug)]
pub(crate) struct Decoder {
    table: Table,
    /// What our SETTINGS allow.
    allowed: usize,
    scratch: Vec<u8>,
}

impl Decoder {
    /// `allowed` is the `SETTINGS_HEADER_TABLE_SIZE` that the other side was told, or 4096.
    pub(crate) fn new(allowed: usize) -> Self {
        Self {
            table: Table::new(allowed),
            allowed,
            scratch: Vec::new(),
        }
    }

    /// Gives every field of a whole block to `take`; `None` for one that is no valid field (the
    /// request is then malformed, the table stays in step).
    pub(crate) fn block(
        &mut self,
        mut rest: &[u8],
        mut take: impl FnMut(Option<&Field>),
    ) -> Result<(), Malformed> {
        let mut begun = false;
        while let Some(first) = rest.first() {
            if first & 0x80 != 0 {
                let number = integer(&mut rest, 7)?;
                take(Some(self.table.get(number).ok_or(Malformed::Index)?));
            } else if first & 0x40 != 0 {
                match self.literal(&mut rest, 6)? {
                    Some(field) => {
                        take(Some(&field));
                        self.table.insert(field);
                    }
                    // Entries behind it would have other numbers than the other side thinks.
                    None => return Err(Malformed::Index),
                }
            } else if first & 0x20 != 0 {
                let size = integer(&mut rest, 5)?;
                if begun || size > self.allowed {
                    return Err(Malformed::TableSize);
                }
                self.table.resize(size);
                continue;
            } else {
                take(self.literal(&mut rest, 4)?.as_ref());
            }
            begun = true;
        }
        Ok(())
    }

    /// A field with a value of its own; `None` if it is no valid field.
    fn literal(&mut self, rest: &mut &[u8], prefix: u8) -> Result<Option<Field>, Malformed> {
        let number = integer(rest, prefix)?;
        let name = if number == 0 {
            let text = string(&mut self.scratch, rest)?;
            match text.strip_prefix(b":") {
                Some(_) => std::str::from_utf8(text)
                    .ok()
                    .and_then(Pseudo::of)
                    .map(Name::Pseudo),
                // RFC 9113 section 8.2: upper case is malformed.
                None => HeaderName::from_lowercase(text).ok().map(Name::Header),
            }
        } else {
            let field = self.table.get(number).ok_or(Malformed::Index)?;
            Some(field.name.clone())
        };
        let text = string(&mut self.scratch, rest)?;
        let value = value(Bytes::copy_from_slice(text));
        Ok(name.zip(value).map(|(name, value)| Field { name, value }))
    }
}

/// A string, decoded.
fn string<'s, 'r: 's>(
    scratch: &'s mut Vec<u8>,
    rest: &mut &'r [u8],
) -> Result<&'s [u8], Malformed> {
    let coded = rest.first().ok_or(Malformed::Short)? & 0x80 != 0;
    let length = integer(rest, 7)?;
    if length > LONGEST {
        return Err(Malformed::Number);
    }
    let (text, behind) = rest.split_at_checked(length).ok_or(Malformed::Short)?;
    *rest = behind;
    if !coded {
        return Ok(text);
    }
    scratch.clear();
    huffman::decode(text, scratch)?;
    Ok(scratch)
}

/// A number whose first bits share a byte with something else (RFC 7541 section 5.1).
fn integer(rest: &mut &[u8], prefix: u8) -> Result<usize, Malformed> {
    /// Numbers here are indexes and lengths; 28 bits are more than any may be.
    const LONGEST_SHIFT: u32 = 21;
    let (first, mut tail) = rest.split_first().ok_or(Malformed::Short)?;
    let mask = (1usize << prefix) - 1;
    let mut number = usize::from(*first) & mask;
    if number == mask {
        let mut shift = 0;
        loop {
            let (byte, behind) = tail.split_first().ok_or(Malformed::Short)?;
            tail = behind;
            if shift > LONGEST_SHIFT {
                return Err(Malformed::Number);
            }
            number += usize::from(byte & 0x7f) << shift;
            shift += 7;
            if byte & 0x80 == 0 {
                break;
            }
        }
    }
    *rest = tail;
    Ok(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(decoder: &mut Decoder, block: &[u8]) -> Result<Vec<String>, Malformed> {
        let mut fields = Vec::new();
        decoder.block(block, |field| {
            fields.push(match field {
                None => "malformed".to_owned(),
                Some(field) => {
                    let name = match &field.name {
                        Name::Pseudo(pseudo) => format!("{pseudo:?}"),
                        Name::Header(name) => name.to_string(),
                    };
                    format!("{name}={}", field.value.to_str().unwrap_or("?"))
                }
            });
        })?;
        Ok(fields)
    }

    /// RFC 7541 appendix C.4: three requests on one connection.
    #[test]
    fn the_examples_of_the_specification_are_read() {
        let mut decoder = Decoder::new(4096);
        let first = [
            0x82, 0x86, 0x84, 0x41, 0x8c, 0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab,
            0x90, 0xf4, 0xff,
        ];
        let expected = [
            "Method=GET",
            "Scheme=http",
            "Path=/",
            "Authority=www.example.com",
        ];
        assert_eq!(read(&mut decoder, &first).unwrap(), expected);
        let second = [
            0x82, 0x86, 0x84, 0xbe, 0x58, 0x86, 0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf,
        ];
        let fields = read(&mut decoder, &second).unwrap();
        assert_eq!(
            fields[3..],
            ["Authority=www.example.com", "cache-control=no-cache"]
        );
        let third = [
            0x82, 0x87, 0x85, 0xbf, 0x40, 0x88, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xa9, 0x7d, 0x7f,
            0x89, 0x25, 0xa8, 0x49, 0xe9, 0x5b, 0xb8, 0xe8, 0xb4, 0xbf,
        ];
        let fields = read(&mut decoder, &third).unwrap();
        assert_eq!(fields[1..3], ["Scheme=https", "Path=/index.html"]);
        assert_eq!(fields[4], "custom-key=custom-value");
    }

    #[test]
    fn a_malformed_field_is_told_and_does_not_stop_the_others() {
        let mut decoder = Decoder::new(4096);
        let block = [
            &[0x00, 0x01, b'A', 0x01, b'x', 0x00, 0x01, b'b', 0x01][..],
            b"\n\x82",
        ]
        .concat();
        assert_eq!(
            read(&mut decoder, &block).unwrap(),
            ["malformed", "malformed", "Method=GET"]
        );
    }

    #[test]
    fn what_cannot_be_read_is_refused() {
        let cases: [(&[u8], Malformed); 7] = [
            (&[0xff], Malformed::Short),
            (&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff], Malformed::Number),
            (&[0x80], Malformed::Index),
            (&[0xbe], Malformed::Index),
            (&[0x00, 0x05, b'a'], Malformed::Short),
            (&[0x82, 0x20], Malformed::TableSize),
            (&[0x3f, 0xe2, 0x1f], Malformed::TableSize),
        ];
        for (block, expected) in cases {
            let result = read(&mut Decoder::new(4096), block);
            assert_eq!(result, Err(expected), "{block:x?}");
        }
    }

    #[test]
    fn no_block_makes_the_decoder_panic() {
        let mut random = fastrand::Rng::with_seed(7);
        for _ in 0..20_000 {
            let block: Vec<u8> = (0..random.usize(0..40)).map(|_| random.u8(..)).collect();
            // Either way is right; only a panic is wrong.
            let _ = read(&mut Decoder::new(256), &block);
        }
    }
}
