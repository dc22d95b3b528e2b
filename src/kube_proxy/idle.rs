//! Load balancers forget connections on which nothing was said for a while; what an end of such a
//! connection sees then is each provider's own.
//!
//! Without an idle time-out this is copying and nothing else.

use std::io;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::net::TcpStream;

use crate::model::{IdleEnd, IdleTimeout};
use crate::net::{Copier, Traffic, reset};

/// How often within the time-out it is looked whether something was said: it comes late by an eighth.
const LOOKS: u32 = 8;
/// How long an end that hears nothing more keeps trying: what Linux takes to give up a connection
/// (`tcp_retries2`, RFC 1122 section 4.2.3.5).
const GIVEN_UP: Duration = Duration::from_secs(15 * 60);

/// Copies both ways until both sides are done, or were silent for too long: then how such a connection
/// ends.
pub(super) async fn carry(
    copier: &mut Copier,
    client: &mut TcpStream,
    server: &mut TcpStream,
    traffic: &Traffic,
    idle: Option<IdleTimeout>,
) -> io::Result<Option<IdleEnd>> {
    let Some(idle) = idle else {
        return copier.run(client, server, traffic).await.map(|()| None);
    };
    tokio::select! {
        done = copier.run(client, server, traffic) => return done.map(|()| None),
        () = silence(traffic, idle.after) => {}
    }
    tracing::debug!(after = ?idle.after, end = ?idle.end, "connection was idle");
    Ok(Some(idle.end))
}

/// Ends a connection that was silent for too long.
pub(super) async fn end(client: TcpStream, server: TcpStream, end: IdleEnd) {
    match end {
        IdleEnd::Close => {}
        IdleEnd::Reset => {
            reset(&client);
            reset(&server);
        }
        IdleEnd::ResetNext => {
            tokio::join!(reset_at_next_word(client), reset_at_next_word(server));
        }
        IdleEnd::Forget => {
            tokio::join!(forget(client), forget(server));
        }
    }
}

/// Returns when nothing has gone either way for this long.
async fn silence(traffic: &Traffic, after: Duration) {
    let said = || traffic.up.load(Ordering::Relaxed) + traffic.down.load(Ordering::Relaxed);
    let mut before = said();
    let mut quiet = 0;
    while quiet < LOOKS {
        tokio::time::sleep(after / LOOKS).await;
        let now = said();
        quiet = if now == before { quiet + 1 } else { 0 };
        before = now;
    }
}

/// Nobody is told; whoever says something is answered with a reset.
async fn reset_at_next_word(stream: TcpStream) {
    // Its end is a word as well, and an error means that it is gone.
    let _ = stream.readable().await;
    reset(&stream);
}

/// Nobody is told, and nobody is ever answered: held until the other end has gone or given up.
async fn forget(stream: TcpStream) {
    let gone = async {
        // What was said stays unread. Behind it an end cannot be seen.
        if !matches!(stream.peek(&mut [0]).await, Ok(0) | Err(_)) {
            std::future::pending::<()>().await;
        }
    };
    let _ = tokio::time::timeout(GIVEN_UP, gone).await;
}
