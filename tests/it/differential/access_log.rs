//! Lines of the access log beside those that the real controllers write about the same requests.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::Arc;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::objects::Objects;
use super::{HTTP, READY, folder, lab_with, nginx, ready, traefik};
use crate::support::lab::Lab;

/// Requests that fill every field, and one that fills none. Each ends with its connection.
fn requests() -> Vec<String> {
    let with = |line: &str, fields: &str, body: &str| {
        let length = body.len();
        format!(
            "{line} HTTP/1.1\r\nHost: {READY}\r\n{fields}Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )
    };
    // "me:secret"
    let user = "Authorization: Basic bWU6c2VjcmV0\r\n";
    let id = "X-Request-ID: 0123456789abcdef0123456789abcdef\r\n";
    vec![
        with(
            "GET /one?a=b%20c",
            &format!("{user}{id}User-Agent: test/1\r\nReferer: http://a.example/\r\n"),
            "",
        ),
        with(
            "POST /two",
            &format!("{id}User-Agent: \"quoted\"\r\n"),
            "some words",
        ),
        with("HEAD /three", id, ""),
    ]
}

/// Asks, and gives the length of the answer's body.
async fn ask(address: Ipv4Addr, request: &str) -> usize {
    let mut stream = TcpStream::connect((address, HTTP)).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let answer = String::from_utf8(answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    answer.split_once("\r\n\r\n").unwrap().1.len()
}

/// Asks everything, and gives what a log should say of the answers' lengths.
async fn ask_all(address: Ipv4Addr) -> Vec<usize> {
    let mut lengths = Vec::new();
    for request in requests() {
        lengths.push(ask(address, &request).await);
    }
    lengths
}

/// The lines about these requests, once they are written.
async fn lines_of(lines: impl Fn() -> Vec<String>) -> Vec<String> {
    let about = |line: &&String| {
        ["/one", "/two", "/three"]
            .iter()
            .any(|path| line.contains(path))
    };
    crate::eventually!("all lines are written", {
        let found: Vec<_> = lines().iter().filter(about).cloned().collect();
        (found.len() == requests().len()).then_some(found)
    })
}

fn of_lab(lab: &Lab) -> Vec<String> {
    let told = lab.ok(&["-o", "json", "logs", "ingress", "--tail", "100"]);
    let lines = told
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap());
    lines
        .map(|line| line["text"].as_str().unwrap().to_owned())
        .collect()
}

fn of_file(file: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// A line with what no two servers can have in common taken out: the moment, how long it took, and how
/// many requests came before.
fn still(line: &str, changing: &[usize]) -> String {
    let (before, after) = line.split_once('[').unwrap();
    let (time, after) = after.split_once(']').unwrap();
    assert!(time.ends_with(" +0000") && time.len() == 26, "{time}");
    let words = after.split(' ').rev().enumerate().map(|(from_end, word)| {
        if changing.contains(&from_end) {
            assert!(
                word.starts_with(|c: char| c.is_ascii_digit()),
                "{word} in {line}"
            );
            let unit = word.trim_start_matches(|c: char| c.is_ascii_digit());
            // Seconds have a point and three digits in both.
            return if unit.starts_with('.') {
                format!("S{}", unit.len())
            } else {
                format!("N{unit}")
            };
        }
        word.to_owned()
    });
    let mut words: Vec<_> = words.collect();
    words.reverse();
    format!("{before}[] {}", words.join(" "))
}

/// Line by line; the lengths are those that each has answered with, for pods tell what they were asked.
fn same(real: (&[String], &[usize]), lab: (&[String], &[usize]), changing: &[usize]) {
    let lines = real.0.iter().zip(lab.0);
    for ((real, lab), lengths) in lines.zip(real.1.iter().zip(lab.1)) {
        let without = |line: &str, length: &usize| {
            let text = still(line, changing);
            let length = format!(" {length} ");
            assert!(text.contains(&length), "{length} in {text}");
            text.replace(&length, " LENGTH ")
        };
        let (expected, found) = (without(real, lengths.0), without(lab, lengths.1));
        assert_eq!(found, expected, "\n{lab}\n{real}");
    }
}

async fn objects() -> Arc<Objects> {
    Arc::new(Objects::start(&folder().join("paths.yaml")).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_like_traefiks() {
    let objects = objects().await;
    let (lab, ours) = lab_with("traefik", &objects, "access_log = \"flavour\"\n");
    let (real, address) = traefik::start(objects).await;
    ready(ours).await;
    let lengths = (ask_all(address).await, ask_all(ours).await);
    let file = real.access_log();
    let (theirs, own) = (
        lines_of(|| of_file(&file)).await,
        lines_of(|| of_lab(&lab)).await,
    );
    // From the end: duration, server, router, number.
    same((&theirs, &lengths.0), (&own, &lengths.1), &[0, 3]);
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn lines_are_like_ingress_nginx() {
    let objects = objects().await;
    let (lab, ours) = lab_with("nginx", &objects, "access_log = \"flavour\"\n");
    let (real, address) = nginx::start(&objects).await;
    ready(ours).await;
    let lengths = (ask_all(address).await, ask_all(ours).await);
    let file = real.access_log();
    let (theirs, own) = (
        lines_of(|| of_file(&file)).await,
        lines_of(|| of_lab(&lab)).await,
    );
    // From the end: id, status, time, length, address, two names, time of the request.
    same((&theirs, &lengths.0), (&own, &lengths.1), &[2, 7]);
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn json_lines_have_names_that_stay() {
    let objects = objects().await;
    let (lab, ours) = lab_with("traefik", &objects, "access_log = \"json\"\n");
    ready(ours).await;
    let lengths = ask_all(ours).await;
    let lines = lines_of(|| of_lab(&lab)).await;
    let line: Value = serde_json::from_str(&lines[1]).unwrap();
    assert_eq!(line["response_bytes"], lengths[1]);
    let names: Vec<_> = line
        .as_object()
        .unwrap()
        .keys()
        .map(String::as_str)
        .collect();
    assert_eq!(
        names,
        [
            "time",
            "client",
            "user",
            "method",
            "host",
            "path",
            "protocol",
            "tls",
            "status",
            "duration_ms",
            "first_byte_ms",
            "request_bytes",
            "response_bytes",
            "referer",
            "user_agent",
            "ingress",
            "service",
            "port",
            "pod",
            "endpoint",
            "request_id",
            "trace",
            "error",
        ]
    );
    assert_eq!(
        (&line["method"], &line["path"]),
        (&"POST".into(), &"/two".into())
    );
    assert_eq!(
        (&line["status"], &line["request_bytes"]),
        (&200.into(), &10.into())
    );
    assert_eq!(line["user_agent"], "\"quoted\"");
    assert_eq!(
        (&line["service"], &line["ingress"]),
        (&"ready".into(), &"ready".into())
    );
    assert_eq!(line["user"], Value::Null);
    let first: Value = serde_json::from_str(&lines[0]).unwrap();
    assert_eq!(first["user"], "me");
    assert!(
        !lines[0].contains("secret"),
        "a password is nothing for a log"
    );
    lab.down();
}
