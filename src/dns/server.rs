//! The sockets of cluster DNS.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_proto::op::{Message, Query};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::Settings;
use super::forward::{Transport, forward};
use super::message::{Fairness, Reply, consider};
use crate::net::{Resolver, Shutdown};
use crate::registry::Reader;

/// No question over UDP is larger: it is a name and at most one OPT record. Longer ones are cut,
/// and what is left of them does not parse.
const LONGEST_QUESTION: usize = 4096;
/// Forwarded questions and TCP connections at a time; each is a socket.
const MOST_FORWARDS: usize = 256;
const MOST_CONNECTIONS: usize = 128;
/// How long a TCP client may be silent (RFC 7766 asks for seconds).
const SILENCE: Duration = Duration::from_secs(10);
/// After a failed accept, such as for want of file descriptors.
const PAUSE_AFTER_ERROR: Duration = Duration::from_millis(50);

/// Answers on both sockets until the signal.
pub async fn serve(
    udp: UdpSocket,
    tcp: TcpListener,
    reader: Reader,
    mut settings: Settings,
    shutdown: Shutdown,
) {
    let own = [udp.local_addr().ok(), tcp.local_addr().ok()];
    settings
        .upstream
        .retain(|server| !own.contains(&Some(*server)));
    let settings = Arc::new(settings);
    tokio::join!(
        serve_udp(
            Arc::new(udp),
            reader.clone(),
            Arc::clone(&settings),
            shutdown.clone()
        ),
        serve_tcp(tcp, reader, settings, shutdown),
    );
}

async fn serve_udp(
    socket: Arc<UdpSocket>,
    mut reader: Reader,
    settings: Arc<Settings>,
    mut shutdown: Shutdown,
) {
    let recursion = !settings.upstream.is_empty();
    let mut forwards = JoinSet::new();
    let mut buffer = vec![0; LONGEST_QUESTION];
    loop {
        let (length, client) = tokio::select! {
            () = shutdown.recv() => break,
            Some(_) = forwards.join_next() => continue,
            received = socket.recv_from(&mut buffer) => match received {
                Ok(received) => received,
                // The report that an earlier reply did not arrive.
                Err(_) => continue,
            },
        };
        let packet = &buffer[..length];
        match consider(reader.latest(), packet, recursion) {
            Fairness::Reply(reply) => send(&socket, reply.to_datagram(), client).await,
            Fairness::Forward(otherwise) if recursion && forwards.len() < MOST_FORWARDS => {
                let packet = packet.to_vec();
                let socket = Arc::clone(&socket);
                let settings = Arc::clone(&settings);
                forwards.spawn(async move {
                    let answer = forward(&packet, &settings, Transport::Udp).await;
                    send(&socket, answer.or_else(|| otherwise.to_datagram()), client).await;
                });
            }
            Fairness::Follow(reply, question) if forwards.len() < MOST_FORWARDS => {
                let socket = Arc::clone(&socket);
                let settings = Arc::clone(&settings);
                forwards.spawn(async move {
                    let reply = follow(reply, question, &settings, Transport::Udp).await;
                    send(&socket, reply.to_datagram(), client).await;
                });
            }
            Fairness::Forward(reply) | Fairness::Follow(reply, _) => {
                send(&socket, reply.to_datagram(), client).await;
            }
            Fairness::Ignore => {}
        }
    }
}

/// Asks for the name at the end of an alias: the servers upstream, or where there are none the host's
/// own resolver. Without an answer the alias is all that is known, and a client that resolves by
/// itself can go on from there.
async fn follow(
    mut reply: Reply,
    question: Query,
    settings: &Settings,
    transport: Transport,
) -> Reply {
    if settings.upstream.is_empty() {
        let name = question.name().to_ascii();
        // The port is part of what a resolver gives and of no answer.
        let resolver = Resolver::system();
        let resolving = resolver.resolve(name.trim_end_matches('.'), 1);
        match tokio::time::timeout(settings.timeout, resolving).await {
            Ok(Ok(addresses)) => reply.add(&question, &addresses),
            Ok(Err(error)) => tracing::debug!(%name, %error, "name cannot be resolved"),
            Err(_) => tracing::debug!(%name, "name is not resolved in time"),
        }
        return reply;
    }
    let mut message = Message::query();
    message.metadata.recursion_desired = true;
    message.add_query(question);
    if let Ok(packet) = message.to_vec()
        && let Some(answer) = forward(&packet, settings, transport).await
    {
        reply.join(&answer);
    }
    reply
}

async fn send(socket: &UdpSocket, packet: Option<Vec<u8>>, client: SocketAddr) {
    if let Some(packet) = packet
        && let Err(error) = socket.send_to(&packet, client).await
    {
        tracing::debug!(%client, %error, "reply cannot be sent");
    }
}

async fn serve_tcp(
    listener: TcpListener,
    reader: Reader,
    settings: Arc<Settings>,
    mut shutdown: Shutdown,
) {
    let permits = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.recv() => break,
            Some(_) = connections.join_next() => {}
            accepted = accept(&listener, &permits) => match accepted {
                Ok((stream, permit)) => {
                    let reader = reader.clone();
                    let settings = Arc::clone(&settings);
                    connections.spawn(async move {
                        // An error is the client's leaving.
                        let _ = answer_stream(stream, reader, &settings).await;
                        drop(permit);
                    });
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept");
                    tokio::time::sleep(PAUSE_AFTER_ERROR).await;
                }
            },
        }
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> std::io::Result<(TcpStream, Option<tokio::sync::OwnedSemaphorePermit>)> {
    // It fails only for a closed semaphore, and this one never is.
    let permit = Arc::clone(permits).acquire_owned().await.ok();
    let (stream, _) = listener.accept().await?;
    Ok((stream, permit))
}

/// One question after the other, each behind its length.
async fn answer_stream(
    mut stream: TcpStream,
    mut reader: Reader,
    settings: &Settings,
) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let recursion = !settings.upstream.is_empty();
    loop {
        let read = async {
            let length = stream.read_u16().await?;
            let mut packet = vec![0; usize::from(length)];
            stream.read_exact(&mut packet).await?;
            Ok::<_, std::io::Error>(packet)
        };
        let Ok(packet) = tokio::time::timeout(SILENCE, read).await else {
            return Ok(());
        };
        let packet = packet?;
        let answer = match consider(reader.latest(), &packet, recursion) {
            Fairness::Reply(reply) => reply.to_stream(),
            Fairness::Forward(otherwise) => {
                let answer = forward(&packet, settings, Transport::Tcp).await;
                answer.or_else(|| otherwise.to_stream())
            }
            Fairness::Follow(reply, question) => {
                let reply = follow(reply, question, settings, Transport::Tcp).await;
                reply.to_stream()
            }
            Fairness::Ignore => return Ok(()),
        };
        let Some(answer) = answer else {
            return Ok(());
        };
        let Ok(length) = u16::try_from(answer.len()) else {
            return Ok(());
        };
        let framed = [&length.to_be_bytes()[..], &answer].concat();
        let written = tokio::time::timeout(SILENCE, stream.write_all(&framed)).await;
        written.map_err(std::io::Error::from)??;
    }
}
