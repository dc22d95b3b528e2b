//! Reads `tests/attacks/*.txt` and `tests/differential/*.txt`: what is sent, what must come back,
//! what the backend may see.
//!
//! One word and its value a line; `#` begins a comment. What stands before the first `case` holds
//! for all cases of the file.
//!
//! ```text
//! case NAME                    begins a case
//! row TEXT                     the attack it belongs to; empty where two servers are compared
//! on h1 h1+tls h2 h2+tls       over what it is sent, once each
//! flavour traefik | nginx      both if left out
//! with TEXT                    the case is run once for each, with TEXT for {with}
//! ask METHOD TARGET            a request in the words of the protocol it is sent over …
//! field Name: value            … with these headers …
//! body TEXT                    … and this body and its length
//! send                         or HTTP/1.1 as it is on the wire: `| ` a line, CRLF is added;
//!                              `> ` bytes as they are; `~ ` bytes one by one, slowly
//! frames                       or HTTP/2, see `frames.rs`
//! reply                        what the backend answers, lines as with `send`; 200 if left out
//! expect 400+close 200,200     one of these: status of each answer, `+close` if the connection
//!                              must end then; `close`: the end without an answer; over HTTP/2
//!                              also `reset` (the stream), `goaway` (the connection) and `any`
//! backend N                    requests the backend sees at most; 0 if left out
//! sees TEXT                    what the backend saw has this, `@POOL` before each head, lower case
//! hides TEXT                   … and has not this
//! answer TEXT                  so for the answer, HTTP/1.1 only
//! silent TEXT
//! ```
//! Escapes: `\r \n \t \0 \s` (space) `\\ \xHH`; `{host}`; `{N*TEXT}` is N times the text.

use std::path::Path;

/// One thing to try.
#[derive(Clone, Debug, Default)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) row: String,
    pub(crate) on: Vec<String>,
    pub(crate) flavour: Option<String>,
    pub(crate) with: Vec<String>,
    pub(crate) ask: Option<String>,
    pub(crate) fields: Vec<String>,
    pub(crate) body: Option<String>,
    pub(crate) send: Vec<String>,
    pub(crate) frames: Vec<String>,
    pub(crate) reply: Vec<String>,
    pub(crate) expect: Vec<String>,
    pub(crate) backend: usize,
    pub(crate) sees: Vec<String>,
    pub(crate) hides: Vec<String>,
    pub(crate) answer: Vec<String>,
    pub(crate) silent: Vec<String>,
}

/// The cases of a file, `with` unfolded.
pub(crate) fn read(file: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(file).unwrap();
    let mut general = Case::default();
    let mut cases: Vec<Case> = Vec::new();
    let mut block = "";
    for (number, line) in text.lines().enumerate() {
        let place = || format!("{}:{}: {line}", file.display(), number + 1);
        let case = cases.last_mut().unwrap_or(&mut general);
        if line.starts_with(['|', '>', '~']) {
            let lines = match block {
                "send" => &mut case.send,
                "frames" => &mut case.frames,
                "reply" => &mut case.reply,
                _ => panic!("{}: a line of no block", place()),
            };
            lines.push(line.to_owned());
            continue;
        }
        block = "";
        let line_value = line.trim_end();
        if line_value.is_empty() || line_value.starts_with('#') {
            continue;
        }
        let (word, value) = line_value.split_once(' ').unwrap_or((line_value, ""));
        let words = || value.split_whitespace().map(str::to_owned).collect();
        match word {
            "case" => {
                let mut case = general.clone();
                value.clone_into(&mut case.name);
                cases.push(case);
            }
            "row" => value.clone_into(&mut case.row),
            "on" => case.on = words(),
            "flavour" => case.flavour = Some(value.to_owned()),
            "with" => case.with.push(value.to_owned()),
            "ask" => case.ask = Some(value.to_owned()),
            "field" => case.fields.push(value.to_owned()),
            "body" => case.body = Some(value.to_owned()),
            "send" => block = "send",
            "frames" => block = "frames",
            "reply" => block = "reply",
            "expect" => case.expect = words(),
            "backend" => case.backend = value.parse().unwrap_or_else(|_| panic!("{}", place())),
            "sees" => case.sees.push(value.to_owned()),
            "hides" => case.hides.push(value.to_owned()),
            "answer" => case.answer.push(value.to_owned()),
            "silent" => case.silent.push(value.to_owned()),
            _ => panic!("{}: unknown word", place()),
        }
    }
    assert!(!cases.is_empty(), "{} holds no case", file.display());
    cases.into_iter().flat_map(unfold).collect()
}

fn unfold(case: Case) -> Vec<Case> {
    assert!(!case.on.is_empty(), "{case:?}");
    let contents = [
        case.ask.is_some(),
        !case.send.is_empty(),
        !case.frames.is_empty(),
    ];
    assert_eq!(contents.iter().filter(|has| **has).count(), 1, "{case:?}");
    if case.with.is_empty() {
        return vec![case];
    }
    let one = |with: &String| {
        let mut case = case.clone();
        case.name = format!("{} with {with}", case.name);
        let lines = [
            &mut case.fields,
            &mut case.send,
            &mut case.frames,
            &mut case.reply,
            &mut case.sees,
        ];
        let lines = lines.into_iter().flatten();
        for text in lines.chain(&mut case.ask).chain(&mut case.body) {
            *text = text.replace("{with}", with);
        }
        case
    };
    case.with.iter().map(one).collect()
}

/// The bytes that a text of the corpus stands for.
pub(crate) fn bytes(text: &str, host: &str) -> Vec<u8> {
    let text = text.replace("{host}", host);
    let mut out = Vec::new();
    let mut rest = text.as_str();
    while let Some(character) = rest.chars().next() {
        if let Some((times, what, after)) = repetition(rest) {
            out.extend(bytes(what, host).repeat(times));
            rest = after;
            continue;
        }
        rest = &rest[character.len_utf8()..];
        if character != '\\' {
            out.extend(character.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let escape = rest.as_bytes()[0];
        rest = &rest[1..];
        out.push(match escape {
            b'r' => b'\r',
            b'n' => b'\n',
            b't' => b'\t',
            b's' => b' ',
            b'0' => 0,
            b'\\' => b'\\',
            b'x' => {
                let byte = u8::from_str_radix(&rest[..2], 16).unwrap();
                rest = &rest[2..];
                byte
            }
            other => panic!("no such escape: \\{}", char::from(other)),
        });
    }
    out
}

/// `{N*TEXT}` at the beginning, and what is behind it.
fn repetition(text: &str) -> Option<(usize, &str, &str)> {
    let (inner, after) = text.strip_prefix('{')?.split_once('}')?;
    let (times, what) = inner.split_once('*')?;
    Some((times.parse().ok()?, what, after))
}
