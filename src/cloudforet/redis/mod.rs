//! Redis through the `redis` crate, over a connection that we dial ourselves.
//!
//! So it starts at the pod's own address, goes to the ClusterIP that the pod's resolver gives, and
//! both its ends are known: a command of a sampled request is told as a span that the film joins to
//! the connection. A connection that has ended is opened again with the next command.

mod connect;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use redis::{Cmd, FromRedisValue, RedisConnectionInfo};
use tokio::sync::Mutex;
use tokio::time::sleep;

use self::connect::Open;
use super::error::{Failure, StartError};
use super::settings::Settings;
use super::telemetry::{self, OpenSpan};
use crate::model::{SpanKind, Traceparent};
use crate::net::Resolver;

/// A command that does not wait is answered within this, or the connection is dead.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5);
/// Before each further try over a new connection.
const PAUSES: [Duration; 2] = [Duration::from_millis(50), Duration::from_millis(300)];

/// One connection to Redis, opened when it is first used. Commands share it, so one that blocks
/// needs a `Redis` of its own.
#[derive(Debug)]
pub(crate) struct Redis {
    host: String,
    port: u16,
    login: RedisConnectionInfo,
    resolver: Resolver,
    source: Option<IpAddr>,
    patience: Duration,
    /// Held while dialling, so that there is one connection and not many.
    open: Mutex<Option<Arc<Open>>>,
}

/// A command that is about to be sent, as part of the film.
#[derive(Debug)]
pub(crate) struct Hop {
    span: Option<OpenSpan>,
    /// For what the command causes elsewhere.
    pub(crate) traceparent: Option<Traceparent>,
}

// === impl Redis ===

impl Redis {
    /// Reads the address; opens nothing. `patience` is how long an answer may take.
    pub(crate) fn new(settings: &Settings, patience: Duration) -> Result<Self, StartError> {
        let (host, port, login) = connect::address(&settings.redis)?;
        Ok(Self {
            host,
            port,
            login,
            resolver: settings.resolver(),
            source: settings.source(),
            patience,
            open: Mutex::default(),
        })
    }

    /// Sends a command, and once more over a new connection if the old one has ended. It may thus
    /// be executed twice.
    pub(crate) async fn run<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Failure> {
        self.run_as(hop(&name(command)), command).await
    }

    /// [`Self::run`] as this hop of the film.
    pub(crate) async fn run_as<T: FromRedisValue>(
        &self,
        mut hop: Hop,
        command: &Cmd,
    ) -> Result<T, Failure> {
        let result = self.attempts(&mut hop, command, &PAUSES).await;
        if let Some(span) = hop.span {
            match &result {
                Ok(_) => span.finish("OK"),
                Err(failure) => span.finish(failure.to_string()),
            }
        }
        result
    }

    /// Sends a command that must not be executed twice, and that is no part of any film.
    pub(crate) async fn run_once<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, Failure> {
        let mut hop = Hop {
            span: None,
            traceparent: None,
        };
        self.attempts(&mut hop, command, &[]).await
    }

    async fn attempts<T: FromRedisValue>(
        &self,
        hop: &mut Hop,
        command: &Cmd,
        pauses: &[Duration],
    ) -> Result<T, Failure> {
        let mut pauses = pauses.iter();
        loop {
            let failure = match self.connection().await {
                Ok(open) => {
                    if let Some(span) = &mut hop.span {
                        span.outbound(Some(open.pair));
                    }
                    match command.query_async(&mut open.connection.clone()).await {
                        Ok(value) => return Ok(value),
                        // Redis itself says no.
                        Err(error) if !is_broken(&error) => return Err(error.into()),
                        Err(error) => {
                            self.close(&open).await;
                            Failure::from(error)
                        }
                    }
                }
                Err(failure) => failure,
            };
            let Some(pause) = pauses.next() else {
                return Err(failure);
            };
            sleep(*pause).await;
        }
    }

    async fn connection(&self) -> Result<Arc<Open>, Failure> {
        let mut open = self.open.lock().await;
        if let Some(open) = open.as_ref() {
            return Ok(Arc::clone(open));
        }
        let new = Arc::new(self.dial().await?);
        *open = Some(Arc::clone(&new));
        Ok(new)
    }

    /// Forgets this connection, unless another one has taken its place.
    async fn close(&self, ended: &Arc<Open>) {
        let mut open = self.open.lock().await;
        if open.as_ref().is_some_and(|open| Arc::ptr_eq(open, ended)) {
            *open = None;
        }
    }

    /// Ends the connection: a command that still waits on it is taken back.
    pub(crate) async fn hang_up(&self) {
        self.open.lock().await.take();
    }
}

impl Hop {
    /// Adds what the command is about.
    pub(crate) fn attribute(&mut self, name: &str, value: impl Into<serde_json::Value>) {
        if let Some(span) = &mut self.span {
            span.attribute(name, value);
        }
    }
}

/// The connection is of no more use.
fn is_broken(error: &redis::RedisError) -> bool {
    error.is_io_error() || error.is_timeout() || error.is_unrecoverable_error()
}

/// Opens a hop for a command of this name.
pub(crate) fn hop(name: &str) -> Hop {
    let (span, traceparent) = telemetry::outgoing(SpanKind::RedisClient, name);
    Hop { span, traceparent }
}

/// `LREM collector:taken:worker-1`: what is done to which key.
fn name(command: &Cmd) -> String {
    let words = command.args_iter().take(2).filter_map(|word| match word {
        redis::Arg::Simple(word) => Some(String::from_utf8_lossy(word)),
        _ => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_named_by_its_key() {
        let mut command = redis::cmd("LREM");
        command.arg("jobs").arg(1).arg("{}");
        assert_eq!(name(&command), "LREM jobs");
    }
}
