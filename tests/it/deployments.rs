//! Pods that nobody connects to, in a lab as a user starts it.

use crate::eventually;
use crate::support::lab::Lab;

/// Says how it is called, and works until it is asked to stop.
const MAILER: &str = r#"
[cloudforet]
enabled = false
[deployments.mailer]
command = ["sh", "-c", "echo $GREETING $LAB_POD; exec sleep 1000"]
env = { GREETING = "hello-from" }
"#;

fn deployment(lab: &Lab) -> (u64, u64) {
    let status = lab.status();
    let all = status["deployments"].as_array().unwrap();
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(all[0]["name"], "mailer");
    let number = |key: &str| all[0][key].as_u64().unwrap();
    (number("ready"), number("replicas"))
}

fn pods(lab: &Lab) -> Vec<String> {
    let status = lab.status();
    let pods = status["pods"].as_array().unwrap().iter();
    let pods = pods.filter(|pod| pod["deployment"] == "mailer" && pod["ready"] == true);
    pods.map(|pod| pod["name"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test]
async fn a_deployment_without_a_service_is_shown_scaled_killed_and_reloaded() {
    let lab = Lab::start("process", MAILER);
    assert_eq!(deployment(&lab), (1, 1));
    let table = lab.ok(&["status"]);
    assert!(
        table.contains("DEPLOYMENT") && table.contains("1/1"),
        "{table}"
    );
    assert!(lab.ok(&["scale", "mailer", "3"]).contains("3 of 3 ready"));
    assert_eq!(deployment(&lab), (3, 3));
    let greetings: Vec<_> = pods(&lab)
        .iter()
        .map(|pod| format!("hello-from {pod}"))
        .collect();
    // Without a probe they are ready before they have said anything.
    eventually!("each pod says its name", {
        let logs = lab.ok(&["logs", "mailer"]);
        greetings.iter().all(|one| logs.contains(one)).then_some(())
    });
    let victim = pods(&lab).pop().unwrap();
    lab.ok(&["kill", &victim]);
    let restarts = || {
        let status = lab.status();
        let mut pods = status["pods"].as_array().unwrap().iter();
        let killed = pods.find(|pod| pod["name"] == victim.as_str()).unwrap();
        killed["ready"] == true && killed["restarts"] == 1
    };
    eventually!("it is started again", restarts().then_some(()));
    // What was scaled by hand stays while the file says what it said.
    let text = std::fs::read_to_string(lab.folder().join("lab.toml")).unwrap();
    lab.file("lab.toml", &text.replace("hello-from", "hi-from"));
    let told = lab.ok(&["reload"]);
    assert!(told.contains("Deployment mailer changed"), "{told}");
    eventually!("all are replaced", {
        let logs = lab.ok(&["logs", "mailer"]);
        (logs.matches("hi-from").count() >= 3).then_some(())
    });
    let hint = lab.run(&["scale", "mialer", "1"]);
    let hint = String::from_utf8_lossy(&hint.stderr).into_owned();
    assert!(hint.contains("did you mean mailer?"), "{hint}");
    lab.down();
}

#[tokio::test]
async fn a_worker_with_a_port_for_its_probe_is_ready_when_that_answers() {
    let toml = r#"
[cloudforet]
enabled = false
[deployments.deaf]
command = ["sleep", "1000"]
readiness = { tcp = 8099 }
"#;
    let lab = Lab::new("process", toml);
    let mut up = lab.command(&["up", "--runtime", "process", "--timeout", "2"]);
    let output = up.output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(!output.status.success(), "{told}");
    assert!(
        told.contains("pod deaf-") && told.contains("not ready"),
        "{told}"
    );
    eventually!("nothing is left", lab.nothing_runs().then_some(()));
}

#[test]
fn without_cloudforet_there_is_nothing_to_collect() {
    let lab = Lab::start("process", MAILER);
    let output = lab.run(&["collect", "host"]);
    assert_eq!(output.status.code(), Some(1));
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        told.contains("no collectors") && told.contains("[cloudforet]"),
        "{told}"
    );
}
