//! The user's own programs as services: those that work, and those that do not.

use std::io::{Read, Write};
use std::net::TcpListener;

use crate::eventually;
use crate::failures::fails_to_start;
use crate::support::lab::{Lab, cluster_ip, https_port};

/// A config with one service of the user's behind `https://web.lab.localhost/`.
fn one_service(service: &str) -> String {
    format!(
        r#"
[cloudforet]
enabled = false
[services.web]
{service}
[[ingresses]]
name = "web"
rules = [{{ host = "web.lab.localhost", paths = [{{ path = "/", path_type = "Prefix", service = "web", port = 80 }}] }}]
tls = [{{ hosts = ["web.lab.localhost"] }}]
"#
    )
}

/// GETs the service's page through the ingress.
async fn page(lab: &Lab) -> String {
    let status = lab.status();
    let url = format!("https://web.lab.localhost:{}/", https_port(&status));
    let answer = lab.https().get(&url).await.unwrap();
    assert_eq!(answer.status, 200, "{}", answer.text());
    answer.text()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_of_the_users_is_served() {
    for command in [
        r#"["python3", "-m", "http.server", "{port}", "--bind", "{address}"]"#,
        r#"["python3", "-m", "http.server", "{port}"]"#,
    ] {
        let lab = Lab::start(
            "process",
            &one_service(&format!("command = {command}\nport = 80")),
        );
        let text = page(&lab).await;
        assert!(text.contains("Directory listing"), "{text}");
        lab.down();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn config_files_are_filled_in_and_change_with_a_reload() {
    let command = r#"["python3", "-m", "http.server", "{port}", "--bind", "{address}", "--directory", "{files}"]"#;
    let files = r#"files = { "index.html" = "index.tmpl", "a/b.html" = "index.tmpl" }"#;
    let lab = Lab::new(
        "process",
        &one_service(&format!("command = {command}\nport = 80\n{files}")),
    );
    lab.file("index.tmpl", "I am ${WEB_SERVICE_HOST}, not $${WEB}");
    lab.up();
    let status = lab.status();
    let cluster_ip = cluster_ip(&status, "web");
    assert_eq!(page(&lab).await, format!("I am {cluster_ip}, not ${{WEB}}"));

    lab.file("index.tmpl", "now on ${PORT}");
    assert_eq!(lab.ok(&["reload"]), "Deployment web changed\n");
    eventually!(
        "the new pod serves the new file",
        page(&lab).await.starts_with("now on ").then_some(())
    );
    lab.down();
}

#[test]
fn a_config_file_with_a_hole_is_told() {
    let service = "command = [\"true\"]\nport = 80\nfiles = { \"app.yaml\" = \"app.tmpl\" }";
    let lab = Lab::new("process", &one_service(service));
    lab.file("app.tmpl", "store:\n  host: ${MONGO_HOST}\n");
    let parts = ["line 2", "app.yaml", "${MONGO_HOST}", "no variable of pod"];
    fails_to_start(&lab, "process", &parts);
}

#[test]
fn a_command_that_crashes_is_told_with_its_last_lines() {
    let command = r#"command = ["sh", "-c", "echo about to fail; echo no database >&2; exit 7"]"#;
    let lab = Lab::new("process", &one_service(&format!("{command}\nport = 80")));
    let parts = [
        "pod web-",
        "exited with code 7",
        "about to fail",
        "no database",
    ];
    fails_to_start(&lab, "process", &parts);
}

#[test]
fn a_command_that_is_not_installed_is_told() {
    let lab = Lab::new(
        "process",
        &one_service("command = [\"no-such-program\"]\nport = 80"),
    );
    let parts = ["pod web-", "no-such-program", "PATH"];
    fails_to_start(&lab, "process", &parts);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_runs_already_is_an_endpoint() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut buffer = [0; 4096];
            if stream.read(&mut buffer).is_ok_and(|count| count > 0) {
                let answer =
                    "HTTP/1.1 200 OK\r\ncontent-length: 11\r\nconnection: close\r\n\r\nfrom my IDE";
                let _ = stream.write_all(answer.as_bytes());
            }
        }
    });
    let lab = Lab::start(
        "process",
        &one_service(&format!("endpoints = [\"{address}\"]\nport = 80")),
    );
    assert_eq!(page(&lab).await, "from my IDE");
    lab.down();
}
