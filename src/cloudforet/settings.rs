//! What a backend is told at its start: `LAB_SETTINGS` as JSON.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use aws_lc_rs::digest;
use serde::{Deserialize, Serialize};
use tonic::metadata::AsciiMetadataValue;

use crate::model::{Grpc, Plugin};
use crate::net::Resolver;

/// The services that speak gRPC.
const SERVICES: [&str; 6] = [
    "identity",
    "inventory",
    "repository",
    "secret",
    "plugin",
    "cost_analysis",
];

/// As upstream: three days.
const PLUGIN_IDLE: Duration = Duration::from_secs(3 * 24 * 3600);

/// Settings of one backend. A key that is left out has the default of a lab without surprises.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// The pod's name; spans carry it as their source.
    pub pod: String,
    /// The pod's own address. Outgoing connections are bound to it when it is a loopback address,
    /// so that the other side sees the pod and not 127.0.0.1.
    pub bind_ip: Option<IpAddr>,
    /// The DNS server to ask; the system's resolver if absent.
    pub dns: Option<SocketAddr>,
    /// Where other services are: `{"identity": "grpc://identity:50051"}`.
    pub endpoints: BTreeMap<String, String>,
    /// MongoDB's connection string.
    pub mongodb: String,
    /// Where Redis is: `redis://redis:6379`.
    pub redis: String,
    /// Put in front of the names of databases, so that several installations can share a store.
    pub database_prefix: String,
    /// What the first start creates: a domain and its administrator.
    pub login: Login,
    /// Whether an empty inventory is filled with sample data.
    pub sample_data: bool,
    /// How gRPC connections live and are chosen.
    pub grpc: Grpc,
    /// The plugins that the catalogue has from the start; each gets what it takes to use it.
    pub plugins: Vec<Plugin>,
    /// How long an hour of the schedulers lasts.
    pub hour: Duration,
    /// How long a plugin that nobody uses keeps its pods.
    pub plugin_idle: Duration,
    /// The public key (JWK) that verifies tokens of the system, for the identity service.
    pub system_key: Option<String>,
    /// With which this service calls others in its own name. It is never printed.
    #[serde(skip)]
    pub system_token: Option<AsciiMetadataValue>,
}

/// The domain of an empty identity database, and its administrator.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// The domain's name.
    pub domain: String,
    /// The administrator's id.
    pub user: String,
    /// The administrator's password.
    pub password: String,
}

// === impl Settings ===

impl Default for Settings {
    fn default() -> Self {
        // Services are named with underscores, hosts with dashes.
        let endpoint = |name: &str| {
            let host = name.replace('_', "-");
            (name.to_owned(), format!("grpc://{host}:50051"))
        };
        Self {
            pod: String::new(),
            bind_ip: None,
            dns: None,
            endpoints: SERVICES.map(endpoint).into(),
            mongodb: "mongodb://mongodb:27017".to_owned(),
            redis: "redis://redis:6379".to_owned(),
            database_prefix: String::new(),
            login: Login::default(),
            sample_data: false,
            grpc: Grpc::default(),
            plugins: Vec::new(),
            hour: Duration::from_secs(3600),
            plugin_idle: PLUGIN_IDLE,
            system_key: None,
            system_token: None,
        }
    }
}

impl Settings {
    /// Takes the system's token; whether it can be one.
    pub fn set_system_token(&mut self, token: &str) -> bool {
        self.system_token = token.parse().ok().map(|mut token: AsciiMetadataValue| {
            token.set_sensitive(true);
            token
        });
        self.system_token.is_some()
    }

    /// How this pod turns names into addresses.
    pub(crate) fn resolver(&self) -> Resolver {
        self.dns.map_or_else(Resolver::system, Resolver::at)
    }

    /// The address to which outgoing connections are bound.
    pub(crate) fn source(&self) -> Option<IpAddr> {
        self.bind_ip.filter(IpAddr::is_loopback)
    }
}

// === impl Login ===

impl Default for Login {
    fn default() -> Self {
        Self {
            domain: "spaceone".to_owned(),
            user: "admin".to_owned(),
            password: "Admin123!@#".to_owned(),
        }
    }
}

impl std::fmt::Debug for Login {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Login")
            .field("domain", &self.domain)
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

impl Login {
    /// The id of the first domain. It follows from the name, so that replicas that start at once,
    /// and other services that put sample data into it, agree without asking each other.
    pub fn domain_id(&self) -> String {
        stable_id("domain", &self.domain)
    }

    /// The id of the first domain's first workspace.
    pub fn workspace_id(&self) -> String {
        stable_id("workspace", &self.domain)
    }
}

/// `<prefix>-<12 hex>`, the same for the same name.
pub(crate) fn stable_id(prefix: &str, name: &str) -> String {
    let hash = digest::digest(&digest::SHA256, format!("{prefix}:{name}").as_bytes());
    format!("{prefix}-{}", hex(&hash.as_ref()[..6]))
}

/// `<prefix>-<12 hex>`, another one each time.
pub(crate) fn new_id(prefix: &str) -> String {
    format!("{prefix}-{}", hex(&fastrand::u64(..).to_le_bytes()[..6]))
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_settings_are_the_defaults_and_a_wrong_key_is_refused() {
        let settings: Settings = serde_json::from_str("{}").unwrap();
        assert_eq!(settings.endpoints["identity"], "grpc://identity:50051");
        assert!(serde_json::from_str::<Settings>(r#"{"mongo": "x"}"#).is_err());
    }

    #[test]
    fn ids_have_the_form_of_the_real_ones() {
        let login = Login::default();
        assert_eq!(login.domain_id(), login.domain_id());
        for id in [login.domain_id(), new_id("domain")] {
            let (prefix, digits) = id.split_once('-').unwrap();
            assert_eq!((prefix, digits.len()), ("domain", 12));
        }
    }

    #[test]
    fn secrets_are_not_printed() {
        let mut settings = Settings::default();
        assert!(settings.set_system_token("eyJ0"));
        let shown = format!("{settings:?}");
        assert!(!shown.contains("Admin123") && !shown.contains("eyJ0"));
        assert!(!settings.set_system_token("two\nlines"));
    }
}
