//! Where the page's APIs are, from where the page is.

use http::{HeaderMap, header};

use super::Settings;

/// Base URLs of the two APIs for one page.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Endpoints {
    /// console-api (v1).
    pub(super) v1: String,
    /// console-api-v2.
    pub(super) v2: String,
}

/// The origin of a page, in the parts that the templates use.
struct Page<'a> {
    scheme: &'a str,
    /// The host without its first label.
    domain: &'a str,
    /// With its colon, or empty for the scheme's own port.
    port: String,
}

/// The endpoints for the page that this request belongs to.
pub(super) fn endpoints(settings: &Settings, headers: &HeaderMap) -> Endpoints {
    let page = page_of(headers).or_else(|| {
        let (scheme, authority) = settings.page.split_once("://")?;
        parse(scheme, authority, None)
    });
    let Some(page) = page else {
        // Neither the request nor the settings name a domain; templates without placeholders work.
        return Endpoints {
            v1: settings.console_api.clone(),
            v2: settings.console_api_v2.clone(),
        };
    };
    let fill = |template: &str| {
        template
            .replace("{scheme}", page.scheme)
            .replace("{domain}", page.domain)
            .replace("{port}", &page.port)
    };
    Endpoints {
        v1: fill(&settings.console_api),
        v2: fill(&settings.console_api_v2),
    }
}

fn page_of(headers: &HeaderMap) -> Option<Page<'_>> {
    // A list of proxies may stand in these; the first entry is the one the browser spoke to.
    let first = |name: &str| {
        let value = headers.get(name)?.to_str().ok()?;
        Some(value.split(',').next().unwrap_or(value).trim())
    };
    let scheme = match first("x-forwarded-proto") {
        Some("https" | "wss") => "https",
        _ => "http",
    };
    let authority = first("x-forwarded-host").or_else(|| first(header::HOST.as_str()))?;
    parse(scheme, authority, first("x-forwarded-port"))
}

/// `None` for a host without a domain, and for anything that is no host: it would end up in a
/// header of the answer.
fn parse<'a>(
    scheme: &'a str,
    authority: &'a str,
    forwarded_port: Option<&str>,
) -> Option<Page<'a>> {
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) => (host, Some(port.parse::<u16>().ok()?)),
        None => (authority, forwarded_port.and_then(|port| port.parse().ok())),
    };
    let (_, domain) = host.split_once('.')?;
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let is_address = host
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    if domain.is_empty() || is_address || !host.bytes().all(allowed) {
        return None;
    }
    let usual = if scheme == "https" { 443 } else { 80 };
    let port = port.filter(|port| *port != usual);
    Some(Page {
        scheme,
        domain,
        port: port.map(|port| format!(":{port}")).unwrap_or_default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn v2(headers: &[(&'static str, &'static str)]) -> String {
        let headers = headers
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect();
        endpoints(&Settings::default(), &headers).v2
    }

    #[test]
    fn the_apis_are_siblings_of_the_page() {
        let cases: &[(&[(&str, &str)], &str)] = &[
            (
                &[
                    ("host", "console.lab.localhost:8443"),
                    ("x-forwarded-proto", "https"),
                ],
                "https://console-api-v2.lab.localhost:8443",
            ),
            (
                &[
                    ("host", "console.example.com"),
                    ("x-forwarded-proto", "https"),
                    ("x-forwarded-port", "443"),
                ],
                "https://console-api-v2.example.com",
            ),
            (
                &[
                    ("host", "10.0.0.1:80"),
                    ("x-forwarded-host", "console.example.com"),
                    ("x-forwarded-port", "9443"),
                    ("x-forwarded-proto", "https"),
                ],
                "https://console-api-v2.example.com:9443",
            ),
            (
                &[("host", "console.lab.localhost:8080")],
                "http://console-api-v2.lab.localhost:8080",
            ),
        ];
        for (headers, expected) in cases {
            assert_eq!(&v2(headers), expected);
        }
    }

    #[test]
    fn what_is_no_domain_gets_the_configured_page() {
        for host in [
            "127.0.0.1:8443",
            "localhost:8443",
            "a b.c",
            "console.x;y",
            "console.x:99999",
        ] {
            assert_eq!(
                v2(&[("host", host)]),
                "https://console-api-v2.lab.localhost:8443",
                "{host}"
            );
        }
    }
}
