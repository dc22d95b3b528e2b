//! Where the lab is, taken from its status: the addresses of the load balancer, the CA, the login.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::PathBuf;

use http::Uri;
use serde_json::Value;

use super::TraceError;

/// Ports of the load balancer that the lab uses unless told otherwise.
const HTTP: u16 = 8080;
const HTTPS: u16 = 8443;

/// What a client must know to reach the running lab.
#[derive(Clone, Debug)]
pub struct LabAddress {
    /// Address of the load balancer.
    pub address: IpAddr,
    /// Its port for clear text.
    pub http: u16,
    /// Its port for TLS.
    pub https: u16,
    /// PEM file of the lab's CA.
    pub ca_certificate: PathBuf,
    /// The console API at which to log in.
    pub console_api_v2: Option<Uri>,
    /// With what.
    pub login: Login,
}

/// The user that the lab made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Login {
    /// Name of the domain.
    pub domain: String,
    /// Its administrator.
    pub user: String,
    /// In clear, as `lab up` prints it.
    pub password: String,
}

impl LabAddress {
    /// Reads the document that `lab status -o json` prints.
    pub fn from_status(status: &Value) -> Result<Self, TraceError> {
        let text = |pointer: &str| status.pointer(pointer).and_then(Value::as_str);
        let url = |name: &str| text(&format!("/urls/{name}"))?.parse::<Uri>().ok();
        let any = ["console", "console_api", "console_api_v2"]
            .into_iter()
            .find_map(url);
        let literal = any.as_ref().and_then(|url| url.host()?.parse().ok());
        let ca_certificate = text("/ca_certificate").ok_or(TraceError::Status("ca_certificate"))?;
        let of_url = |scheme: &str| {
            let url = any.as_ref()?;
            let matches = url.scheme_str() == Some(scheme);
            matches.then(|| url.port_u16()).flatten()
        };
        Ok(Self {
            address: literal.unwrap_or(Ipv4Addr::LOCALHOST.into()),
            http: of_url("http")
                .or_else(|| balanced_port(status, &["http", "web"]))
                .unwrap_or(HTTP),
            https: of_url("https")
                .or_else(|| balanced_port(status, &["https", "websecure"]))
                .unwrap_or(HTTPS),
            ca_certificate: ca_certificate.into(),
            console_api_v2: url("console_api_v2"),
            login: Login {
                domain: text("/login/domain").unwrap_or_default().to_owned(),
                user: text("/login/user").unwrap_or_default().to_owned(),
                password: text("/login/password").unwrap_or_default().to_owned(),
            },
        })
    }

    /// Where a URL is dialled. Names are never looked up: whatever a name is elsewhere, here it
    /// belongs to the lab, so `console.example.com` needs no entry in a hosts file. A URL without a
    /// port means the load balancer's.
    pub(super) fn dial(&self, uri: &Uri) -> SocketAddr {
        let literal = uri
            .host()
            .and_then(|host| host.trim_matches(['[', ']']).parse().ok());
        let port = uri.port_u16().unwrap_or(match uri.scheme_str() {
            Some("http") => self.http,
            _ => self.https,
        });
        SocketAddr::new(literal.unwrap_or(self.address), port)
    }
}

/// A port of the Service of type `LoadBalancer`, by name.
fn balanced_port(status: &Value, names: &[&str]) -> Option<u16> {
    let services = status.get("services")?.as_array()?;
    let ports = services
        .iter()
        .filter(|service| service.get("type").and_then(Value::as_str) == Some("LoadBalancer"))
        .filter_map(|service| service.get("ports")?.as_array())
        .flatten();
    ports
        .filter(|port| {
            let name = port.get("name").and_then(Value::as_str);
            name.is_some_and(|name| names.contains(&name))
        })
        .find_map(|port| u16::try_from(port.get("port")?.as_u64()?).ok())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn lab() -> LabAddress {
        LabAddress::from_status(&json!({
            "urls": {
                "console": "https://console.lab.localhost:9443",
                "console_api_v2": "https://console-api-v2.lab.localhost:9443",
            },
            "ca_certificate": "/tmp/ca.crt",
            "login": {"domain": "spaceone", "user": "admin", "password": "secret"},
            "services": [{"name": "traefik", "type": "LoadBalancer",
                "ports": [{"name": "web", "port": 9080}]}],
        }))
        .unwrap()
    }

    #[test]
    fn every_name_belongs_to_the_lab_and_a_missing_port_is_the_load_balancers() {
        for (url, expected) in [
            ("https://console.lab.localhost:9443/", "127.0.0.1:9443"),
            ("https://console.example.com/a", "127.0.0.1:9443"),
            ("http://console.example.com/a", "127.0.0.1:9080"),
            ("http://localhost:81/", "127.0.0.1:81"),
            ("https://127.0.0.5/", "127.0.0.5:9443"),
            ("https://[::1]:5/", "[::1]:5"),
        ] {
            let dialled = lab().dial(&url.parse().unwrap());
            assert_eq!(dialled.to_string(), expected, "{url}");
        }
    }

    #[test]
    fn a_status_without_certificate_is_an_error() {
        let error = LabAddress::from_status(&json!({})).unwrap_err();
        assert!(error.to_string().contains("ca_certificate"));
    }
}
