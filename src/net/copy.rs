//! Copies a connection to another one, both ways, until both sides have ended.
//!
//! An idle connection holds no buffer: one is taken when bytes are there and given back when there
//! are no more, so ten thousand idle channels cost their sockets and two small futures each. What a
//! zero-copy path would replace is [`one_way`] alone.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use socket2::SockRef;
use tokio::net::TcpStream;

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
    client: TcpStream,
    server: TcpStream,
    traffic: &Traffic,
) -> io::Result<()> {
    let copied = tokio::try_join!(
        one_way(&client, &server, &traffic.up),
        one_way(&server, &client, &traffic.down),
    );
    if copied.is_err() {
        reset(&client);
        reset(&server);
    }
    copied.map(|_| ())
}

/// Makes the close that follows a reset, which is what the other side would have seen without a
/// proxy in between.
pub fn reset(stream: &TcpStream) {
    // It fails only for a socket that is gone already.
    let _ = stream.set_zero_linger();
}

async fn one_way(from: &TcpStream, to: &TcpStream, count: &AtomicU64) -> io::Result<()> {
    loop {
        from.readable().await?;
        let mut buffer = Vec::with_capacity(BUFFER);
        loop {
            buffer.clear();
            match from.try_read_buf(&mut buffer) {
                Ok(0) => return end(to),
                Ok(_) => write_all(to, &buffer).await?,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
            count.fetch_add(buffer.len() as u64, Ordering::Relaxed);
            // A pair of fast sockets is always ready and would keep the thread to itself.
            tokio::task::coop::consume_budget().await;
        }
    }
}

async fn write_all(to: &TcpStream, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match to.try_write(bytes) {
            Ok(written) => bytes = &bytes[written..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => to.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Closes the writing half only.
fn end(to: &TcpStream) -> io::Result<()> {
    match SockRef::from(to).shutdown(std::net::Shutdown::Write) {
        // The other side is gone altogether, which the other direction finds out by itself.
        Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
        ended => ended,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
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
        let (mut client, from_client) = pair().await;
        let (to_server, mut server) = pair().await;
        let copying = tokio::spawn(async move {
            let traffic = Traffic::default();
            copy_both_ways(from_client, to_server, &traffic)
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
        let (mut client, from_client) = pair().await;
        let (to_server, server) = pair().await;
        let copying = tokio::spawn(async move {
            copy_both_ways(from_client, to_server, &Traffic::default()).await
        });
        reset(&server);
        drop(server);
        assert!(copying.await.unwrap().is_err());
        let error = client.read_u8().await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    }
}
