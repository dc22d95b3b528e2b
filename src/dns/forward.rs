//! Questions about other people's names.
//!
//! The packet goes on as it came, with an id of our own, and the answer comes back as it is.

use std::io;
use std::net::{IpAddr, SocketAddr};

use hickory_proto::op::Message;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use super::Settings;

/// No datagram is larger.
const LARGEST: usize = 65_535;

/// The name servers of a `resolv.conf`, without those that would lead back to `own`.
pub fn name_servers(resolv_conf: &str, own: IpAddr) -> Vec<SocketAddr> {
    resolv_conf
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            (words.next() == Some("nameserver")).then(|| words.next())?
        })
        .filter_map(|address| address.parse::<IpAddr>().ok())
        .filter(|address| *address != own)
        .map(|address| SocketAddr::new(address, 53))
        .collect()
}

/// How the client asked, and so how the question goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Transport {
    Udp,
    Tcp,
}

/// Asks one after the other until one answers.
pub(super) async fn forward(
    packet: &[u8],
    settings: &Settings,
    transport: Transport,
) -> Option<Vec<u8>> {
    for server in &settings.upstream {
        let asked = async {
            match transport {
                Transport::Udp => over_udp(packet, *server).await,
                Transport::Tcp => over_tcp(packet, *server).await,
            }
        };
        match tokio::time::timeout(settings.timeout, asked).await {
            Ok(Ok(answer)) => return Some(answer),
            Ok(Err(error)) => tracing::debug!(%server, %error, "name server cannot be asked"),
            Err(_) => tracing::debug!(%server, "name server does not answer"),
        }
    }
    None
}

async fn over_udp(packet: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let any: SocketAddr = if server.is_ipv4() {
        (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
    } else {
        (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
    };
    let socket = UdpSocket::bind(any).await?;
    socket.connect(server).await?;
    let (question, id) = with_own_id(packet);
    socket.send(&question).await?;
    loop {
        let mut answer = Vec::with_capacity(LARGEST);
        socket.recv_buf(&mut answer).await?;
        if is_answer(&answer, &question) {
            restore(&mut answer, id);
            return Ok(answer);
        }
    }
}

async fn over_tcp(packet: &[u8], server: SocketAddr) -> io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(server).await?;
    let (question, id) = with_own_id(packet);
    let length = u16::try_from(question.len()).map_err(io::Error::other)?;
    let framed = [&length.to_be_bytes()[..], &question].concat();
    stream.write_all(&framed).await?;
    let length = stream.read_u16().await?;
    let mut answer = vec![0; usize::from(length)];
    stream.read_exact(&mut answer).await?;
    if !is_answer(&answer, &question) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    restore(&mut answer, id);
    Ok(answer)
}

/// An id that nobody outside can foresee, and the client's, to be restored.
fn with_own_id(packet: &[u8]) -> (Vec<u8>, [u8; 2]) {
    let mut question = packet.to_vec();
    let mut id = [0; 2];
    if let Some(place) = question.first_chunk_mut() {
        id = *place;
        *place = fastrand::u16(..).to_be_bytes();
    }
    (question, id)
}

fn restore(answer: &mut [u8], id: [u8; 2]) {
    if let Some(place) = answer.first_chunk_mut() {
        *place = id;
    }
}

/// Whether this is a response, with our id, to our question.
fn is_answer(answer: &[u8], question: &[u8]) -> bool {
    let same_id = answer.first_chunk::<2>() == question.first_chunk::<2>();
    let is_response = answer.get(2).is_some_and(|flags| flags & 0x80 != 0);
    same_id
        && is_response
        && match (Message::from_vec(answer), Message::from_vec(question)) {
            // A server that cannot read the question may leave it out.
            (Ok(answer), Ok(question)) => {
                answer.queries.is_empty() || answer.queries == question.queries
            }
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn name_servers_are_read_and_our_own_address_is_left_out() {
        let text = "# made by docker\nsearch lab\nnameserver 127.0.0.11\nnameserver 10.43.0.10\n\
                    nameserver ::1\nnameserver nonsense\noptions ndots:0\n";
        let own = IpAddr::from([10, 43, 0, 10]);
        let expected: Vec<SocketAddr> = vec![
            "127.0.0.11:53".parse().unwrap(),
            "[::1]:53".parse().unwrap(),
        ];
        assert_eq!(name_servers(text, own), expected);
    }
}
