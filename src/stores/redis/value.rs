//! What a key holds, and how it lies in the file.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

/// The value of a key. Lists, hashes and sets are never empty: the key goes with its last element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Value {
    String(Bytes),
    List(List),
    Hash(BTreeMap<Bytes, Bytes>),
    Set(BTreeSet<Bytes>),
}

/// A list whose elements have positions in the file that do not move when others come and go at
/// its ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct List {
    /// Position of the first element.
    pub(super) first: i64,
    pub(super) items: VecDeque<Bytes>,
}

impl List {
    /// With the first element at position 0.
    pub(super) fn of(items: VecDeque<Bytes>) -> Self {
        Self { first: 0, items }
    }
}

/// The letter of a type in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    String,
    List,
    Hash,
    Set,
}

impl Kind {
    /// As TYPE tells it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::List => "list",
            Self::Hash => "hash",
            Self::Set => "set",
        }
    }

    fn letter(self) -> u8 {
        match self {
            Self::String => b's',
            Self::List => b'l',
            Self::Hash => b'h',
            Self::Set => b'e',
        }
    }
}

impl Value {
    /// Its type.
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::String(_) => Kind::String,
            Self::List(_) => Kind::List,
            Self::Hash(_) => Kind::Hash,
            Self::Set(_) => Kind::Set,
        }
    }

    /// What the file holds under the key itself: type, expiry, and a string's bytes.
    pub(super) fn header(&self, expires: Option<i64>) -> Vec<u8> {
        let mut header = vec![self.kind().letter()];
        header.extend(expires.unwrap_or(i64::MAX).to_be_bytes());
        if let Self::String(value) = self {
            header.extend(value);
        }
        header
    }

    /// Reads a header; the elements come later. `None` if this store did not write it.
    pub(super) fn of_header(header: &[u8]) -> Option<(Self, Option<i64>)> {
        let (letter, rest) = header.split_first()?;
        let (expires, rest) = rest.split_first_chunk()?;
        let expires = i64::from_be_bytes(*expires);
        let value = match letter {
            b's' => Self::String(Bytes::copy_from_slice(rest)),
            b'l' => Self::List(List::default()),
            b'h' => Self::Hash(BTreeMap::new()),
            b'e' => Self::Set(BTreeSet::new()),
            _ => return None,
        };
        Some((value, (expires != i64::MAX).then_some(expires)))
    }

    /// The elements with their places in the file.
    pub(super) fn elements(&self) -> Vec<(Bytes, Bytes)> {
        match self {
            Self::String(_) => Vec::new(),
            Self::List(list) => (list.first..)
                .zip(&list.items)
                .map(|(position, item)| (place(position), item.clone()))
                .collect(),
            Self::Hash(fields) => fields
                .iter()
                .map(|(field, value)| (field.clone(), value.clone()))
                .collect(),
            Self::Set(members) => members
                .iter()
                .map(|member| (member.clone(), Bytes::new()))
                .collect(),
        }
    }

    /// Takes in an element of the file; they come in the order of their places.
    pub(super) fn restore(&mut self, at: &[u8], element: Bytes) {
        match self {
            Self::String(_) => {}
            Self::List(list) => {
                if let (true, Some(bytes)) = (list.items.is_empty(), at.first_chunk()) {
                    list.first = i64::from_be_bytes(*bytes) ^ i64::MIN;
                }
                list.items.push_back(element);
            }
            Self::Hash(fields) => {
                fields.insert(Bytes::copy_from_slice(at), element);
            }
            Self::Set(members) => {
                members.insert(Bytes::copy_from_slice(at));
            }
        }
    }
}

/// A position such that the order of bytes is the order of positions.
pub(super) fn place(position: i64) -> Bytes {
    Bytes::copy_from_slice(&(position ^ i64::MIN).to_be_bytes())
}
