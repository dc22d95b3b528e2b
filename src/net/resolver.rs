//! Names to addresses: the system's resolver, or a DNS server of one's own choice.

use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Message, MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

/// The server is on this machine, so a lost datagram is rare and a slow answer means a slow
/// upstream of the server: ask again soon, then wait longer.
const WAITS: [Duration; 3] = [
    Duration::from_millis(500),
    Duration::from_secs(1),
    Duration::from_secs(3),
];
/// What is offered to the server as the largest datagram; never fragmented on ordinary networks.
const DATAGRAM: u16 = 1232;

/// Resolves host names for a client.
#[derive(Clone, Debug, Default)]
pub struct Resolver {
    server: Option<SocketAddr>,
}

impl Resolver {
    /// The system's own resolver.
    pub fn system() -> Self {
        Self { server: None }
    }

    /// Asks this DNS server only.
    pub fn at(server: SocketAddr) -> Self {
        Self {
            server: Some(server),
        }
    }

    /// All addresses of `host`, at least one, each with `port`. Address literals are not looked up.
    pub async fn resolve(&self, host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = host.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, port)]);
        }
        let found: Vec<_> = match self.server {
            None => tokio::net::lookup_host((host, port)).await?.collect(),
            Some(server) => ask(server, host)
                .await?
                .into_iter()
                .map(|address| SocketAddr::from((address, port)))
                .collect(),
        };
        if found.is_empty() {
            return Err(io::Error::new(
                io::ErrorKind::NotFound,
                format!("no address for {host}"),
            ));
        }
        Ok(found)
    }
}

/// All A records of a name, at least one.
async fn ask(server: SocketAddr, host: &str) -> io::Result<Vec<Ipv4Addr>> {
    let mut name = Name::from_ascii(host).map_err(|error| {
        let message = format!("{host} is not a host name: {error}");
        io::Error::new(io::ErrorKind::InvalidInput, message)
    })?;
    // There is no search list to try before.
    name.set_fqdn(true);
    let mut query = Message::query();
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(name, RecordType::A));
    let mut edns = hickory_proto::op::Edns::new();
    edns.set_max_payload(DATAGRAM);
    query.set_edns(edns);
    let packet = query.to_vec().map_err(io::Error::other)?;

    let mut answer = over_udp(server, &query, &packet)
        .await
        .map_err(|error| explain(server, host, &error))?;
    if answer.metadata.truncation {
        answer = over_tcp(server, &query, &packet)
            .await
            .map_err(|error| explain(server, host, &error))?;
    }
    match answer.metadata.response_code {
        ResponseCode::NoError => {}
        ResponseCode::NXDomain => {
            let message = format!("no such name {host} (asked {server})");
            return Err(io::Error::new(io::ErrorKind::NotFound, message));
        }
        code => {
            let message = format!("cannot resolve {host}: {server} says {code}");
            return Err(io::Error::other(message));
        }
    }
    // Aliases on the way to the addresses are the server's business.
    let addresses: Vec<_> = answer
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(address.0),
            _ => None,
        })
        .collect();
    if addresses.is_empty() {
        let message = format!("no address for {host} (asked {server})");
        return Err(io::Error::new(io::ErrorKind::NotFound, message));
    }
    Ok(addresses)
}

async fn over_udp(server: SocketAddr, query: &Message, packet: &[u8]) -> io::Result<Message> {
    let any: SocketAddr = if server.is_ipv4() {
        (Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    for wait in WAITS {
        socket.send(packet).await?;
        let receive = async {
            loop {
                let mut answer = Vec::with_capacity(usize::from(DATAGRAM));
                socket.recv_buf(&mut answer).await?;
                if let Some(answer) = answer_to(query, &answer) {
                    return io::Result::Ok(answer);
                }
            }
        };
        if let Ok(answer) = tokio::time::timeout(wait, receive).await {
            return answer;
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}

async fn over_tcp(server: SocketAddr, query: &Message, packet: &[u8]) -> io::Result<Message> {
    let exchange = async {
        let mut stream = TcpStream::connect(server).await?;
        let length = u16::try_from(packet.len()).map_err(io::Error::other)?;
        let framed = [&length.to_be_bytes()[..], packet].concat();
        stream.write_all(&framed).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        answer_to(query, &answer).ok_or_else(|| io::ErrorKind::InvalidData.into())
    };
    tokio::time::timeout(WAITS[2], exchange)
        .await
        .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

/// The message in this packet, if it answers that query; other packets are strays.
fn answer_to(query: &Message, packet: &[u8]) -> Option<Message> {
    let answer = Message::from_vec(packet).ok()?;
    let belongs = answer.metadata.id == query.metadata.id
        && answer.metadata.message_type == MessageType::Response
        && (answer.queries.is_empty() || answer.queries == query.queries);
    belongs.then_some(answer)
}

fn explain(server: SocketAddr, host: &str, error: &io::Error) -> io::Error {
    let message = match error.kind() {
        io::ErrorKind::TimedOut => format!("cannot resolve {host}: {server} does not answer"),
        _ => format!("cannot resolve {host}: asking {server}: {error}"),
    };
    io::Error::new(error.kind(), message)
}
