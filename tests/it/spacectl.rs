//! Cloudforet's own client against the lab: the table of `tests/spacectl/table.txt`.

use std::sync::Arc;

use crate::support::lab::{Lab, cluster_ip, https_port};
use crate::support::spacectl::{Spacectl, proxy};

const SERVICES: [&str; 6] = [
    "identity",
    "inventory",
    "repository",
    "secret",
    "plugin",
    "cost_analysis",
];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_table_does_what_it_says() {
    let lab = Lab::start("process", "");
    let token = lab.token().await;
    let status = lab.status();
    // Services are named with underscores, hosts with dashes.
    let plain = SERVICES.map(|service| {
        let address = cluster_ip(&status, &service.replace('_', "-"));
        (service, format!("grpc://{address}:50051"))
    });
    let port = https_port(&status);
    let encrypted = SERVICES.map(|service| {
        let host = format!("{}.grpc.lab.localhost", service.replace('_', "-"));
        (service, format!("grpc+ssl://{host}:{port}"))
    });
    let ca = lab.state().join(lab.name()).join("ca.pem");
    let ways = [
        ("clusterip", Spacectl::new(&token, &plain)),
        (
            "ingress",
            Spacectl::new(&token, &encrypted).over_tls(&ca, &proxy().await),
        ),
    ];
    let table: Arc<str> = include_str!("../spacectl/table.txt").into();
    let runs = ways.map(|(way, client)| {
        let table = Arc::clone(&table);
        tokio::task::spawn_blocking(move || run(&table, way, &client))
    });
    let mut wrong = Vec::new();
    for run in runs {
        wrong.extend(run.await.unwrap());
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    lab.down();
}

/// What is not as the table says.
fn run(table: &str, way: &str, client: &Spacectl) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut known = vec![("way".to_owned(), way.to_owned())];
    for block in table.split("\n\n") {
        let mut block = block.to_owned();
        for (name, value) in &known {
            block = block.replace(&format!("{{{name}}}"), value);
        }
        let mut lines = block.lines();
        let Some(command) = lines.next().and_then(|line| line.strip_prefix("$ ")) else {
            continue;
        };
        count += 1;
        let arguments: Vec<_> = command.split(' ').collect();
        let output = client.run(&arguments);
        let expects_error = block.contains("= ERROR:");
        let holds = |line: &str| match line.split_once(' ') {
            Some(("=", text)) => output.contains(text),
            Some(("!", text)) => !output.contains(text),
            _ => panic!("{line}"),
        };
        let (kept, lines): (Vec<_>, Vec<_>) = lines.partition(|line| line.starts_with("@ "));
        for line in kept {
            let (name, key) = line[2..].split_once(' ').unwrap();
            let value = value_of(&output, key);
            known.push((
                name.to_owned(),
                value.unwrap_or_else(|| format!("no {key} in {command}")),
            ));
        }
        let missing: Vec<_> = lines.into_iter().filter(|line| !holds(line)).collect();
        if !missing.is_empty() || output.contains("ERROR:") != expects_error {
            wrong.push(format!("{way}: {command}: {missing:?}\n{output}"));
        }
    }
    assert!(count >= 50, "only {count} commands found");
    wrong
}

/// The text behind the first `"key": ` of an output in JSON.
fn value_of(output: &str, key: &str) -> Option<String> {
    let (_, rest) = output.split_once(&format!("\"{key}\": \""))?;
    Some(rest.split('"').next()?.to_owned())
}
