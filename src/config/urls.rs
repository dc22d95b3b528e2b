//! Where the console and its APIs are found once the host ports are known.

use super::settings::Config;
use crate::model::{Ingress, Urls};

impl Config {
    /// The URLs of the console and its APIs through the ingress, given the ports that were bound.
    /// `dashboard` is left to whoever knows it.
    pub fn urls(&self, http: u16, https: u16) -> Urls {
        let url = |service| self.url_of(service, http, https);
        Urls {
            console: url("console"),
            console_api: url("console-api"),
            console_api_v2: url("console-api-v2"),
            dashboard: None,
        }
    }

    /// The first host and path that lead to a Service: https where the host has a certificate.
    fn url_of(&self, service: &str, http: u16, https: u16) -> Option<String> {
        self.ingresses
            .iter()
            .find_map(|ingress| first_url(ingress, service, http, https))
    }
}

fn first_url(ingress: &Ingress, service: &str, http: u16, https: u16) -> Option<String> {
    for rule in &ingress.rules {
        let Some(host) = rule.host.as_deref().filter(|host| !host.starts_with('*')) else {
            continue;
        };
        let path = rule
            .paths
            .iter()
            .find(|path| path.backend.service == service);
        if let Some(path) = path {
            let mut certificates = ingress.tls.iter().flat_map(|tls| &tls.hosts);
            let secured = certificates.any(|name| covers(name, host));
            let (scheme, port, usual) = if secured {
                ("https", https, 443)
            } else {
                ("http", http, 80)
            };
            let port = if port == usual {
                String::new()
            } else {
                format!(":{port}")
            };
            return Some(format!("{scheme}://{host}{port}{}", path.path));
        }
    }
    None
}

/// Whether a certificate's name is good for a host; a star stands for one label.
fn covers(name: &str, host: &str) -> bool {
    match name.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(_, rest)| rest == parent),
        None => name == host,
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use crate::config::{Overrides, parse};

    #[test]
    fn urls_name_the_port_that_was_bound_unless_it_is_the_usual_one() {
        let config = parse(None, &Overrides::default()).unwrap();
        let urls = config.urls(8080, 41234);
        let console = "https://console.lab.localhost:41234/";
        assert_eq!(urls.console.as_deref(), Some(console));
        let urls = config.urls(80, 443);
        let api = "https://console-api-v2.lab.localhost/";
        assert_eq!(urls.console_api_v2.as_deref(), Some(api));
    }

    #[test]
    fn without_a_certificate_it_is_http() {
        let toml = r#"
            [[ingresses]]
            name = "console"
            rules = [
                { host = "*.example.com", paths = [{ service = "console", port = 80 }] },
                { host = "c.example.org", paths = [{ path = "/ui", service = "console", port = 80 }] },
            ]
            tls = [{ hosts = ["*.example.com"] }]
        "#;
        let config = parse(Some((Path::new("x"), toml)), &Overrides::default()).unwrap();
        let urls = config.urls(8080, 8443);
        let console = "http://c.example.org:8080/ui";
        assert_eq!(urls.console.as_deref(), Some(console));
    }
}
