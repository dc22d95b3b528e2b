//! The PROXY protocol: who the client is, said in front of everything else on a connection.
//!
//! HAProxy's `proxy-protocol.txt` (section 2.1 text, 2.2 binary) is the law, read strictly: what is
//! not exactly a header of the version that is expected ends the connection. A header is bounded, and
//! nothing behind it is taken from the socket.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;

use crate::model::ProxyProtocol;

const TEXT: &[u8] = b"PROXY ";
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// The longest line that the text form allows, with CR LF.
const LONGEST_TEXT: usize = 107;
/// What stands in front of the addresses in the binary form.
const BINARY_HEAD: usize = 16;
/// Addresses and additions of the binary form together. The form itself ends at 65535; senders are
/// asked to stay below 536 (section 2.2), and certificates in additions need some more.
const LONGEST_BINARY: usize = 2048;

/// Why a connection does not begin with a header.
#[derive(Debug, thiserror::Error)]
pub enum HeaderError {
    /// It begins with something else.
    #[error("the connection does not begin with a PROXY header of the version expected")]
    Missing,
    /// It begins like one and is none.
    #[error("malformed PROXY header: {0}")]
    Malformed(&'static str),
    /// It is longer than any header may be.
    #[error("the PROXY header is too long")]
    TooLong,
    /// The connection ended or broke.
    #[error("no whole PROXY header: {0}")]
    Broken(#[from] io::Error),
}

/// What a header says, and how many bytes it takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Header {
    /// The client; `None` where the sender speaks for itself (`LOCAL`) or does not know (`UNKNOWN`).
    client: Option<SocketAddr>,
    length: usize,
}

/// Takes the header off a connection: the client that it names, or `None` where it names none and
/// the connection's own address counts. The caller bounds the time.
pub async fn take_proxy_header(
    stream: &mut TcpStream,
    version: ProxyProtocol,
) -> Result<Option<SocketAddr>, HeaderError> {
    let mut head = Vec::new();
    let mut chunk = [0; 512];
    loop {
        let seen = stream.peek(&mut chunk).await?;
        if seen == 0 {
            return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
        }
        let before = head.len();
        head.extend_from_slice(&chunk[..seen]);
        let header = read(&head, version)?;
        // What belongs to no header stays in the socket, for whoever reads next.
        let taken = header.map_or(head.len(), |header| header.length) - before;
        stream.read_exact(&mut chunk[..taken]).await?;
        if let Some(header) = header {
            return Ok(header.client);
        }
    }
}

/// A header that names this client, who has dialled this address.
pub fn proxy_header(version: ProxyProtocol, client: SocketAddr, dialled: SocketAddr) -> Vec<u8> {
    let (client, dialled) = alike(client, dialled);
    match version {
        ProxyProtocol::Off => Vec::new(),
        ProxyProtocol::V1 => {
            let family = if client.is_ipv4() { "TCP4" } else { "TCP6" };
            format!(
                "PROXY {family} {} {} {} {}\r\n",
                client.ip(),
                dialled.ip(),
                client.port(),
                dialled.port()
            )
            .into_bytes()
        }
        ProxyProtocol::V2 => {
            let mut addresses = Vec::with_capacity(36);
            for ip in [client.ip(), dialled.ip()] {
                match ip {
                    IpAddr::V4(ip) => addresses.extend(ip.octets()),
                    IpAddr::V6(ip) => addresses.extend(ip.octets()),
                }
            }
            for port in [client.port(), dialled.port()] {
                addresses.extend(port.to_be_bytes());
            }
            // Version 2 and PROXY; TCP over IPv4 or IPv6; the length.
            let family = if client.is_ipv4() { 0x11 } else { 0x21 };
            let length = u8::try_from(addresses.len()).unwrap_or(u8::MAX);
            [&SIGNATURE[..], &[0x21, family, 0, length], &addresses].concat()
        }
    }
}

/// Both in one family: a header has one for the two.
fn alike(one: SocketAddr, other: SocketAddr) -> (SocketAddr, SocketAddr) {
    if one.is_ipv4() == other.is_ipv4() {
        return (one, other);
    }
    let wide = |address: SocketAddr| match address.ip() {
        IpAddr::V4(ip) => SocketAddr::new(ip.to_ipv6_mapped().into(), address.port()),
        IpAddr::V6(_) => address,
    };
    (wide(one), wide(other))
}

/// Reads the bytes so far: a header, or `None` while all of them belong to one that goes on.
fn read(bytes: &[u8], version: ProxyProtocol) -> Result<Option<Header>, HeaderError> {
    match version {
        ProxyProtocol::Off => Ok(Some(Header {
            client: None,
            length: 0,
        })),
        ProxyProtocol::V1 => read_text(bytes),
        ProxyProtocol::V2 => read_binary(bytes),
    }
}

fn begins_like(bytes: &[u8], start: &[u8]) -> bool {
    let length = bytes.len().min(start.len());
    bytes[..length] == start[..length]
}

fn read_text(bytes: &[u8]) -> Result<Option<Header>, HeaderError> {
    if !begins_like(bytes, TEXT) {
        return Err(HeaderError::Missing);
    }
    let line = &bytes[..bytes.len().min(LONGEST_TEXT)];
    let Some(end) = line.windows(2).position(|pair| pair == b"\r\n") else {
        return if bytes.len() < LONGEST_TEXT {
            Ok(None)
        } else {
            Err(HeaderError::TooLong)
        };
    };
    let malformed = || HeaderError::Malformed("the line is not as it should be");
    let text = std::str::from_utf8(&line[TEXT.len()..end]).map_err(|_| malformed())?;
    let length = end + 2;
    // What stands behind the word is to be ignored.
    if text == "UNKNOWN" || text.starts_with("UNKNOWN ") {
        return Ok(Some(Header {
            client: None,
            length,
        }));
    }
    let words: Vec<&str> = text.split(' ').collect();
    let [family, client, dialled, client_port, dialled_port] = words[..] else {
        return Err(malformed());
    };
    let ip = |text: &str| -> Option<IpAddr> {
        match family {
            "TCP4" => text.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
            "TCP6" => text.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
            _ => None,
        }
    };
    let (Some(client), Some(_), Some(client_port), Some(_)) = (
        ip(client),
        ip(dialled),
        port(client_port),
        port(dialled_port),
    ) else {
        return Err(malformed());
    };
    Ok(Some(Header {
        client: Some(SocketAddr::new(client, client_port)),
        length,
    }))
}

/// A port in its one spelling: no sign, no leading zero.
fn port(text: &str) -> Option<u16> {
    let port: u16 = text.parse().ok()?;
    (port.to_string() == text).then_some(port)
}

fn read_binary(bytes: &[u8]) -> Result<Option<Header>, HeaderError> {
    if !begins_like(bytes, SIGNATURE) {
        return Err(HeaderError::Missing);
    }
    let Some(head) = bytes.get(..BINARY_HEAD) else {
        return Ok(None);
    };
    let (version, command) = (head[12] >> 4, head[12] & 0xf);
    if version != 2 || command > 1 {
        return Err(HeaderError::Malformed("unknown version or command"));
    }
    let length = usize::from(u16::from_be_bytes([head[14], head[15]]));
    if length > LONGEST_BINARY {
        return Err(HeaderError::TooLong);
    }
    let Some(rest) = bytes.get(BINARY_HEAD..BINARY_HEAD + length) else {
        return Ok(None);
    };
    // Address and port of the client, then of what it has dialled. Other families and transports
    // are skipped, and the connection's own address counts (section 2.2).
    let (client, addresses) = match head[13] {
        0x11 => {
            let ip = |bytes: [u8; 4]| IpAddr::from(bytes);
            (
                rest.first_chunk().copied().map(ip).zip(port_at(rest, 8)),
                12,
            )
        }
        0x21 => {
            let ip = |bytes: [u8; 16]| IpAddr::from(bytes);
            (
                rest.first_chunk().copied().map(ip).zip(port_at(rest, 32)),
                36,
            )
        }
        0x00 | 0x12 | 0x22 | 0x31 | 0x32 => (None, 0),
        _ => return Err(HeaderError::Malformed("unknown family or transport")),
    };
    let proxied = command == 1;
    if proxied && addresses > 0 {
        let additions = rest.get(addresses..);
        let additions = additions.ok_or(HeaderError::Malformed("shorter than its addresses"))?;
        if !are_additions(additions) {
            return Err(HeaderError::Malformed("additions do not fill it"));
        }
    }
    let client = client.filter(|_| proxied);
    Ok(Some(Header {
        client: client.map(|(ip, port)| SocketAddr::new(ip, port)),
        length: BINARY_HEAD + length,
    }))
}

fn port_at(bytes: &[u8], at: usize) -> Option<u16> {
    let bytes = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_be_bytes(*bytes))
}

