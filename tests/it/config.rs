//! Golden cases of the config: what is written, and what is made of it.

use std::path::Path;

use lab::config::{self, Overrides};

/// What separates a config from what is expected of it.
const SEPARATOR: &str = "\n---\n";

fn outcome(text: &str) -> String {
    match config::parse(Some((Path::new("lab.toml"), text)), &Overrides::default()) {
        Ok(config) => {
            let mut lines = vec![config.summary()];
            let warnings = config.warnings.iter();
            lines.extend(warnings.map(|warning| format!("warning: {warning}")));
            lines.join("\n")
        }
        Err(problems) => problems.to_string(),
    }
}

#[test]
fn every_case_has_the_expected_outcome() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut seen = 0;
    let mut wrong = Vec::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "txt") {
            continue;
        }
        seen += 1;
        let case = std::fs::read_to_string(&path).unwrap();
        let (text, expected) = case.split_once(SEPARATOR).unwrap();
        let found = outcome(text);
        if std::env::var_os("LAB_ACCEPT_CASES").is_some() {
            std::fs::write(&path, format!("{text}{SEPARATOR}{found}\n")).unwrap();
        } else if found != expected.trim_end() {
            wrong.push(format!("{}:\n{found}\n", path.display()));
        }
    }
    assert!(seen >= 10, "only {seen} cases found");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn five_mistakes_are_five_reports() {
    let text = r#"
runtime = "dokcer"
[load_balancer]
http = 70000
[services.inventory]
replicas = -1
replcas = 2
[[ingresses]]
name = "mine"
rules = [{ host = "a.b", paths = [{ path = "/", service = "inventroy", port = 50051 }] }]
"#;
    let problems =
        config::parse(Some((Path::new("lab.toml"), text)), &Overrides::default()).unwrap_err();
    assert_eq!(problems.0.len(), 5, "{problems}");
    let places: Vec<_> = problems
        .0
        .iter()
        .map(|problem| problem.place.line)
        .collect();
    assert_eq!(places, [2, 4, 6, 7, 10]);
    assert_eq!(
        problems.0[2].to_string(),
        "lab.toml:6:1: [services.inventory] replicas = -1: must be 0 to 200; \
         write a number, for example replicas = 2"
    );
}

#[test]
fn no_input_makes_the_reader_panic() {
    // Every prefix of the reference, and every line of it alone, is either a config or refused.
    let text = config::DEFAULT;
    for (end, _) in text.char_indices().step_by(97) {
        let _ = outcome(&text[..end]);
    }
    for line in text.lines() {
        let _ = outcome(line);
        let _ = outcome(&line.replace('=', "= [ {} ] #"));
        let _ = outcome(&line.replace('"', ""));
    }
}
