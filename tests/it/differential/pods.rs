//! A pod that tells what it was asked, byte for byte, and answers in the manner it was asked for.
//!
//! `X-Answer` names the manner: `chunked`, `close`, `hints`, `hop`, `trailers`, `no-content`,
//! `location`, `cookie`, `until-close`, or a status.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpListener, TcpStream};

use crate::support::raw::next;

/// A pod of this name at this address.
pub(super) async fn start(name: &str, address: SocketAddr) {
    let listener = TcpListener::bind(address).await.unwrap();
    let name: &str = Box::leak(name.to_owned().into_boxed_str());
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, name));
        }
    });
}

async fn serve(mut stream: TcpStream, name: &str) {
    let mut buffer = Vec::new();
    while let Some((head, body, true)) = next(&mut stream, &mut buffer).await {
        let head = String::from_utf8_lossy(&head).into_owned();
        let mut told = format!("@{name} {}", head.trim_end());
        told.push_str("\n\n");
        told.push_str(&String::from_utf8_lossy(&body));
        let (answer, last) = answer(&head, &told);
        if stream.write_all(answer.as_bytes()).await.is_err() || last {
            return;
        }
    }
}

/// The answer, and whether the connection ends with it.
fn answer(head: &str, told: &str) -> (String, bool) {
    let lower = head.to_ascii_lowercase();
    let asked = lower
        .lines()
        .find_map(|line| line.strip_prefix("x-answer: "));
    let length = told.len();
    let ok = |extra: &str| {
        format!("HTTP/1.1 200 OK\r\nX-Echo: 1\r\n{extra}Content-Length: {length}\r\n\r\n{told}")
    };
    let chunk = format!("{length:x}\r\n{told}\r\n");
    if lower.starts_with("head ") {
        let head = ok("")
            .split("\r\n\r\n")
            .next()
            .unwrap_or_default()
            .to_owned();
        return (head + "\r\n\r\n", false);
    }
    let text = match asked.unwrap_or_default() {
        "" => ok(""),
        "chunked" => format!(
            "HTTP/1.1 200 OK\r\nX-Echo: 1\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"
        ),
        "trailers" => format!(
            "HTTP/1.1 200 OK\r\nX-Echo: 1\r\nTransfer-Encoding: chunked\r\nTrailer: X-Trailer\r\n\r\n{chunk}0\r\nX-Trailer: 1\r\n\r\n"
        ),
        "close" => ok("Connection: close\r\n"),
        "until-close" => format!("HTTP/1.1 200 OK\r\nX-Echo: 1\r\n\r\n{told}"),
        "hints" => format!("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n{}", ok("")),
        "hop" => ok("Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=9\r\n\
                     Proxy-Connection: keep-alive\r\nX-Kept: 1\r\n"),
        "no-content" => "HTTP/1.1 204 No Content\r\nX-Echo: 1\r\n\r\n".to_owned(),
        "location" => "HTTP/1.1 302 Found\r\nX-Echo: 1\r\nLocation: http://ready.lab.localhost/there\r\nContent-Length: 0\r\n\r\n".to_owned(),
        "cookie" => ok("Set-Cookie: a=1; Path=/\r\nSet-Cookie: b=2\r\nServer: pod\r\n"),
        status => format!(
            "HTTP/1.1 {status} Status\r\nX-Echo: 1\r\nContent-Length: {length}\r\n\r\n{told}"
        ),
    };
    let last = matches!(asked, Some("close" | "until-close"));
    (text, last)
}
