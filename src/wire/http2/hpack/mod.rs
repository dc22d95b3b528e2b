//! HPACK: header fields as HTTP/2 writes them (RFC 7541).
//!
//! Our own, because a field that was sent before must cost no more than two counted references: the
//! tables hold names and values in the form in which the rest of the program uses them. What is
//! written is never added to the other side's table; it saves a proxy nothing.

mod decode;
mod encode;
mod huffman;
mod table;

pub(crate) use decode::Decoder;
pub(crate) use encode::{header, pseudo, status};
pub(crate) use table::{Field, Name, Pseudo};

/// Why a header block cannot be read. The connection cannot go on: its table is out of step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    /// A string goes on behind the end.
    #[error("a header block ends in the middle of a field")]
    Short,
    /// More than any length or index may be.
    #[error("a number in a header block is too large")]
    Number,
    /// There is no such entry.
    #[error("a header block names an entry that is not in the table")]
    Index,
    /// Not a code, or bad padding.
    #[error("a header block has a wrong Huffman code")]
    Huffman,
    /// A new size behind the first field, or more than was allowed.
    #[error("a header block changes the size of the table wrongly")]
    TableSize,
}
