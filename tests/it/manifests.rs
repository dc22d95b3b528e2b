//! Golden cases of manifests: files as written, and what the config makes of them.

use std::path::Path;

use lab::config::{self, Overrides};

use crate::ingress_support::{echo_pod, nobody};
use crate::support::https::Https;
use crate::support::lab::Lab;

/// Begins each part of a case: `=== lab.toml`, `=== web.yaml`, at last `=== expected`.
const PART: &str = "=== ";
const EXPECTED: &str = "expected";

/// Name and text of each part.
fn parts(case: &str) -> Vec<(&str, String)> {
    let mut parts: Vec<(&str, String)> = Vec::new();
    for line in case.lines() {
        if let Some(name) = line.strip_prefix(PART) {
            parts.push((name, String::new()));
        } else {
            let (_, text) = parts.last_mut().unwrap();
            text.push_str(line);
            text.push('\n');
        }
    }
    parts
}

/// What a folder with these files says.
fn outcome(files: &[(&str, String)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let path = folder.path().join("lab.toml");
    let said = match config::load(Some(&path), &Overrides::default()) {
        Ok(config) => {
            let mut lines = vec![config.summary()];
            let warnings = config.warnings.iter();
            lines.extend(warnings.map(|warning| format!("warning: {warning}")));
            let reports = config.reports.iter();
            lines.extend(reports.map(|report| {
                let unusable = if report.unusable { "unusable " } else { "" };
                format!("report: {unusable}{report}")
            }));
            lines.extend(config.secrets.iter().map(|secret| format!("{secret:?}")));
            lines.join("\n")
        }
        Err(error) => error.to_string(),
    };
    said.replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn every_case_has_the_expected_outcome() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases/manifests");
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        let case = std::fs::read_to_string(&path).unwrap();
        let parts = parts(&case);
        let ((last, expected), files) = parts.split_last().unwrap();
        assert_eq!(*last, EXPECTED, "{}", path.display());
        let found = outcome(files);
        seen += 1;
        if std::env::var_os("LAB_ACCEPT_CASES").is_some() {
            let head = case.split_once("=== expected\n").unwrap().0;
            std::fs::write(&path, format!("{head}=== expected\n{found}\n")).unwrap();
        } else if found != expected.trim_end() {
            wrong.push(format!("{}:\n{found}\n", path.display()));
        }
    }
    assert!(seen >= 6, "only {seen} cases found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn no_file_makes_the_reader_panic() {
    // Every prefix and every line left out of a good file is either a config or refused.
    for case in [
        include_str!("../cases/manifests/a_shop.txt"),
        include_str!("../cases/manifests/gateway_api.txt"),
    ] {
        let mut files = parts(case);
        files.pop();
        let yaml = files.pop().unwrap();
        let lines: Vec<&str> = yaml.1.lines().collect();
        for cut in 0..lines.len() {
            let prefix = lines[..cut].join("\n");
            let without: Vec<_> = lines
                .iter()
                .enumerate()
                .filter(|(at, _)| *at != cut)
                .collect();
            let without: Vec<&str> = without.into_iter().map(|(_, line)| *line).collect();
            let twisted = yaml
                .1
                .replacen(": ", ": [", cut)
                .replacen("- ", "? ", cut / 2);
            for text in [prefix, without.join("\n"), twisted] {
                let mut files = files.clone();
                files.push((yaml.0, text));
                let _ = outcome(&files);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_serves_what_manifests_say() {
    let (one, other) = (echo_pod().await, nobody());
    let lab = Lab::new(
        "process",
        "manifests = [\"shop.yaml\"]\n[cloudforet]\nenabled = false\n",
    );
    let key = rcgen::generate_simple_self_signed(["shop.lab.localhost".to_owned()]).unwrap();
    let indent = |pem: &str| pem.trim().replace('\n', "\n    ");
    let yaml = include_str!("../manifests/shop.yaml")
        .replace("PORT_OF_ONE", &one.port().to_string())
        .replace("PORT_OF_OTHER", &other.port().to_string())
        .replace("CERTIFICATE", &indent(&key.cert.pem()))
        .replace("KEY", &indent(&key.signing_key.serialize_pem()));
    lab.file("shop.yaml", &yaml);
    lab.file("cert.pem", &key.cert.pem());
    lab.up();

    let status = lab.status();
    let ingresses = status["ingresses"].as_array().unwrap();
    assert_eq!(ingresses[0]["name"], "elsewhere");
    assert_eq!(ingresses[0]["addresses"], serde_json::json!([]));
    assert_eq!(ingresses[1]["class"], "traefik");
    assert_eq!(ingresses[1]["hosts"][0], "shop.lab.localhost");
    let addresses = ingresses[1]["addresses"].as_array().unwrap();
    let secure = addresses[1].as_str().unwrap();
    let reports = status["reports"].to_string();
    assert!(reports.contains("no IngressClass"), "{reports}");
    assert!(reports.contains("there is no Service"), "{reports}");
    let shown = lab.ok(&["status"]);
    assert!(shown.contains("Ingress elsewhere"), "{shown}");

    // The certificate is the manifest's, and only the ready endpoint is asked.
    let port = secure.rsplit(':').next().unwrap();
    let https = Https::trusting(&lab.folder().join("cert.pem"));
    for _ in 0..4 {
        let url = format!("https://shop.lab.localhost:{port}/cart");
        let answer = https.get(&url).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().starts_with("GET /cart"), "{}", answer.text());
    }
    lab.down();
}
