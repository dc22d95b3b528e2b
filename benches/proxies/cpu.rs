//! The CPU time of a process and of all that descend from it.

use std::fs;

/// Nanoseconds so far, user and system. `schedstat`, because the ticks of `stat` are 10 ms.
pub(crate) fn nanoseconds(process: u32) -> u64 {
    let threads = fs::read_dir(format!("/proc/{process}/task"));
    let threads = threads.into_iter().flatten().flatten();
    threads
        .map(|thread| {
            let spent = first_number(&thread.path().join("schedstat"));
            let children = fs::read_to_string(thread.path().join("children")).unwrap_or_default();
            let children = children
                .split_whitespace()
                .filter_map(|child| child.parse().ok());
            spent + children.map(nanoseconds).sum::<u64>()
        })
        .sum()
}

/// 0 for a thread that has just ended.
fn first_number(path: &std::path::Path) -> u64 {
    let text = fs::read_to_string(path).unwrap_or_default();
    let first = text.split_whitespace().next();
    first.and_then(|number| number.parse().ok()).unwrap_or(0)
}
