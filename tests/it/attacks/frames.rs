//! HTTP/2 frames by hand, also those that no library would send, and what comes back.
//!
//! ```text
//! | headers STREAM [end] [more]    HEADERS; `end`: END_STREAM, `more`: without END_HEADERS
//! |   get PATH                     four pseudo headers
//! |   name: value                  any other field
//! | continuation STREAM [more]     with fields like `headers`
//! | data STREAM [end] TEXT
//! | rst STREAM | window STREAM N | ping | settings ID N
//! | frame TYPE FLAGS STREAM TEXT   any frame
//! | raw TEXT                       no frame at all
//! | repeat N … again               the lines between, N times
//! ```
//! STREAM `+` is the next stream, `=` the last one. The preface and SETTINGS come by themselves.

use crate::support::corpus::bytes;

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// A frame as it is on the wire.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut out = vec![length[1], length[2], length[3], kind, flags];
    out.extend(stream.to_be_bytes());
    out.extend(payload);
    out
}

/// A string of HPACK, not compressed (RFC 7541 section 5.2).
fn string(text: &[u8], out: &mut Vec<u8>) {
    if text.len() < 127 {
        out.push(u8::try_from(text.len()).unwrap());
    } else {
        out.push(127);
        let mut rest = text.len() - 127;
        while rest >= 128 {
            out.push(u8::try_from(rest % 128).unwrap() | 128);
            rest /= 128;
        }
        out.push(u8::try_from(rest).unwrap());
    }
    out.extend(text);
}

/// A literal field that enters no table.
fn field(name: &[u8], value: &[u8], out: &mut Vec<u8>) {
    out.push(0);
    string(name, out);
    string(value, out);
}

/// The preface and our SETTINGS: no dynamic table, so that a status is never an index into it.
pub(super) fn preface() -> Vec<u8> {
    let mut out = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    out.extend(frame(SETTINGS, 0, 0, &[0, 1, 0, 0, 0, 0]));
    out
}

/// The same request as one of HTTP/1.1, on stream 1.
pub(super) fn request(ask: &str, fields: &[String], body: Option<&str>, host: &str) -> Vec<u8> {
    let (method, target) = ask.split_once(' ').unwrap();
    let mut block = Vec::new();
    field(b":method", method.as_bytes(), &mut block);
    field(b":scheme", b"http", &mut block);
    field(b":path", &bytes(target, host), &mut block);
    let mut authority = Some(bytes("{host}", host));
    let mut regular = Vec::new();
    for line in fields {
        let (name, value) = line.split_once(": ").unwrap();
        if name == "Host" {
            authority = Some(bytes(value, host));
        } else if name == "-Host" {
            authority = None;
        } else {
            field(
                name.to_ascii_lowercase().as_bytes(),
                &bytes(value, host),
                &mut regular,
            );
        }
    }
    if let Some(authority) = authority {
        field(b":authority", &authority, &mut block);
    }
    block.extend(regular);
    let Some(body) = body else {
        return frame(HEADERS, END_HEADERS | END_STREAM, 1, &block);
    };
    let body = bytes(body, host);
    field(
        b"content-length",
        body.len().to_string().as_bytes(),
        &mut block,
    );
    let mut out = frame(HEADERS, END_HEADERS, 1, &block);
    out.extend(frame(DATA, END_STREAM, 1, &body));
    out
}

/// The frames that the lines stand for.
pub(super) fn compile(lines: &[String], host: &str) -> Vec<u8> {
    let lines: Vec<&str> = lines
        .iter()
        .map(|line| line[1..].strip_prefix(' ').unwrap_or(&line[1..]))
        .collect();
    let mut out = Vec::new();
    let mut last = u32::MAX;
    run(&lines, host, &mut last, &mut out);
    out
}

fn run(lines: &[&str], host: &str, last: &mut u32, out: &mut Vec<u8>) {
    let mut at = 0;
    while at < lines.len() {
        let line = lines[at];
        at += 1;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let mut words = rest.split(' ');
        let mut number = || words.next().unwrap().parse::<u32>().unwrap();
        match word {
            "repeat" => {
                let end = at
                    + lines[at..]
                        .iter()
                        .position(|line| *line == "again")
                        .unwrap();
                for _ in 0..number() {
                    run(&lines[at..end], host, last, out);
                }
                at = end + 1;
            }
            "headers" | "continuation" => {
                let fields = lines[at..]
                    .iter()
                    .take_while(|line| line.starts_with("  "))
                    .count();
                let block = block(&lines[at..at + fields], host);
                at += fields;
                let mut flags = 0;
                if rest.contains(" end") {
                    flags |= END_STREAM;
                }
                if !rest.contains(" more") {
                    flags |= END_HEADERS;
                }
                let kind = if word == "headers" {
                    HEADERS
                } else {
                    CONTINUATION
                };
                let stream = stream(words.next().unwrap(), last);
                out.extend(frame(kind, flags, stream, &block));
            }
            "data" => {
                let stream = stream(words.next().unwrap(), last);
                let text = rest.split_once(' ').map_or("", |(_, text)| text);
                let (flags, text) = match text.strip_prefix("end") {
                    Some(text) => (END_STREAM, text.trim_start()),
                    None => (0, text),
                };
                out.extend(frame(DATA, flags, stream, &bytes(text, host)));
            }
            "rst" => {
                let stream = stream(words.next().unwrap(), last);
                out.extend(frame(RST_STREAM, 0, stream, &[0, 0, 0, 8]));
            }
            "window" => {
                let stream = stream(words.next().unwrap(), last);
                let by = words.next().unwrap().parse::<u32>().unwrap();
                out.extend(frame(WINDOW_UPDATE, 0, stream, &by.to_be_bytes()));
            }
            "ping" => out.extend(frame(PING, 0, 0, b"12345678")),
            "settings" => {
                let mut payload = vec![0, u8::try_from(number()).unwrap()];
                payload.extend(number().to_be_bytes());
                out.extend(frame(SETTINGS, 0, 0, &payload));
            }
            "frame" => {
                let kind = u8::try_from(number()).unwrap();
                let flags = u8::try_from(number()).unwrap();
                let stream = stream(words.next().unwrap(), last);
                let text: Vec<&str> = words.collect();
                out.extend(frame(kind, flags, stream, &bytes(&text.join(" "), host)));
            }
            "raw" => out.extend(bytes(rest, host)),
            _ => panic!("no such frame: {line}"),
        }
    }
}

