//! Why `lab up` failed, in words.

use std::time::Duration;

use super::printer::Failure;
use crate::client::{Client, LabFolder};
use crate::model::PodStatus;

/// A pod that crashed so often while the lab starts will not come up by itself.
const CRASHES: u32 = 3;
/// Lines of the log that are shown when it says nothing clearer.
const LAST_LINES: usize = 10;

/// Whether this pod keeps the lab from ever being ready.
pub(super) fn is_hopeless(pod: &PodStatus) -> bool {
    match pod.phase.as_str() {
        "CreateContainerError" => true,
        "CrashLoopBackOff" => pod.restarts >= CRASHES,
        _ => false,
    }
}

/// What a hopeless pod says.
pub(super) fn crashed(pod: &PodStatus) -> Failure {
    let reason = pod.reason.as_deref().unwrap_or("it ended by itself");
    let mut message = if pod.phase == "CrashLoopBackOff" {
        format!("pod {} crashed {} times: {reason}", pod.name, pod.restarts)
    } else {
        format!("pod {} cannot be started: {reason}", pod.name)
    };
    for line in &pod.last_lines {
        message.push_str("\n  ");
        message.push_str(line);
    }
    Failure::new(message)
}

/// Which pods are not ready after all the time, and why.
pub(super) async fn too_slow(patience: Duration, folder: &LabFolder) -> Failure {
    let mut message = format!(
        "not ready after {} s; the lab was stopped",
        patience.as_secs()
    );
    let status = match Client::find(folder) {
        Ok(client) => client.status().await.ok(),
        Err(_) => None,
    };
    let pods = status.map(|status| status.pods).unwrap_or_default();
    for pod in pods.iter().filter(|pod| !pod.ready) {
        let reason = pod.reason.as_deref().unwrap_or(&pod.phase);
        message.extend(["\n  pod ", &pod.name, ": ", reason]);
    }
    Failure::new(message).hint("give it longer with --timeout SECONDS")
}

/// What the lab said before it ended: its own error if there is one, else the end of its log.
pub(super) fn last_words(folder: &LabFolder) -> Failure {
    let log = std::fs::read_to_string(folder.log_file()).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let Some(start) = lines.iter().rposition(|line| line.starts_with("error: ")) else {
        let last = lines[lines.len().saturating_sub(LAST_LINES)..].join("\n  ");
        return Failure::new(format!("the lab ended without a word\n  {last}")).hint(format!(
            "all it wrote is in {}",
            folder.log_file().display()
        ));
    };
    let mut message = vec![lines[start].trim_start_matches("error: ")];
    let mut hint = None;
    for line in &lines[start + 1..] {
        match line.strip_prefix("hint: ") {
            Some(text) => hint = Some(text.to_owned()),
            None => message.push(line),
        }
    }
    let failure = Failure::new(message.join("\n"));
    match hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failure_after(log: &str) -> Failure {
        let root = tempfile::tempdir().unwrap();
        let folder = LabFolder::new(root.path().to_owned(), "lab".into());
        folder.prepare().unwrap();
        std::fs::write(folder.log_file(), log).unwrap();
        last_words(&folder)
    }

    #[test]
    fn the_labs_own_error_is_what_is_told() {
        let log = "INFO binding\nerror: port 8080 is taken by nginx\nsecond line\nhint: use 0\n";
        let expected = Failure::new("port 8080 is taken by nginx\nsecond line").hint("use 0");
        assert_eq!(format!("{:?}", failure_after(log)), format!("{expected:?}"));
    }

    #[test]
    fn without_one_the_end_of_the_log_is_told() {
        let log = (0..20)
            .map(|number| format!("line {number}"))
            .collect::<Vec<_>>();
        let log = log.join("\n");
        let told = failure_after(&log).to_string();
        assert!(
            told.contains("line 10\n") && told.ends_with("line 19"),
            "{told}"
        );
        assert!(!told.contains("line 9\n"), "{told}");
        assert!(failure_after("").to_string().starts_with("the lab ended"));
    }

    #[test]
    fn a_pod_may_crash_twice_while_others_start() {
        let pod = |restarts, phase: &str| PodStatus {
            restarts,
            phase: phase.into(),
            last_lines: vec!["no database".into()],
            ..PodStatus::default()
        };
        assert!(!is_hopeless(&pod(2, "CrashLoopBackOff")));
        assert!(!is_hopeless(&pod(9, "Running")));
        assert!(is_hopeless(&pod(3, "CrashLoopBackOff")));
        let told = crashed(&pod(3, "CrashLoopBackOff")).to_string();
        assert!(told.ends_with("\n  no database"), "{told}");
    }
}
