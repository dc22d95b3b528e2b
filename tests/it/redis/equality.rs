//! One suite as data, two servers: every answer is the one that is written in `tests/redis`.
//!
//! A file holds cases, each on empty databases:
//!
//! ```text
//! == name of the case
//! > RPUSH jobs a          a command, and below it the answer
//!   :1
//! two> BLPOP other 0      of another client; it waits
//!   (blocked)
//! two<                    what it gets later
//!   ["other", "x"]
//! close two               it goes away
//! unordered> KEYS *       Redis leaves the order open: the answer's elements are sorted
//! eventually> EXISTS k    asked again until the answer is the written one
//! ```
//!
//! `(1..100)` stands for a number in that range, `(any)` for whatever the server says of itself. With `LAB_ACCEPT_CASES` set, the answers of the real
//! server are written into the files.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::client::{Client, request, words};
use super::server::Store;
use crate::eventually;
use crate::support::redis_server::RedisServer;

/// In front of an answer.
const INDENT: &str = "  ";

/// The files with the suite.
fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/redis/commands");
    let entries = std::fs::read_dir(folder).unwrap();
    let mut files: Vec<_> = entries.map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// Clients of one case on one server.
struct Clients {
    address: SocketAddr,
    control: Client,
    named: BTreeMap<String, Client>,
}

impl Clients {
    async fn start(address: SocketAddr) -> Self {
        let mut control = Client::connect(address).await;
        assert_eq!(control.ask("FLUSHALL").await, "+OK");
        Self {
            address,
            control,
            named: BTreeMap::new(),
        }
    }

    async fn named(&mut self, name: &str) -> &mut Client {
        if !self.named.contains_key(name) {
            let client = Client::connect(self.address).await;
            self.named.insert(name.to_owned(), client);
        }
        self.named.get_mut(name).unwrap()
    }

    async fn blocked(&mut self) -> usize {
        let info = self.control.ask("INFO clients").await;
        let (_, count) = info.split_once("blocked_clients:").unwrap();
        let digits: String = count.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().unwrap()
    }
}

/// Whether an answer is the written one.
fn fits(answer: &str, written: &str) -> bool {
    let range = written
        .strip_prefix('(')
        .and_then(|rest| rest.strip_suffix(')'));
    let range = range.and_then(|range| range.split_once(".."));
    match range {
        None => answer == written || written == "(any)",
        Some((low, high)) => {
            let number: i64 = answer.trim_start_matches(':').parse().unwrap_or(i64::MIN);
            (low.parse().unwrap()..=high.parse().unwrap()).contains(&number)
        }
    }
}

/// Runs a file; the same text with the answers that came.
async fn run(text: &str, address: SocketAddr) -> (String, usize) {
    let mut clients = Clients::start(address).await;
    let (mut out, mut answers) = (String::new(), 0);
    let mut waiting = 0;
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        out.push('\n');
        if line.starts_with("==") {
            drop(clients);
            clients = Clients::start(address).await;
            waiting = 0;
            eventually!("nobody waits", (clients.blocked().await == 0).then_some(()));
            continue;
        }
        if let Some(name) = line.strip_prefix("close ") {
            clients.named.remove(name).unwrap();
            waiting -= 1;
            let left = waiting;
            eventually!(
                "it is gone",
                (clients.blocked().await == left).then_some(())
            );
            continue;
        }
        let (name, command) = match line.split_once('>') {
            Some((name, command)) if !line.starts_with('#') => (name, Some(command)),
            _ => match line.strip_suffix('<') {
                Some(name) => (name, None),
                None => continue,
            },
        };
        let written = lines.next_if(|next| next.starts_with(INDENT));
        let written = written.unwrap_or_default().trim_start().to_owned();
        answers += 1;
        let answer = match (name, command) {
            ("eventually", Some(command)) => eventually!(format!("{command}: {written}"), {
                let answer = clients.named("").await.ask(command).await;
                (written == answer).then_some(answer)
            }),
            (name, Some(command)) => {
                let unordered = name == "unordered";
                let client = clients.named(if unordered { "" } else { name }).await;
                client.send(&request(&words(command))).await;
                if written == "(blocked)" {
                    waiting += 1;
                    let all = waiting;
                    eventually!("it waits", (clients.blocked().await == all).then_some(()));
                    written.clone()
                } else {
                    client.answer(unordered).await
                }
            }
            (name, None) => {
                waiting -= 1;
                clients.named(name).await.answer(false).await
            }
        };
        let shown = if fits(&answer, &written) {
            written
        } else {
            answer
        };
        out.push_str(INDENT);
        out.push_str(&shown);
        out.push('\n');
    }
    (out, answers)
}

/// The lines that differ, with the command above them.
fn differences(file: &Path, who: &str, text: &str, found: &str) -> Vec<String> {
    let lines = text.lines().zip(found.lines());
    let mut above = "";
    let mut differences = Vec::new();
    for (written, found) in lines {
        if written != found {
            let file = file.file_name().unwrap().display();
            differences.push(format!(
                "{file}: {above}\n  written {written}\n  {who} {found}"
            ));
        }
        above = written;
    }
    differences
}

async fn check(who: &str, address: SocketAddr, accept: bool) {
    let (mut different, mut all) = (Vec::new(), 0);
    for file in files() {
        let text = std::fs::read_to_string(&file).unwrap();
        let (found, answers) = run(&text, address).await;
        all += answers;
        if accept {
            std::fs::write(&file, found).unwrap();
        } else {
            different.extend(differences(&file, who, &text, &found));
        }
    }
    assert!(all >= 300, "only {all} answers");
    assert!(
        different.is_empty(),
        "{} of {all} answers differ:\n{}",
        different.len(),
        different.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn the_built_in_store_gives_the_written_answers() {
    let store = Store::start(None).await;
    check("store", store.address, false).await;
    store.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_server_gives_the_written_answers() {
    let server = RedisServer::start().await;
    let accept = std::env::var_os("LAB_ACCEPT_CASES").is_some();
    check("redis-server", server.address(), accept).await;
}
