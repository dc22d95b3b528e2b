//! HTTP/1.1 as bytes: what a case of a corpus sends, what comes back, and how a pod reads it.

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::corpus::{Case, bytes};

/// What came back.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    pub(crate) statuses: Vec<u16>,
    pub(crate) closed: bool,
    pub(crate) reset: bool,
    pub(crate) goaway: Option<u32>,
    pub(crate) text: String,
}

impl Answer {
    /// Whether it is what a case expects.
    pub(crate) fn is(&self, wish: &str, h2: bool) -> bool {
        match wish {
            "any" => true,
            "close" => !h2 && self.statuses.is_empty() && self.closed,
            "reset" => h2 && self.reset,
            "goaway" => h2 && (self.goaway.is_some() || self.closed),
            _ => {
                let (statuses, close) = match wish.strip_suffix("+close") {
                    Some(statuses) => (statuses, true),
                    None => (wish, false),
                };
                let statuses = statuses.split(',').map(|status| status.parse().unwrap());
                self.statuses == statuses.collect::<Vec<u16>>() && (h2 || !close || self.closed)
            }
        }
    }
}

/// Lines of `send` or `reply`, slow bytes each on their own.
pub(crate) fn wire(lines: &[String], host: &str) -> Vec<Vec<u8>> {
    let mut out = vec![Vec::new()];
    for line in lines {
        let text = line[1..].strip_prefix(' ').unwrap_or(&line[1..]);
        let mut bytes = bytes(text, host);
        match line.as_bytes()[0] {
            b'|' => bytes.extend(b"\r\n"),
            b'~' => {
                out.extend(bytes.into_iter().map(|byte| vec![byte]));
                continue;
            }
            _ => {}
        }
        out.last_mut().unwrap().extend(bytes);
    }
    out
}

/// A case of `ask` as HTTP/1.1.
pub(crate) fn request(ask: &str, case: &Case, host: &str) -> Vec<u8> {
    let mut lines = vec![format!("> {ask} HTTP/1.1\\r\\n")];
    if !case
        .fields
        .iter()
        .any(|field| field.starts_with("Host: ") || field.starts_with("-Host: "))
    {
        lines.push("| Host: {host}".to_owned());
    }
    let sent = |field: &&String| !field.starts_with("-Host: ");
    lines.extend(
        case.fields
            .iter()
            .filter(sent)
            .map(|field| format!("| {field}")),
    );
    if let Some(body) = &case.body {
        lines.push(format!("| Content-Length: {}", bytes(body, host).len()));
    }
    lines.push("|".to_owned());
    lines.extend(case.body.iter().map(|body| format!("> {body}")));
    wire(&lines, host).concat()
}

/// Reads answers until as many have come as the longest wish has; to the end of the connection if
/// a wish names it.
pub(crate) async fn read_answers(
    reading: &mut (impl AsyncRead + Unpin),
    case: &Case,
    answer: &mut Answer,
) {
    let to_end = case.expect.iter().any(|wish| wish.ends_with("close"));
    let count = |wish: &String| wish.split(',').count();
    let most = case.expect.iter().map(count).max().unwrap_or(1);
    let head = case
        .ask
        .as_ref()
        .is_some_and(|ask| ask.starts_with("HEAD "));
    let mut raw = Vec::new();
    let mut buffer = vec![0; 64 * 1024];
    loop {
        let read = reading.read(&mut buffer).await.unwrap_or(0);
        raw.extend(&buffer[..read]);
        answer.closed = read == 0;
        answer.text = String::from_utf8_lossy(&raw).into_owned();
        let (statuses, complete) = statuses(&raw, head);
        answer.statuses = statuses;
        if answer.closed || (complete && answer.statuses.len() >= most && !to_end) {
            return;
        }
    }
}

/// Status of each answer, and whether the last one is there in full.
fn statuses(mut raw: &[u8], head: bool) -> (Vec<u16>, bool) {
    let mut statuses = Vec::new();
    while let Some(end) = raw.windows(4).position(|window| window == b"\r\n\r\n") {
        let text = String::from_utf8_lossy(&raw[..end]).to_ascii_lowercase();
        raw = &raw[end + 4..];
        let Some(status) = text.get(9..12).and_then(|status| status.parse().ok()) else {
            statuses.push(0);
            return (statuses, true);
        };
        if (100..200).contains(&status) && status != 101 {
            continue;
        }
        statuses.push(status);
        let value = |name: &str| {
            let line = text.lines().find(|line| line.starts_with(name))?;
            Some(line[name.len()..].trim().to_owned())
        };
        if head || matches!(status, 204 | 304 | 101) {
            continue;
        }
        let length = if value("transfer-encoding:").is_some() {
            match raw.windows(5).position(|window| window == b"0\r\n\r\n") {
                Some(at) => at + 5,
                None => return (statuses, false),
            }
        } else {
            value("content-length:").map_or(usize::MAX, |length| length.parse().unwrap())
        };
        if raw.len() < length {
            return (statuses, false);
        }
        raw = &raw[length..];
    }
    let complete = !statuses.is_empty() && raw.is_empty();
    (statuses, complete)
}

/// Head and body of the next request, and whether it came to its end.
pub(crate) async fn next(
    stream: &mut (impl AsyncRead + Unpin),
    buffer: &mut Vec<u8>,
) -> Option<(Vec<u8>, Vec<u8>, bool)> {
    let end = loop {
        if let Some(at) = find(buffer, b"\r\n\r\n") {
            break at + 4;
        }
        if !more(stream, buffer).await {
            // Bytes that are no request are as bad as one.
            let rest = std::mem::take(buffer);
            return (!rest.is_empty()).then_some((rest, Vec::new(), false));
        }
    };
    let head: Vec<u8> = buffer.drain(..end).collect();
    let text = String::from_utf8_lossy(&head).to_ascii_lowercase();
    let value = |name: &str| {
        let line = text.lines().find(|line| line.starts_with(name))?;
        Some(line[name.len()..].trim().to_owned())
    };
    let length = if value("transfer-encoding:").is_some() {
        loop {
            let last = buffer.starts_with(b"0\r\n") || find(buffer, b"\r\n0\r\n").is_some();
            if last && let Some(at) = find(buffer, b"\r\n\r\n") {
                break at + 4;
            }
            if !more(stream, buffer).await {
                return Some((head, std::mem::take(buffer), false));
            }
        }
    } else {
        value("content-length:").map_or(0, |length| length.parse().unwrap())
    };
    while buffer.len() < length {
        if !more(stream, buffer).await {
            return Some((head, std::mem::take(buffer), false));
        }
    }
    let body = buffer.drain(..length).collect();
    Some((head, body, true))
}

async fn more(stream: &mut (impl AsyncRead + Unpin), buffer: &mut Vec<u8>) -> bool {
    matches!(stream.read_buf(buffer).await, Ok(read) if read > 0)
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}
