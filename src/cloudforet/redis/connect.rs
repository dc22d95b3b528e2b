//! Finds Redis and opens a connection to it.

use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, ConnectionAddr, IntoConnectionInfo, RedisConnectionInfo};
use tokio::task::AbortHandle;

use super::Redis;
use crate::cloudforet::client::dial;
use crate::cloudforet::error::{Failure, StartError};
use crate::model::SocketPair;

/// An open connection; ends with this value.
#[derive(Debug)]
pub(super) struct Open {
    pub(super) connection: MultiplexedConnection,
    pub(super) pair: SocketPair,
    driver: AbortHandle,
}

impl Drop for Open {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

/// `redis://:password@host:6379/0` → host, port, and how to log in.
pub(super) fn address(url: &str) -> Result<(String, u16, RedisConnectionInfo), StartError> {
    let wrong = || StartError::RedisUrl {
        url: url
            .rsplit_once('@')
            .map_or(url, |(_, rest)| rest)
            .to_owned(),
    };
    let info = url.into_connection_info().map_err(|_| wrong())?;
    match info.addr() {
        ConnectionAddr::Tcp(host, port) => Ok((host.clone(), *port, info.redis_settings().clone())),
        _ => Err(wrong()),
    }
}

impl Redis {
    pub(super) async fn dial(&self) -> Result<Open, Failure> {
        let unreachable = |error: std::io::Error| Failure::Queue(error.to_string());
        let mut failure = Failure::Queue(format!("no address for {}", self.host));
        let found = self.resolver.resolve(&self.host, self.port).await;
        for address in found.map_err(unreachable)? {
            let stream = match dial(address, self.source).await {
                Ok(stream) => stream,
                Err(error) => {
                    failure = unreachable(error);
                    continue;
                }
            };
            let pair = SocketPair {
                local: stream.local_addr().map_err(unreachable)?,
                remote: stream.peer_addr().map_err(unreachable)?,
            };
            let config = AsyncConnectionConfig::new().set_response_timeout(Some(self.patience));
            let (connection, driver) =
                MultiplexedConnection::new_with_config(&self.login, stream, config).await?;
            return Ok(Open {
                connection,
                pair,
                driver: tokio::spawn(driver).abort_handle(),
            });
        }
        Err(failure)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_and_a_port() {
        let (host, port, login) = address("redis://:secret@redis:6380/2").unwrap();
        assert_eq!((host.as_str(), port, login.db()), ("redis", 6380, 2));
        assert_eq!(address("redis://redis").unwrap().1, 6379);
    }

    #[test]
    fn a_wrong_address_is_told_without_its_password() {
        for url in ["http://me:secret@redis", "unix:///run/redis.sock"] {
            let told = address(url).unwrap_err().to_string();
            assert!(!told.contains("secret") && told.contains("hint"), "{told}");
        }
    }
}
