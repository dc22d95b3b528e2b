//! The frames of the wire protocol: `OP_MSG`, and `OP_QUERY` for the handshake of old clients.
//!
//! Nothing of a frame is believed before it was checked: lengths, nesting, types.
//! Source: <https://www.mongodb.com/docs/manual/reference/mongodb-wire-protocol/>.

use bson::{Bson, Document};
use tokio::io::{AsyncRead, AsyncReadExt};

mod check;

pub(crate) use check::check_document;

/// The largest message, as `hello` announces it.
pub(crate) const LARGEST_MESSAGE: usize = 48_000_000;
const OP_REPLY: i32 = 1;
const OP_QUERY: i32 = 2004;
const OP_MSG: i32 = 2013;
const CHECKSUM_PRESENT: u32 = 1;
const MORE_TO_COME: u32 = 2;
/// The lower half of the flags must be understood; these are.
const REQUIRED_FLAGS: u32 = 0xffff;

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    /// Echoed in the answer.
    pub(crate) id: i32,
    /// The command; document sequences have become arrays in it.
    pub(crate) body: Document,
    /// The client waits for no answer.
    pub(crate) silent: bool,
    /// It came as `OP_QUERY` and is answered as `OP_REPLY`.
    pub(crate) legacy: bool,
    /// A type was found that this store does not hold.
    pub(crate) refused: Option<&'static str>,
}

