//! A stream of JSON documents, one a line.

use std::marker::PhantomData;
use std::net::SocketAddr;

use bytes::{Buf as _, BytesMut};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::de::DeserializeOwned;

use super::ClientError;

/// What a call of the admin API streams. Dropping it ends the stream.
#[derive(Debug)]
pub struct Lines<T> {
    address: SocketAddr,
    body: Incoming,
    buffer: BytesMut,
    item: PhantomData<fn() -> T>,
}

impl<T: DeserializeOwned> Lines<T> {
    pub(super) fn new(address: SocketAddr, body: Incoming) -> Self {
        Self {
            address,
            body,
            buffer: BytesMut::new(),
            item: PhantomData,
        }
    }

    /// The next document; `None` at the end.
    pub async fn next(&mut self) -> Result<Option<T>, ClientError> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line = self.buffer.split_to(end);
                self.buffer.advance(1);
                return serde_json::from_slice(&line)
                    .map(Some)
                    .map_err(ClientError::Answer);
            }
            match self.body.frame().await {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.buffer.extend_from_slice(&data);
                    }
                }
                Some(Err(error)) => {
                    return Err(ClientError::Unreachable {
                        address: self.address,
                        source: error.into(),
                    });
                }
            }
        }
    }
}
