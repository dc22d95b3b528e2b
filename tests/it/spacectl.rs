//! Cloudforet's own client against the lab: the table of `tests/spacectl.txt`.

use std::sync::Arc;

use crate::support::lab::{Lab, cluster_ip, https_port};
use crate::support::spacectl::{Spacectl, proxy};

const SERVICES: [&str; 2] = ["identity", "inventory"];

#[tokio::test(flavor = "multi_thread")]
async fn every_command_of_the_table_does_what_it_says() {
    let lab = Lab::start("process", "");
    let token = lab.token().await;
    let status = lab.status();
    let plain = SERVICES.map(|service| {
        (
            service,
            format!("grpc://{}:50051", cluster_ip(&status, service)),
        )
    });
    let port = https_port(&status);
    let encrypted = SERVICES.map(|service| {
        let host = format!("{service}.grpc.lab.localhost");
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
    let table: Arc<str> = include_str!("../spacectl.txt").into();
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
    for block in table.split("\n\n") {
        let block = block.replace("{way}", way);
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
        let missing: Vec<_> = lines.filter(|line| !holds(line)).collect();
        if !missing.is_empty() || output.contains("ERROR:") != expects_error {
            wrong.push(format!("{way}: {command}: {missing:?}\n{output}"));
        }
    }
    assert!(count >= 20, "only {count} commands found");
    wrong
}
