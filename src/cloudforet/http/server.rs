//! One accept loop, HTTP/1.1 and h2c on one port.
//!
//! Each request carries the [`SocketPair`] of its connection as an extension, which is what joins
//! a hop's span to the connection it came in on. On the signal the loop stops accepting, every
//! connection finishes the request at hand, and `serve` returns when the last one is done.

use std::io;
use std::pin::pin;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tower::ServiceExt as _;

use crate::model::SocketPair;
use crate::net::Shutdown;

/// Pause after a failed accept: long enough for file descriptors to come free, short enough that
/// nobody notices.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers requests with `app` until the signal, then drains.
pub(crate) async fn serve(
    listener: TcpListener,
    app: Router,
    mut shutdown: Shutdown,
) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            () = shutdown.recv() => break,
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    connections.spawn(connection(stream, app.clone(), shutdown.clone()));
                }
                Err(error) => {
                    tracing::warn!(%error, "cannot accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                }
            },
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
    Ok(())
}

/// One connection to its end.
async fn connection(stream: TcpStream, app: Router, mut shutdown: Shutdown) {
    let (Ok(local), Ok(remote)) = (stream.local_addr(), stream.peer_addr()) else {
        // It was reset before anybody looked at it.
        return;
    };
    // Answers are small and complete; waiting to fill a segment only adds delay.
    let _ = stream.set_nodelay(true);
    let sockets = SocketPair { local, remote };
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(sockets);
        app.clone().oneshot(request.map(Body::new))
    });
    let builder = auto::Builder::new(TokioExecutor::new());
    let mut serving = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = serving.as_mut() => ended,
        () = shutdown.recv() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%remote, error, "connection ended early");
    }
}
