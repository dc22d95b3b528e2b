//! Copies a connection to another one, both ways, until both sides have ended.
//!
//! An idle connection holds no buffer: one is taken when bytes are there and given back when there
//! are no more, so ten thousand idle channels cost their sockets and two small futures each. What a
//! zero-copy path would replace is [`one_way`] alone.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};

/// Read at once; two of loopback's usual segments fit nearly, and it is held only while busy.
const BUFFER: usize = 64 * 1024;

/// Bytes that went through, readable while they do.
#[derive(Debug, Default)]
pub struct Traffic {
    /// From the side that dialled.
    pub up: AtomicU64,
    /// From the side that was dialled.
    pub down: AtomicU64,
}

/// Copies until each side has closed its half, or one of them broke. The end of one direction is
/// passed on as such (half-close) and leaves the other direction open; a reset is passed on as a
/// reset.
pub async fn copy_both_ways(
    client: &mut TcpStream,
    server: &mut TcpStream,
    traffic: &Traffic,
) -> io::Result<()> {
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let copied = tokio::try_join!(
        one_way(from_client, to_server, &traffic.up),
        one_way(from_server, to_client, &traffic.down),
    );
    if copied.is_err() {
        reset(client);
        reset(server);
    }
    copied.map(|_| ())
}

/// Makes the close that follows a reset, which is what the other side would have seen without a
/// proxy in between.
pub fn reset(stream: &TcpStream) {
    // It fails only for a socket that is gone already.
    let _ = stream.set_zero_linger();
}

async fn one_way(
    mut from: ReadHalf<'_>,
    mut to: WriteHalf<'_>,
    count: &AtomicU64,
) -> io::Result<()> {
    loop {
        from.readable().await?;
        let mut buffer = Vec::with_capacity(BUFFER);
        while let Some(read) = read_now(&mut from, &mut buffer).await {
            read?;
            if buffer.is_empty() {
                return end(to).await;
            }
            to.write_all(&buffer).await?;
            count.fetch_add(buffer.len() as u64, Ordering::Relaxed);
            buffer.clear();
        }
    }
}

/// Reads what is there, or nothing: `None`. Unlike `try_read` this remembers that a read which did
/// not fill the buffer has taken everything, which spares a system call for each message.
async fn read_now(from: &mut ReadHalf<'_>, buffer: &mut Vec<u8>) -> Option<io::Result<usize>> {
    let mut reading = pin!(from.read_buf(buffer));
    poll_fn(|context| match reading.as_mut().poll(context) {
        Poll::Ready(read) => Poll::Ready(Some(read)),
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Closes the writing half only.
async fn end(mut to: WriteHalf<'_>) -> io::Result<()> {
    match to.shutdown().await {
        // The other side is gone altogether, which the other direction finds out by itself.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        ended => ended,
    }
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    async fn pair() -> (TcpStream, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let (dialled, accepted) = tokio::join!(TcpStream::connect(address), listener.accept());
        (dialled.unwrap(), accepted.unwrap().0)
    }

    #[tokio::test]
    async fn the_end_of_one_direction_leaves_the_other_open() {
        let (mut client, mut from_client) = pair().await;
        let (mut to_server, mut server) = pair().await;
        let copying = tokio::spawn(async move {
            let traffic = Traffic::default();
            copy_both_ways(&mut from_client, &mut to_server, &traffic)
                .await
                .map(|()| traffic)
        });
        client.write_all(b"question").await.unwrap();
        client.shutdown().await.unwrap();
        let mut question = String::new();
        server.read_to_string(&mut question).await.unwrap();
        assert_eq!(question, "question");
        let answer = vec![7; 3 * BUFFER + 1];
        server.write_all(&answer).await.unwrap();
        drop(server);
        let mut received = Vec::new();
        client.read_to_end(&mut received).await.unwrap();
        assert_eq!(received, answer);
        let traffic = copying.await.unwrap().unwrap();
        assert_eq!(traffic.up.into_inner(), 8);
        assert_eq!(traffic.down.into_inner(), answer.len() as u64);
    }

    #[tokio::test]
    async fn a_reset_is_passed_on_as_a_reset() {
        let (mut client, mut from_client) = pair().await;
        let (mut to_server, server) = pair().await;
        let copying = tokio::spawn(async move {
            copy_both_ways(&mut from_client, &mut to_server, &Traffic::default()).await
        });
        reset(&server);
        drop(server);
        assert!(copying.await.unwrap().is_err());
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
