//! Frames as they are on the wire (RFC 9113 sections 4 and 6): heads, flags, codes, and writing.

use bytes::{BufMut, BytesMut};

/// Bytes of a frame's head.
pub(super) const HEAD: usize = 9;
/// What a client sends first.
pub(crate) const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// The frame size that everybody accepts, and the only one that we do.
pub(super) const FRAME: usize = 16 * 1024;
/// The window that everything starts with.
pub(super) const WINDOW: i64 = 65_535;
/// The largest window that there may be.
pub(super) const LARGEST_WINDOW: i64 = (1 << 31) - 1;

/// A frame's type.
pub(super) mod kind {
    pub(crate) const DATA: u8 = 0;
    pub(crate) const HEADERS: u8 = 1;
    pub(crate) const PRIORITY: u8 = 2;
    pub(crate) const RST_STREAM: u8 = 3;
    pub(crate) const SETTINGS: u8 = 4;
    pub(crate) const PUSH_PROMISE: u8 = 5;
    pub(crate) const PING: u8 = 6;
    pub(crate) const GOAWAY: u8 = 7;
    pub(crate) const WINDOW_UPDATE: u8 = 8;
    pub(crate) const CONTINUATION: u8 = 9;
}

/// A frame's flags.
pub(super) mod flag {
    pub(crate) const ACK: u8 = 1;
    pub(crate) const END_STREAM: u8 = 1;
    pub(crate) const END_HEADERS: u8 = 4;
    pub(crate) const PADDED: u8 = 8;
    pub(crate) const PRIORITY: u8 = 32;
}

/// Identifiers of SETTINGS.
pub(super) mod setting {
    pub(crate) const HEADER_TABLE_SIZE: u16 = 1;
    pub(crate) const ENABLE_PUSH: u16 = 2;
    pub(crate) const MAX_CONCURRENT_STREAMS: u16 = 3;
    pub(crate) const INITIAL_WINDOW_SIZE: u16 = 4;
    pub(crate) const MAX_FRAME_SIZE: u16 = 5;
    pub(crate) const MAX_HEADER_LIST_SIZE: u16 = 6;
}

/// Why a stream or a connection ends (RFC 9113 section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reason(pub(crate) u32);

impl Reason {
    pub(crate) const NO_ERROR: Self = Self(0);
    pub(crate) const PROTOCOL_ERROR: Self = Self(1);
    pub(crate) const INTERNAL_ERROR: Self = Self(2);
    pub(crate) const FLOW_CONTROL_ERROR: Self = Self(3);
    pub(crate) const STREAM_CLOSED: Self = Self(5);
    pub(crate) const FRAME_SIZE_ERROR: Self = Self(6);
    pub(crate) const REFUSED_STREAM: Self = Self(7);
    pub(crate) const CANCEL: Self = Self(8);
    pub(crate) const COMPRESSION_ERROR: Self = Self(9);
    pub(crate) const ENHANCE_YOUR_CALM: Self = Self(11);
}

impl std::fmt::Display for Reason {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        const NAMES: [&str; 14] = [
            "NO_ERROR",
            "PROTOCOL_ERROR",
            "INTERNAL_ERROR",
            "FLOW_CONTROL_ERROR",
            "SETTINGS_TIMEOUT",
            "STREAM_CLOSED",
            "FRAME_SIZE_ERROR",
            "REFUSED_STREAM",
            "CANCEL",
            "COMPRESSION_ERROR",
            "CONNECT_ERROR",
            "ENHANCE_YOUR_CALM",
            "INADEQUATE_SECURITY",
            "HTTP_1_1_REQUIRED",
        ];
        match NAMES.get(self.0 as usize) {
            Some(name) => formatter.write_str(name),
            None => write!(formatter, "error {}", self.0),
        }
    }
}

/// A frame's head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) length: usize,
    pub(super) kind: u8,
    pub(super) flags: u8,
    pub(super) stream: u32,
}

impl Head {
    /// Reads the first nine bytes, if they are there.
    pub(super) fn read(bytes: &[u8]) -> Option<Self> {
        let [high, middle, low, kind, flags, id @ ..] = bytes.first_chunk::<HEAD>()?;
        Some(Self {
            length: usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low),
            kind: *kind,
            flags: *flags,
            stream: u32::from_be_bytes(*id) & !(1 << 31),
        })
    }

    /// Whether a flag is set.
    pub(super) fn has(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

/// Writes a frame's head. `length` is at most [`FRAME`] or what the other side allows, which is
/// less than 2^24.
pub(super) fn head(out: &mut BytesMut, length: usize, kind: u8, flags: u8, stream: u32) {
    out.put_uint(length as u64, 3);
    out.put_slice(&[kind, flags]);
    out.put_u32(stream);
}

/// Writes a frame that consists of one number.
pub(super) fn number(out: &mut BytesMut, kind: u8, stream: u32, number: u32) {
    head(out, 4, kind, 0, stream);
    out.put_u32(number);
}

/// Writes SETTINGS.
pub(super) fn settings(out: &mut BytesMut, settings: &[(u16, u32)]) {
    head(out, settings.len() * 6, kind::SETTINGS, 0, 0);
    for (id, value) in settings {
        out.put_u16(*id);
        out.put_u32(*value);
    }
}

/// Writes PING.
pub(super) fn ping(out: &mut BytesMut, flags: u8, payload: [u8; 8]) {
    head(out, payload.len(), kind::PING, flags, 0);
    out.put_slice(&payload);
}

/// Writes GOAWAY.
pub(super) fn goaway(out: &mut BytesMut, last: u32, reason: Reason) {
    head(out, 8, kind::GOAWAY, 0, 0);
    out.put_u32(last);
    out.put_u32(reason.0);
}

/// Writes a header block: HEADERS, and CONTINUATION for what does not fit.
pub(super) fn block(out: &mut BytesMut, stream: u32, block: &[u8], end: bool, largest: usize) {
    let mut pieces = block.chunks(largest.max(1));
    let first = pieces.next().unwrap_or_default();
    let whole = |last: bool| if last { flag::END_HEADERS } else { 0 };
    let end = if end { flag::END_STREAM } else { 0 };
    let flags = end | whole(pieces.len() == 0);
    head(out, first.len(), kind::HEADERS, flags, stream);
    out.put_slice(first);
    while let Some(piece) = pieces.next() {
        let flags = whole(pieces.len() == 0);
        head(out, piece.len(), kind::CONTINUATION, flags, stream);
        out.put_slice(piece);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written() {
        let mut out = BytesMut::new();
        head(&mut out, 0x01_02_03, kind::DATA, flag::PADDED, 0x7fff_ffff);
        assert_eq!(Head::read(&out[..8]), None);
        let read = Head::read(&out).unwrap();
        assert_eq!((read.length, read.stream), (0x01_02_03, 0x7fff_ffff));
        assert!(read.has(flag::PADDED) && !read.has(flag::END_STREAM));
    }

    #[test]
    fn a_long_block_goes_on_in_other_frames() {
        let mut out = BytesMut::new();
        block(&mut out, 1, &[7; 25], true, 10);
        let heads: Vec<_> = [0, 19, 38].map(|at| Head::read(&out[at..]).unwrap()).into();
        let told: Vec<_> = heads
            .iter()
            .map(|head| (head.kind, head.length, head.flags))
            .collect();
        assert_eq!(told, [(1, 10, 1), (9, 10, 0), (9, 5, 4)]);
        out.clear();
        block(&mut out, 1, &[], false, 10);
        assert_eq!(Head::read(&out).unwrap().flags, flag::END_HEADERS);
    }
}
