//! The CPU time of a lab's pods and of the lab itself.

use std::collections::BTreeMap;
use std::fs;

use crate::cpu;
use crate::lab::Lab;

/// What is called the lab's own process: load balancer, ingress and `kube_proxy`.
pub(crate) const LAB: &str = "lab (ingress, kube_proxy)";

/// Nanoseconds by Deployment, and of the lab without its pods.
pub(crate) fn read(lab: &Lab) -> BTreeMap<String, u64> {
    let pid = lab.pid();
    let mut spent = BTreeMap::new();
    let mut of_pods = 0;
    for (pod, child) in pods(pid) {
        let nanoseconds = cpu::nanoseconds(child);
        of_pods += nanoseconds;
        let deployment = pod.rsplit_once('-').map_or(pod.as_str(), |(name, _)| name);
        *spent.entry(deployment.to_owned()).or_default() += nanoseconds;
    }
    spent.insert(LAB.to_owned(), cpu::nanoseconds(pid) - of_pods);
    spent
}

/// What was spent between two readings; a pod that came or went between them is left out.
pub(crate) fn between(
    before: &BTreeMap<String, u64>,
    after: &BTreeMap<String, u64>,
) -> BTreeMap<String, u64> {
    let spent = |(name, after): (&String, &u64)| {
        let before = before.get(name)?;
        Some((name.clone(), after.checked_sub(*before)?))
    };
    after.iter().filter_map(spent).collect()
}

/// The pods of a lab with their processes.
fn pods(lab: u32) -> Vec<(String, u32)> {
    let threads = fs::read_dir(format!("/proc/{lab}/task"));
    let threads = threads.into_iter().flatten().flatten();
    let children = threads
        .flat_map(|thread| {
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            children
                .split_whitespace()
                .filter_map(|child| child.parse().ok())
                .collect::<Vec<u32>>()
        })
        .filter_map(|child| Some((pod_of(child)?, child)));
    children.collect()
}

/// A pod's process is told its name by its environment.
fn pod_of(process: u32) -> Option<String> {
    let environment = fs::read(format!("/proc/{process}/environ")).ok()?;
    environment.split(|byte| *byte == 0).find_map(|variable| {
        let variable = std::str::from_utf8(variable).ok()?;
        variable.strip_prefix("LAB_POD=").map(str::to_owned)
    })
}
