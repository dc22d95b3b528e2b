//! Which header fields both sides know by number: the static table, and the ones learned on a
//! connection (RFC 7541 section 2.3).

use std::collections::VecDeque;
use std::sync::LazyLock;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

/// What every entry counts beside its letters (RFC 7541 section 4.1).
const OVERHEAD: usize = 32;

/// The name of a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Name {
    /// `:method` …
    Pseudo(Pseudo),
    /// An ordinary header.
    Header(HeaderName),
}

/// The names that begin with a colon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pseudo {
    Authority,
    Method,
    Path,
    Scheme,
    Status,
}

/// A field as it is decoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Field {
    pub(crate) name: Name,
    pub(crate) value: HeaderValue,
}

/// The 61 fields of RFC 7541 appendix A.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"),
    (":path", "/index.html"), (":scheme", "http"), (":scheme", "https"), (":status", "200"),
    (":status", "204"), (":status", "206"), (":status", "304"), (":status", "400"),
    (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""),
    ("accept", ""), ("access-control-allow-origin", ""), ("age", ""), ("allow", ""),
    ("authorization", ""), ("cache-control", ""), ("content-disposition", ""),
    ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""),
    ("date", ""), ("etag", ""), ("expect", ""), ("expires", ""), ("from", ""), ("host", ""),
    ("if-match", ""), ("if-modified-since", ""), ("if-none-match", ""), ("if-range", ""),
    ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""), ("location", ""),
    ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""),
    ("vary", ""), ("via", ""), ("www-authenticate", ""),
];

static STATIC_FIELDS: LazyLock<Vec<Field>> = LazyLock::new(|| {
    let field = |(name, value): &(&'static str, &'static str)| Field {
        name: match name.strip_prefix(':') {
            Some(_) => Name::Pseudo(Pseudo::of(name).unwrap_or(Pseudo::Path)),
            None => Name::Header(HeaderName::from_static(name)),
        },
        value: HeaderValue::from_static(value),
    };
    STATIC.iter().map(field).collect()
});

impl Pseudo {
    /// `None` for a name that RFC 9113 does not define.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Some(match name {
            ":authority" => Self::Authority,
            ":method" => Self::Method,
            ":path" => Self::Path,
            ":scheme" => Self::Scheme,
            ":status" => Self::Status,
            _ => return None,
        })
    }
}

impl Name {
    fn len(&self) -> usize {
        match self {
            Self::Pseudo(Pseudo::Authority) => ":authority".len(),
            Self::Pseudo(Pseudo::Path) => ":path".len(),
            Self::Pseudo(_) => ":method".len(),
            Self::Header(name) => name.as_str().len(),
        }
    }
}

impl Field {
    /// As it counts for a table and for a header list.
    pub(crate) fn size(&self) -> usize {
        self.name.len() + self.value.len() + OVERHEAD
    }
}

/// The number of an ordinary header's name, if it has one.
pub(super) fn static_name(name: &HeaderName) -> Option<u8> {
    static NUMBERS: LazyLock<std::collections::HashMap<HeaderName, u8>> = LazyLock::new(|| {
        (1u8..)
            .zip(&STATIC)
            .filter(|(_, (name, _))| !name.starts_with(':'))
            .map(|(number, (name, _))| (HeaderName::from_static(name), number))
            .collect()
    });
    NUMBERS.get(name).copied()
}

/// The table of one direction of a connection.
#[derive(Debug)]
pub(super) struct Table {
    /// The newest first.
    learned: VecDeque<Field>,
    size: usize,
    limit: usize,
}

impl Table {
    /// Remembers at most so many bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self {
            learned: VecDeque::new(),
            size: 0,
            limit,
        }
    }

    /// The field of this number; 1 is the first.
    pub(super) fn get(&self, number: usize) -> Option<&Field> {
        let index = number.checked_sub(1)?;
        match index.checked_sub(STATIC.len()) {
            None => STATIC_FIELDS.get(index),
            Some(index) => self.learned.get(index),
        }
    }

    /// Learns a field; the oldest go. One that is larger than the table empties it.
    pub(super) fn insert(&mut self, field: Field) {
        let size = field.size();
        self.shrink(self.limit.saturating_sub(size));
        if size <= self.limit {
            self.size += size;
            self.learned.push_front(field);
        }
    }

    /// Another limit, as the other side announces it.
    pub(super) fn resize(&mut self, limit: usize) {
        self.limit = limit;
        self.shrink(limit);
    }

    fn shrink(&mut self, limit: usize) {
        while self.size > limit {
            let Some(oldest) = self.learned.pop_back() else {
                return;
            };
            self.size -= oldest.size();
        }
    }
}

/// A value that a header may have: visible, blank, or beyond ASCII; no CR, LF or NUL.
pub(super) fn value(bytes: Bytes) -> Option<HeaderValue> {
    let edge = |byte: Option<&u8>| matches!(byte, Some(b' ' | b'\t'));
    // RFC 9113 section 8.2.1: no white space around it.
    if edge(bytes.first()) || edge(bytes.last()) {
        return None;
    }
    HeaderValue::from_maybe_shared(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn field(name: &'static str, value: &'static str) -> Field {
        Field {
            name: Name::Header(HeaderName::from_static(name)),
            value: HeaderValue::from_static(value),
        }
    }

    #[test]
    fn numbers_begin_with_the_static_table() {
        let mut table = Table::new(4096);
        assert_eq!(table.get(0), None);
        assert_eq!(table.get(2).unwrap().name, Name::Pseudo(Pseudo::Method));
        assert_eq!(
            table.get(61).unwrap().name,
            field("www-authenticate", "").name
        );
        assert_eq!(table.get(62), None);
        table.insert(field("a", "1"));
        table.insert(field("b", "2"));
        assert_eq!(table.get(62), Some(&field("b", "2")));
        assert_eq!(table.get(63), Some(&field("a", "1")));
        assert_eq!(static_name(&HeaderName::from_static("accept")), Some(19));
        assert_eq!(static_name(&HeaderName::from_static("x-a")), None);
    }

    #[test]
    fn the_oldest_go_when_room_is_needed() {
        let mut table = Table::new(70);
        table.insert(field("a", "1"));
        table.insert(field("b", "2"));
        assert_eq!(table.get(63), Some(&field("a", "1")));
        table.insert(field("c", "3"));
        assert_eq!(table.get(63), Some(&field("b", "2")));
        assert_eq!(table.get(64), None);
        table.resize(0);
        assert_eq!(table.get(62), None);
        table.insert(field("d", "4"));
        assert_eq!(table.get(62), None);
    }
}
