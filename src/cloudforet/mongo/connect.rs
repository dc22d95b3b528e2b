//! Finds MongoDB and waits for it.

use std::sync::Arc;
use std::time::Duration;

use mongodb::Client;
use mongodb::options::{ClientOptions, ServerAddress, ServerMonitoringMode};
use tokio::sync::OnceCell;
use tokio::time::sleep;

use super::Collection;
use super::rides::Rides;
use crate::cloudforet::client::dial;
use crate::cloudforet::error::{Failure, StartError};
use crate::cloudforet::settings::Settings;
use crate::net::Resolver;

/// A call fails rather than waits when the store is gone for longer than this.
const SELECTION_TIMEOUT: Duration = Duration::from_secs(5);
/// A pod handles its calls on one thread: a few connections keep that busy, and each costs the
/// store memory.
const POOL: u32 = 10;
/// How often a store that is not there yet is looked for.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LONGEST_PAUSE: Duration = Duration::from_millis(500);
const DEFAULT_PORT: u16 = 27017;

/// One database, connected when it is first used.
#[derive(Debug)]
pub(crate) struct Mongo {
    options: ClientOptions,
    name: String,
    resolver: Resolver,
    database: OnceCell<(mongodb::Database, Arc<Rides>)>,
}

impl Mongo {
    /// Reads the connection string; opens nothing.
    pub(crate) async fn new(settings: &Settings, name: &str) -> Result<Self, StartError> {
        let mut options = ClientOptions::parse(&settings.mongodb)
            .await
            .map_err(|source| {
                let uri = &settings.mongodb;
                StartError::ConnectionString {
                    uri: uri
                        .rsplit_once('@')
                        .map_or(uri.as_str(), |(_, rest)| rest)
                        .to_owned(),
                    source: Box::new(source),
                }
            })?;
        options.direct_connection = Some(true);
        options.server_selection_timeout = Some(SELECTION_TIMEOUT);
        options.connect_timeout = Some(SELECTION_TIMEOUT);
        options.max_pool_size.get_or_insert(POOL);
        // One connection for monitoring instead of two.
        options.server_monitoring_mode = Some(ServerMonitoringMode::Poll);
        options.app_name.get_or_insert_with(|| settings.pod.clone());
        Ok(Self {
            options,
            name: format!("{}{name}", settings.database_prefix),
            resolver: settings.resolver(),
            database: OnceCell::new(),
        })
    }

    /// A collection of this database.
    pub(crate) async fn collection(&self, name: &'static str) -> Result<Collection, Failure> {
        let (database, rides) = self.database.get_or_try_init(|| self.connect()).await?;
        Ok(Collection::new(database, name, Arc::clone(rides)))
    }

    /// Returns when something listens at the store's address. The driver would notice only with
    /// its next heartbeat.
    pub(crate) async fn wait(&self) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.knock().await {
                Ok(()) => return,
                Err(error) => tracing::info!(%error, "waiting for MongoDB"),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn knock(&self) -> std::io::Result<()> {
        for (host, port) in self.hosts() {
            for address in self.resolver.resolve(host, port).await? {
                dial(address, None).await?;
            }
        }
        Ok(())
    }

    fn hosts(&self) -> impl Iterator<Item = (&str, u16)> {
        self.options.hosts.iter().filter_map(|host| match host {
            ServerAddress::Tcp { host, port } => {
                Some((host.as_str(), port.unwrap_or(DEFAULT_PORT)))
            }
            _ => None,
        })
    }

    async fn connect(&self) -> Result<(mongodb::Database, Arc<Rides>), Failure> {
        let (host, port) = self
            .hosts()
            .next()
            .ok_or_else(|| Failure::Unreachable("no host in the connection string".to_owned()))?;
        let addresses = self.resolver.resolve(host, port).await;
        let address = addresses
            .map_err(|error| Failure::Unreachable(error.to_string()))?
            .into_iter()
            .next()
            .ok_or_else(|| Failure::Unreachable(format!("no address for {host}")))?;
        let rides = Rides::to(address);
        let mut options = self.options.clone();
        options.hosts = vec![ServerAddress::Tcp {
            host: address.ip().to_string(),
            port: Some(address.port()),
        }];
        // One at a time, so that it is clear which one has become ready.
        options.max_connecting = Some(1);
        options.cmap_event_handler = Some(rides.handler());
        Ok((Client::with_options(options)?.database(&self.name), rides))
    }
}
