//! A real nginx, configured as ingress-nginx 1.15 renders the same objects.
//!
//! What its Lua does is written in nginx's own words: the choice of an endpoint (upstream blocks),
//! the redirect to https (`return`), the answer without endpoints (503).

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::process::{Command, Stdio};
use std::sync::Arc;

use serde_json::Value;

use super::objects::Objects;
use super::{Everywhere, HTTP, HTTPS, RealServer, address, compare, folder, lab, names, ready};

/// The part of the template that does not depend on objects.
const HTTP_BLOCK: &str = r#"
    server_tokens off;
    underscores_in_headers off;
    ignore_invalid_headers on;
    client_header_buffer_size 1k;
    large_client_header_buffers 4 8k;
    keepalive_requests 1000;
    proxy_headers_hash_max_size 512;
    map $http_upgrade $connection_upgrade { default upgrade; '' ''; }
    map $http_x_request_id $req_id { default $http_x_request_id; "" $request_id; }
    # Without preserve-trailing-slash, a redirect drops one.
    map $request_uri $without_slash { "~^(?<cut>.*)/$" $cut; default $request_uri; }
    client_max_body_size 1m;
    proxy_http_version 1.1;
    proxy_connect_timeout 5s;
    proxy_send_timeout 60s;
    proxy_read_timeout 60s;
    proxy_buffering off;
    proxy_request_buffering on;
    proxy_cookie_domain off;
    proxy_cookie_path off;
    proxy_redirect off;
    proxy_next_upstream error timeout;
    proxy_next_upstream_timeout 0;
    proxy_next_upstream_tries 3;
    proxy_set_header Host $http_host;
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_upgrade;
    proxy_set_header X-Request-ID $req_id;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $remote_addr;
    proxy_set_header X-Forwarded-Host $http_host;
    proxy_set_header X-Forwarded-Port $server_port;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Scheme $scheme;
    proxy_set_header X-Scheme $scheme;
    proxy_set_header X-Original-Forwarded-For $http_x_forwarded_for;
    proxy_set_header Proxy "";
"#;

/// ingress-nginx' `log-format-upstream`.
const LOG_FORMAT: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status \
    $body_bytes_sent \"$http_referer\" \"$http_user_agent\" $request_length $request_time \
    [$proxy_upstream_name] [$proxy_alternative_upstream_name] $upstream_addr \
    $upstream_response_length $upstream_response_time $upstream_status $req_id";

