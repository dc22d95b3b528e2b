//! What a connection becomes after `101 Switching Protocols`.

use std::io;

use tokio::io::{AsyncWriteExt, copy_bidirectional};

use crate::wire::Io;

/// An endpoint's connection that has switched protocols.
#[derive(Debug)]
pub struct Tunnel {
    endpoint: Io,
}

impl Tunnel {
    pub(super) fn new(endpoint: Io) -> Self {
        Self { endpoint }
    }

    /// Copies both ways until both sides have ended.
    pub(super) async fn run(self, client: Io) -> io::Result<()> {
        let (mut client, from_client) = client.into_parts();
        let (mut endpoint, from_endpoint) = self.endpoint.into_parts();
        // What came together with the heads.
        endpoint.write_all(&from_client).await?;
        client.write_all(&from_endpoint).await?;
        client.flush().await?;
        copy_bidirectional(&mut client, &mut endpoint).await?;
        Ok(())
    }
}