/// Why a connection is given up.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WireError {
    #[error("connection lost")]
    Io(#[from] std::io::Error),
    #[error("malformed message: {0}")]
    Malformed(&'static str),
}

/// Reads the next request; `None` at a clean end.
pub(crate) async fn read(
    stream: &mut (impl AsyncRead + Unpin),
) -> Result<Option<Request>, WireError> {
    let mut header = [0; 16];
    if stream.read(&mut header[..1]).await? == 0 {
        return Ok(None);
    }
    stream.read_exact(&mut header[1..]).await?;
    let field = |at: usize| {
        i32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
    };
    let (length, id, opcode) = (field(0), field(4), field(12));
    let length = usize::try_from(length).map_err(|_| WireError::Malformed("negative length"))?;
    if !(16..=LARGEST_MESSAGE + 16 * 1024).contains(&length) {
        return Err(WireError::Malformed("length out of range"));
    }
    // Grows with what arrives, not with what is announced.
    let mut payload = Vec::new();
    let wanted = length - 16;
    stream.take(wanted as u64).read_to_end(&mut payload).await?;
    if payload.len() != wanted {
        return Err(WireError::Malformed("cut off"));
    }
    match opcode {
        OP_MSG => message(id, &payload).map(Some),
        OP_QUERY => query(id, &payload).map(Some),
        _ => Err(WireError::Malformed("unknown opcode")),
    }
}

fn message(id: i32, payload: &[u8]) -> Result<Request, WireError> {
    let (flags, mut rest) = payload
        .split_first_chunk()
        .ok_or(WireError::Malformed("no flags"))?;
    let flags = u32::from_le_bytes(*flags);
    if flags & CHECKSUM_PRESENT != 0 {
        return Err(WireError::Malformed("checksums are not supported"));
    }
    if flags & REQUIRED_FLAGS & !MORE_TO_COME != 0 {
        return Err(WireError::Malformed("unknown flags"));
    }
    let mut body = None;
    let mut sequences: Vec<(String, Vec<Bson>)> = Vec::new();
    let mut refused = None;
    while let Some((kind, after)) = rest.split_first() {
        match kind {
            0 => {
                let (document, after) = take_document(after, &mut refused)?;
                if body.replace(document).is_some() {
                    return Err(WireError::Malformed("two bodies"));
                }
                rest = after;
            }
            1 => {
                let size = after.first_chunk().map(|size| i32::from_le_bytes(*size));
                let size = size
                    .and_then(|size| usize::try_from(size).ok())
                    .filter(|size| *size >= 4);
                let section = size
                    .and_then(|size| after.get(4..size))
                    .ok_or(WireError::Malformed("section too short"))?;
                rest = &after[section.len() + 4..];
                let end = section
                    .iter()
                    .position(|byte| *byte == 0)
                    .ok_or(WireError::Malformed("section without a name"))?;
                let name = std::str::from_utf8(&section[..end])
                    .map_err(|_| WireError::Malformed("name is not UTF-8"))?;
                let mut documents = Vec::new();
                let mut section = &section[end + 1..];
                while !section.is_empty() {
                    let (document, after) = take_document(section, &mut refused)?;
                    documents.push(Bson::Document(document));
                    section = after;
                }
                sequences.push((name.to_owned(), documents));
            }
            _ => return Err(WireError::Malformed("unknown section")),
        }
    }
    let mut body = body.ok_or(WireError::Malformed("no body"))?;
    for (name, documents) in sequences {
        if body.insert(name, documents).is_some() {
            return Err(WireError::Malformed("a sequence and a field of one name"));
        }
    }
    Ok(Request {
        id,
        body,
        silent: flags & MORE_TO_COME != 0,
        legacy: false,
        refused,
    })
}

fn query(id: i32, payload: &[u8]) -> Result<Request, WireError> {
    let rest = payload.get(4..).ok_or(WireError::Malformed("no flags"))?;
    let end = rest
        .iter()
        .position(|byte| *byte == 0)
        .ok_or(WireError::Malformed("no collection"))?;
    let database = String::from_utf8_lossy(&rest[..end]);
    let database = database.split('.').next().unwrap_or_default().to_owned();
    let rest = rest
        .get(end + 9..)
        .ok_or(WireError::Malformed("no query"))?;
    let mut refused = None;
    let (mut body, _) = take_document(rest, &mut refused)?;
    if let Ok(inner) = body.get_document("$query") {
        body = inner.clone();
    }
    body.insert("$db", database);
    Ok(Request {
        id,
        body,
        silent: false,
        legacy: true,
        refused,
    })
}

fn take_document<'b>(
    bytes: &'b [u8],
    refused: &mut Option<&'static str>,
) -> Result<(Document, &'b [u8]), WireError> {
    let length = bytes
        .first_chunk()
        .map(|length| i32::from_le_bytes(*length));
    let length = length.and_then(|length| usize::try_from(length).ok());
    let (document, rest) = length
        .and_then(|length| bytes.split_at_checked(length))
        .ok_or(WireError::Malformed("document longer than its message"))?;
    if let Some(found) = check_document(document)? {
        *refused = Some(found);
        // Not decoded: the answer is an error whatever else is in it.
    }
    let document =
        Document::from_reader(document).map_err(|_| WireError::Malformed("not a BSON document"))?;
    Ok((document, rest))
}

/// The frame of an answer.
pub(crate) fn reply(to: &Request, document: &Document) -> Vec<u8> {
    let mut frame = vec![0; 16];
    if to.legacy {
        // AwaitCapable, no cursor, from the start, one document.
        frame.extend(8_i32.to_le_bytes());
        frame.extend(0_i64.to_le_bytes());
        frame.extend(0_i32.to_le_bytes());
        frame.extend(1_i32.to_le_bytes());
    } else {
        frame.extend([0; 5]);
    }
    if document.to_writer(&mut frame).is_err() {
        // Only names with zero bytes cannot be written, and none can come in.
        frame.truncate(if to.legacy { 36 } else { 21 });
        frame.extend([5, 0, 0, 0, 0]);
    }
    let length = i32::try_from(frame.len()).unwrap_or(i32::MAX);
    frame[0..4].copy_from_slice(&length.to_le_bytes());
    frame[8..12].copy_from_slice(&to.id.to_le_bytes());
    let opcode = if to.legacy { OP_REPLY } else { OP_MSG };
    frame[12..16].copy_from_slice(&opcode.to_le_bytes());
    frame
}
