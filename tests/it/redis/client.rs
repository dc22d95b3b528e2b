//! A client that shows answers exactly as they came, in one line of text each.

use std::fmt::Write;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// One connection.
pub(super) struct Client(BufReader<TcpStream>);

impl Client {
    pub(super) async fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Self(BufReader::new(stream))
    }

    pub(super) async fn send(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).await.unwrap();
    }

    /// The answer to a command in words.
    pub(super) async fn ask(&mut self, command: &str) -> String {
        self.send(&request(&words(command))).await;
        self.answer(false).await
    }

    /// The next answer.
    pub(super) async fn answer(&mut self, unordered: bool) -> String {
        let answer = Box::pin(self.value(unordered));
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, answer)
            .await
            .expect("an answer")
    }

    /// Everything until the server closes the connection.
    pub(super) async fn rest(&mut self) -> Vec<u8> {
        let mut rest = Vec::new();
        let read = self.0.read_to_end(&mut rest);
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, read)
            .await
            .expect("an end")
            .unwrap();
        rest
    }

    /// Everything up to and with these bytes.
    pub(super) async fn until(&mut self, end: &[u8]) -> Vec<u8> {
        let mut read = Vec::new();
        let reading = async {
            while !read.ends_with(end) {
                read.push(self.0.read_u8().await.unwrap());
            }
        };
        let limit = Duration::from_secs(20);
        tokio::time::timeout(limit, reading)
            .await
            .expect("an answer");
        read
    }

    async fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.0.read_until(b'\n', &mut line).await.unwrap();
        let line = line.strip_suffix(b"\r\n").expect("a whole line");
        String::from_utf8_lossy(line).into_owned()
    }

    async fn value(&mut self, unordered: bool) -> String {
        let line = self.line().await;
        let (sign, text) = line.split_at(1);
        match sign {
            "+" | "-" | ":" => line,
            "_" => "(null)".to_owned(),
            "$" | "=" if text == "-1" => "(nil)".to_owned(),
            "$" | "=" => {
                let mut bytes = vec![0; text.parse::<usize>().unwrap() + 2];
                self.0.read_exact(&mut bytes).await.unwrap();
                let shown = quoted(bytes.strip_suffix(b"\r\n").unwrap());
                if sign == "=" {
                    format!("={shown}")
                } else {
                    shown
                }
            }
            "*" if text == "-1" => "(nil array)".to_owned(),
            "*" | "~" => {
                let items = self
                    .values(text.parse().unwrap(), unordered)
                    .await
                    .join(", ");
                if sign == "*" {
                    format!("[{items}]")
                } else {
                    format!("~[{items}]")
                }
            }
            "%" => {
                let pairs: usize = text.parse().unwrap();
                let items = self.values(pairs * 2, false).await;
                let pairs = items.chunks(2).map(|pair| pair.join(": "));
                format!("{{{}}}", pairs.collect::<Vec<_>>().join(", "))
            }
            _ => panic!("no answer: {line}"),
        }
    }

    async fn values(&mut self, count: usize, unordered: bool) -> Vec<String> {
        let mut values = Vec::new();
        for _ in 0..count {
            values.push(Box::pin(self.value(unordered)).await);
        }
        if unordered {
            values.sort();
        }
        values
    }
}

/// A command as it goes over the wire.
pub(super) fn request(words: &[Vec<u8>]) -> Vec<u8> {
    let mut bytes = format!("*{}\r\n", words.len()).into_bytes();
    for word in words {
        bytes.extend(format!("${}\r\n", word.len()).bytes());
        bytes.extend(word);
        bytes.extend(b"\r\n");
    }
    bytes
}

/// Words between spaces; within double quotes `\n`, `\r`, `\"`, `\\` and `\x41` are read.
pub(super) fn words(line: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut rest = line.trim_start();
    while !rest.is_empty() {
        let (word, after) = if let Some(quoted) = rest.strip_prefix('"') {
            unquoted(quoted)
        } else {
            let (word, after) = rest.split_once(' ').unwrap_or((rest, ""));
            (word.as_bytes().to_vec(), after)
        };
        words.push(word);
        rest = after.trim_start();
    }
    words
}

/// Up to the closing quote, and what follows it.
pub(super) fn unquoted(text: &str) -> (Vec<u8>, &str) {
    let mut word = Vec::new();
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match character {
            '"' => return (word, &text[at + 1..]),
            '\\' => match characters.next().expect("a character after \\").1 {
                'n' => word.push(b'\n'),
                'r' => word.push(b'\r'),
                'x' => {
                    let digits: String = characters
                        .by_ref()
                        .take(2)
                        .map(|(_, digit)| digit)
                        .collect();
                    word.push(u8::from_str_radix(&digits, 16).unwrap());
                }
                other => word.push(u8::try_from(other).unwrap()),
            },
            other => word.extend(other.to_string().bytes()),
        }
    }
    panic!("no closing quote: {text}");
}

pub(super) fn quoted(bytes: &[u8]) -> String {
    let mut shown = String::from("\"");
    for byte in bytes {
        match byte {
            b'\n' => shown.push_str("\\n"),
            b'\r' => shown.push_str("\\r"),
            b'"' | b'\\' => {
                shown.push('\\');
                shown.push(char::from(*byte));
            }
            b' '..=b'~' => shown.push(char::from(*byte)),
            byte => write!(shown, "\\x{byte:02x}").unwrap(),
        }
    }
    shown.push('"');
    shown
}
