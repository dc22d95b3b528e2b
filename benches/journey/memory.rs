//! Proportional set size: what a process has alone, and its share of what it has with others.

use std::collections::HashMap;

/// KiB of one process.
pub(crate) fn of(pid: u64) -> u64 {
    let path = format!("/proc/{pid}/smaps_rollup");
    // A process that has just ended needs nothing.
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:"));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    number.unwrap_or(0)
}

/// KiB of a process, its children, their children, and so on.
pub(crate) fn of_tree(root: u64) -> u64 {
    tree(root).into_iter().map(of).sum()
}

/// A process, its children, their children, and so on.
pub(crate) fn tree(root: u64) -> Vec<u64> {
    let parents: HashMap<u64, u64> = std::fs::read_dir("/proc")
        .expect("proc")
        .filter_map(|entry| {
            let pid: u64 = entry.ok()?.file_name().to_str()?.parse().ok()?;
            Some((pid, parent(pid)?))
        })
        .collect();
    let belongs = |pid: &&u64| {
        std::iter::successors(Some(*pid), |pid| parents.get(pid)).any(|pid| *pid == root)
    };
    parents.keys().filter(belongs).copied().collect()
}

fn parent(pid: u64) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is a name in parentheses that may hold anything.
    stat.rsplit_once(')')?
        .1
        .split_whitespace()
        .nth(1)?
        .parse()
        .ok()
}