/// Whether these are additions one after the other: type, length in two bytes, value.
fn are_additions(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        let Some(length) = port_at(bytes, 1) else {
            return false;
        };
        let Some(next) = bytes.get(3 + usize::from(length)..) else {
            return false;
        };
        bytes = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Its head says how a line is read.
    const CASES: &str = include_str!("../../tests/proxy_protocol/headers.txt");

    fn bytes(text: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut rest = text;
        while let Some(next) = rest.chars().next() {
            if let Some(hex) = rest.strip_prefix("\\x") {
                bytes.push(u8::from_str_radix(&hex[..2], 16).unwrap());
                rest = &hex[2..];
            } else if let Some(inner) = rest.strip_prefix('<') {
                let (repeated, behind) = inner.split_once('>').unwrap();
                let (count, what) = repeated.split_once('*').unwrap();
                bytes.extend(what.repeat(count.parse().unwrap()).bytes());
                rest = behind;
            } else if let Some(behind) = rest.strip_prefix("\\r\\n") {
                bytes.extend(b"\r\n");
                rest = behind;
            } else {
                bytes.extend(next.to_string().bytes());
                rest = &rest[next.len_utf8()..];
            }
        }
        bytes
    }

    fn outcome(read: &Result<Option<Header>, HeaderError>) -> String {
        match read {
            Ok(None) => "goes on".to_owned(),
            Ok(Some(Header { client: None, .. })) => "nobody".to_owned(),
            Ok(Some(Header {
                client: Some(client),
                ..
            })) => client.to_string(),
            Err(HeaderError::Missing) => "missing".to_owned(),
            Err(HeaderError::Malformed(_)) => "malformed".to_owned(),
            Err(HeaderError::TooLong) => "too long".to_owned(),
            Err(HeaderError::Broken(error)) => error.to_string(),
        }
    }

    #[test]
    fn every_case_is_read_as_it_says() {
        let mut seen = 0;
        for line in CASES.lines() {
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            let fields: Vec<&str> = line.split(" | ").collect();
            let [version, text, expected] = fields[..] else {
                panic!("{line}");
            };
            let version = match version {
                "v1" => ProxyProtocol::V1,
                "v2" => ProxyProtocol::V2,
                _ => panic!("{line}"),
            };
            let bytes = bytes(text);
            assert_eq!(outcome(&read(&bytes, version)), expected, "{line}");
            // What comes in pieces is read alike, and a header takes no byte too many.
            if let Ok(Some(header)) = read(&bytes, version) {
                for end in 1..header.length {
                    assert_eq!(
                        read(&bytes[..end], version).unwrap(),
                        None,
                        "{line} to {end}"
                    );
                }
            }
            seen += 1;
        }
        assert!(seen > 30, "{seen} cases");
    }

    #[test]
    fn what_is_written_is_read() {
        for (client, dialled) in [
            ("192.0.2.1:40000", "198.51.100.1:443"),
            ("[2001:db8::1]:40000", "[2001:db8::2]:443"),
        ] {
            let (client, dialled) = (client.parse().unwrap(), dialled.parse().unwrap());
            for version in [ProxyProtocol::V1, ProxyProtocol::V2] {
                let written = proxy_header(version, client, dialled);
                let header = read(&written, version).unwrap().unwrap();
                assert_eq!(header.client, Some(client));
                assert_eq!(header.length, written.len());
            }
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic() {
        let mut dice = fastrand::Rng::with_seed(7);
        for round in 0..20_000 {
            let version = [ProxyProtocol::V1, ProxyProtocol::V2][round % 2];
            let client = "192.0.2.1:1".parse().unwrap();
            let mut bytes = proxy_header(version, client, client);
            bytes.truncate(dice.usize(..=bytes.len()));
            for _ in 0..dice.usize(..4) {
                if let Some(byte) = dice.choice(&mut bytes) {
                    *byte = dice.u8(..);
                }
            }
            if let Ok(Some(header)) = read(&bytes, version) {
                assert!(
                    header.length <= bytes.len() && header.length <= BINARY_HEAD + LONGEST_BINARY
                );
            }
        }
    }
}