fn stream(word: &str, last: &mut u32) -> u32 {
    match word {
        // The first is 1: before it, `last` is -1.
        "+" => *last = last.wrapping_add(2),
        "=" => {}
        number => *last = number.parse().unwrap(),
    }
    *last
}

fn block(lines: &[&str], host: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for line in lines {
        let line = &line[2..];
        if let Some(path) = line.strip_prefix("get ") {
            field(b":method", b"GET", &mut out);
            field(b":scheme", b"http", &mut out);
            field(b":path", &bytes(path, host), &mut out);
            field(b":authority", host.as_bytes(), &mut out);
        } else if let Some(text) = line.strip_prefix("hpack ") {
            out.extend(bytes(text, host));
        } else {
            let colon = line[1..].find(':').unwrap() + 1;
            let value = line[colon + 1..].strip_prefix(' ').unwrap_or("");
            field(&bytes(&line[..colon], host), &bytes(value, host), &mut out);
        }
    }
    out
}

/// What is known of the answer so far.
#[derive(Debug, Default)]
pub(super) struct Seen {
    buffer: Vec<u8>,
    /// Status on stream 1.
    pub(super) status: Option<u16>,
    /// Stream 1 has ended.
    pub(super) ended: bool,
    /// Stream 1 was reset.
    pub(super) reset: bool,
    /// The connection was ended with an error.
    pub(super) goaway: Option<u32>,
}

impl Seen {
    /// Takes what was read; an answer in full, a reset or an end makes it `true`.
    pub(super) fn read(&mut self, bytes: &[u8]) -> bool {
        self.buffer.extend(bytes);
        while self.buffer.len() >= 9 {
            let head = &self.buffer;
            let length =
                usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2]);
            if head.len() < 9 + length {
                break;
            }
            let (kind, flags) = (head[3], head[4]);
            let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
            let payload: Vec<u8> = self.buffer.drain(..9 + length).skip(9).collect();
            match kind {
                HEADERS | DATA if stream == 1 => {
                    if kind == HEADERS && self.status.is_none() {
                        let status = status(&payload);
                        // 1xx is not the answer yet.
                        self.status = Some(status).filter(|status| *status >= 200);
                    }
                    self.ended |= flags & END_STREAM != 0;
                }
                RST_STREAM if stream == 1 => self.reset = true,
                GOAWAY => {
                    let code = payload[4..8].try_into().unwrap();
                    self.goaway = Some(u32::from_be_bytes(code)).filter(|code| *code != 0);
                }
                _ => {}
            }
        }
        self.ended || self.reset || self.goaway.is_some()
    }
}

/// `:status`, which is the first field of every answer.
fn status(block: &[u8]) -> u16 {
    let mut block = block;
    // Changes of the dynamic table's size.
    while block.first().is_some_and(|byte| byte >> 5 == 1) {
        block = &block[1..];
    }
    match block[0] {
        indexed if indexed & 0x80 != 0 => {
            [200, 204, 206, 304, 400, 404, 500][usize::from(indexed & 0x7f) - 8]
        }
        // A literal value with the name `:status` from the static table.
        _ if block[1] & 0x80 == 0 => std::str::from_utf8(&block[2..5]).unwrap().parse().unwrap(),
        _ => digits(&block[2..2 + usize::from(block[1] & 0x7f)]),
    }
}

/// A number in the Huffman code of HPACK: `0` to `2` have five bits, the others six.
fn digits(bytes: &[u8]) -> u16 {
    let bits: Vec<u8> = bytes
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1))
        .collect();
    let (mut number, mut at) = (0, 0);
    for _ in 0..3 {
        let value = |length: usize| {
            bits[at..at + length]
                .iter()
                .fold(0_u16, |value, bit| value << 1 | u16::from(*bit))
        };
        let (digit, length) = match value(5) {
            digit @ 0..=2 => (digit, 5),
            _ => (value(6) - 0b01_1001 + 3, 6),
        };
        number = number * 10 + digit;
        at += length;
    }
    number
}

#[test]
fn statuses_are_read() {
    assert_eq!(status(&[0x88]), 200);
    assert_eq!(status(&[0x20, 0x8d]), 404);
    assert_eq!(status(b"\x08\x03431"), 431);
    // RFC 7541 C.6.1: 302.
    assert_eq!(status(&[0x48, 0x82, 0x64, 0x02]), 302);
}
