//! An answer in the form in which two are compared.
//!
//! Left out: `Date` and `Server`; `Connection: keep-alive`, which HTTP/1.1 implies; the lab's own
//! marks; the text of errors that a proxy makes, and what describes it; the port of https in a
//! redirect, which is 443 elsewhere. Replaced by `*`: the proxy's own name and random identities.
//! Order and case of header names mean nothing.

use std::fmt::Write as _;

use crate::support::raw::Answer;

/// What describes an error's text.
const ENTITY: [&str; 5] = [
    "content-type",
    "content-length",
    "transfer-encoding",
    "x-content-type-options",
    "vary",
];

/// The comparable form.
pub(super) fn read(answer: &Answer) -> String {
    let mut out = String::new();
    let mut rest = answer.text.as_str();
    while let Some((head, body)) = rest.split_once("\r\n\r\n") {
        let mut lines = head.lines();
        let first = lines.next().unwrap_or_default();
        let status = first.split(' ').nth(1).unwrap_or_default();
        writeln!(out, "answer {status}").unwrap();
        let headers: Vec<(String, String)> = lines.map(header).collect();
        let echo = headers.iter().any(|(name, _)| name == "x-echo");
        let mut shown: Vec<String> = headers
            .iter()
            .filter(|(name, _)| !matches!(name.as_str(), "date" | "server"))
            .filter(|(name, _)| !name.starts_with("x-lab-"))
            .filter(|(name, value)| name != "connection" || value != "keep-alive")
            // What a pod saw differs in length where a random identity does.
            .filter(|(name, _)| name != "content-length")
            .filter(|(name, _)| echo || !ENTITY.contains(&name.as_str()))
            .map(|(name, value)| match name.as_str() {
                "location" => format!("answer {name}: {}\n", value.replace(":8443", "")),
                _ => format!("answer {name}: {value}\n"),
            })
            .collect();
        shown.sort();
        out.extend(shown);
        let interim = status.starts_with('1') && status != "101";
        if interim {
            rest = body;
            continue;
        }
        let (body, after) = split_body(&headers, body);
        rest = after;
        if echo {
            out.push_str(&pod(&body));
        }
    }
    if out.is_empty() && answer.closed {
        out.push_str("closed without an answer\n");
    }
    out
}

fn header(line: &str) -> (String, String) {
    let (name, value) = line.split_once(':').unwrap_or((line, ""));
    (name.to_ascii_lowercase(), value.trim().to_owned())
}

/// The body and what is behind it.
fn split_body<'a>(headers: &[(String, String)], raw: &'a str) -> (String, &'a str) {
    let value = |name: &str| headers.iter().find(|(other, _)| other == name);
    if value("transfer-encoding").is_some() {
        let mut body = String::new();
        let mut rest = raw;
        while let Some((size, after)) = rest.split_once("\r\n") {
            let Ok(size) = usize::from_str_radix(size, 16) else {
                break;
            };
            if size == 0 {
                let (trailers, after) = after.split_once("\r\n").unwrap_or((after, ""));
                if !trailers.is_empty() {
                    writeln!(body, "\ntrailer {}", trailers.to_ascii_lowercase()).unwrap();
                    return (body, after.strip_prefix("\r\n").unwrap_or(after));
                }
                return (body, after);
            }
            let Some(piece) = after.get(..size) else {
                break;
            };
            body.push_str(piece);
            rest = after.get(size + 2..).unwrap_or_default();
        }
        return (body, "");
    }
    let length = value("content-length").and_then(|(_, length)| length.parse().ok());
    let (body, after) = raw.split_at(length.unwrap_or(raw.len()).min(raw.len()));
    (body.to_owned(), after)
}

/// What a pod tells that it saw.
fn pod(told: &str) -> String {
    let (head, body) = told.split_once("\n\n").unwrap_or((told, ""));
    let mut lines = head.lines();
    let mut out = format!("pod {}\n", lines.next().unwrap_or_default());
    let mut headers: Vec<String> = lines
        .map(header)
        .map(|(name, value)| match name.as_str() {
            "x-forwarded-server" => format!("pod {name}: *\n"),
            "connection" => format!("pod {name}: {}\n", value.to_ascii_lowercase()),
            "x-request-id" if value.len() == 32 => format!("pod {name}: *\n"),
            _ => format!("pod {name}: {value}\n"),
        })
        .collect();
    headers.sort();
    out.extend(headers);
    if !body.is_empty() {
        writeln!(out, "pod body {body:?}").unwrap();
    }
    out
}