/// A running nginx, and its address.
pub(super) async fn start(objects: &Objects) -> (RealServer, Ipv4Addr) {
    let address = address();
    let folder = tempfile::tempdir().unwrap();
    let fake = "Kubernetes Ingress Controller Fake Certificate".to_owned();
    let key = rcgen::generate_simple_self_signed([fake]).unwrap();
    std::fs::write(folder.path().join("cert.pem"), key.cert.pem()).unwrap();
    std::fs::write(
        folder.path().join("key.pem"),
        key.signing_key.serialize_pem(),
    )
    .unwrap();
    let text = render(objects, address, folder.path().to_str().unwrap());
    std::fs::write(folder.path().join("nginx.conf"), text).unwrap();
    let process = Command::new("nginx")
        .arg("-p")
        .arg(folder.path())
        .arg("-c")
        .arg(folder.path().join("nginx.conf"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect(
            "there is no nginx: run the tests with tests/run, or `apt-get install nginx-light`",
        );
    let log = folder.path().join("error.log");
    let nginx = RealServer {
        process,
        log,
        _folder: folder,
    };
    ready(address).await;
    (nginx, address)
}
/// What a server block has, by host.
#[derive(Debug, Default)]
struct Server {
    /// `location` modifier and path, and where it leads.
    locations: BTreeMap<String, Leads>,
    tls: bool,
}

#[derive(Clone, Debug)]
enum Leads {
    To(String),
    /// No endpoints, no such port, no such Service.
    Nowhere,
    /// The built-in default backend.
    Default,
}

fn render(objects: &Objects, address: Ipv4Addr, folder: &str) -> String {
    let mut out = format!(
        "daemon off;\nmaster_process off;\nworker_processes 1;\npid {folder}/pid;\n\
         error_log {folder}/error.log;\nevents {{ worker_connections 512; }}\nhttp {{\n\
         log_format upstreaminfo '{LOG_FORMAT}';\n\
         access_log {folder}/access.log upstreaminfo;\n"
    );
    for place in ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"] {
        writeln!(out, "    {place}_temp_path {folder}/{place};").unwrap();
    }
    out.push_str(HTTP_BLOCK);
    for slice in objects.of("EndpointSlice") {
        upstream(&mut out, slice);
    }
    let mut servers: BTreeMap<String, Server> = BTreeMap::new();
    servers.entry("_".to_owned()).or_default();
    for ingress in objects.of("Ingress") {
        for rule in ingress["spec"]["rules"].as_array().into_iter().flatten() {
            let host = rule["host"].as_str().unwrap_or("_").to_owned();
            let server = servers.entry(host).or_default();
            for path in rule["http"]["paths"].as_array().into_iter().flatten() {
                locations(server, path, objects);
            }
        }
        for tls in ingress["spec"]["tls"].as_array().into_iter().flatten() {
            for host in tls["hosts"].as_array().into_iter().flatten() {
                if let Some(server) = servers.get_mut(host.as_str().unwrap()) {
                    server.tls = true;
                }
            }
        }
    }
    for (host, server) in &mut servers {
        let root = server.locations.entry("/".to_owned());
        root.or_insert(Leads::Default);
        write_server(&mut out, host, server, address, folder);
    }
    out.push_str("}\n");
    out
}

fn upstream(out: &mut String, slice: &Value) {
    let endpoints = slice["endpoints"].as_array().unwrap();
    if endpoints.is_empty() {
        return;
    }
    let service = slice["metadata"]["labels"]["kubernetes.io/service-name"]
        .as_str()
        .unwrap();
    writeln!(out, "    upstream {service} {{").unwrap();
    for endpoint in endpoints {
        let host = endpoint["addresses"][0].as_str().unwrap();
        let port = &slice["ports"][0]["port"];
        writeln!(out, "        server {host}:{port} max_fails=0;").unwrap();
    }
    out.push_str("        keepalive 320;\n    }\n");
}

/// The locations of one path: an exact one, and for a prefix one that ends in a slash.
fn locations(server: &mut Server, path: &Value, objects: &Objects) {
    let text = path["path"].as_str().unwrap();
    let leads = leads(&path["backend"]["service"], objects);
    if path["pathType"] == "Exact" {
        server.locations.insert(format!("= {text}"), leads);
        return;
    }
    if text != "/" {
        let exact = server.locations.entry(format!("= {text}"));
        exact.or_insert(leads.clone());
    }
    let prefix = if text.ends_with('/') {
        text.to_owned()
    } else {
        format!("{text}/")
    };
    server.locations.entry(prefix).or_insert(leads);
}

fn leads(service: &Value, objects: &Objects) -> Leads {
    let name = service["name"].as_str().unwrap();
    let services = objects.of("Service");
    let found = services
        .into_iter()
        .find(|service| service["metadata"]["name"] == name);
    let port = &service["port"];
    let has_port = |found: &Value| {
        let ports = found["spec"]["ports"].as_array().unwrap();
        ports.iter().any(|own| {
            own["port"] == port["number"] || own["name"].is_string() && own["name"] == port["name"]
        })
    };
    let has_endpoints = objects.of("EndpointSlice").into_iter().any(|slice| {
        slice["metadata"]["labels"]["kubernetes.io/service-name"] == name
            && !slice["endpoints"].as_array().unwrap().is_empty()
    });
    if found.is_some_and(has_port) && has_endpoints {
        Leads::To(name.to_owned())
    } else {
        Leads::Nowhere
    }
}

fn write_server(out: &mut String, host: &str, server: &Server, address: Ipv4Addr, folder: &str) {
    let name = match host.strip_prefix("*.") {
        Some(suffix) => format!(r"~^(?<subdomain>[\w-]+)\.{}$", suffix.replace('.', r"\.")),
        None => host.to_owned(),
    };
    let default = if host == "_" { " default_server" } else { "" };
    write!(
        out,
        "    server {{\n        server_name {name};\n\
         \x20       set $proxy_upstream_name \"\";\n\
         \x20       set $proxy_alternative_upstream_name \"\";\n\
         \x20       listen {address}:{HTTP}{default};\n\
         \x20       listen {address}:{HTTPS} ssl{default};\n\
         \x20       ssl_certificate {folder}/cert.pem;\n\
         \x20       ssl_certificate_key {folder}/key.pem;\n"
    )
    .unwrap();
    for (location, leads) in &server.locations {
        writeln!(out, "        location {location} {{").unwrap();
        if server.tls {
            out.push_str(
                "            if ($scheme = http) { return 308 https://$host$without_slash; }\n",
            );
            out.push_str("            set $hsts \"\";\n");
            out.push_str("            if ($scheme = https) { set $hsts \"max-age=31536000; includeSubDomains\"; }\n");
            out.push_str("            add_header Strict-Transport-Security $hsts always;\n");
        }
        let does = match leads {
            Leads::To(service) => format!(
                "set $proxy_upstream_name default-{service}-80; proxy_pass http://{service}"
            ),
            Leads::Nowhere => "return 503".to_owned(),
            Leads::Default => "return 404".to_owned(),
        };
        writeln!(out, "            {does};\n        }}").unwrap();
    }
    out.push_str("    }\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lab_is_like_nginx() {
    let mut wrong = Vec::new();
    let mut everywhere = Everywhere::new("nginx");
    for name in names("nginx") {
        let objects = Arc::new(Objects::start(&folder().join(format!("{name}.yaml"))).await);
        let (lab, ours) = lab("nginx", &objects);
        let (_nginx, real) = start(&objects).await;
        ready(ours).await;
        wrong.extend(compare("nginx", &name, real, ours, &mut everywhere).await);
        lab.down();
    }
    wrong.extend(everywhere.gone());
    assert!(
        wrong.is_empty(),
        "{} differences\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}
