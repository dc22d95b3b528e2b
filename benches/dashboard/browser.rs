//! A Chromium that shows the dashboard and does nothing else.

use std::process::{Child, Stdio};

use super::lab::Lab;
use super::memory;

/// Gone, with its profile, when it is dropped.
pub(crate) struct Page {
    chromium: Child,
    _profile: tempfile::TempDir,
}

impl Page {
    /// Opens a view by a link of `lab open`.
    pub(crate) fn open(lab: &Lab, view: &str) -> Self {
        let link = String::from_utf8(lab.run(&["open", view, "--print"])).expect("a link");
        let profile = tempfile::tempdir().expect("a temporary folder");
        let chromium = super::chromium()
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-quic",
            ])
            .args(["--no-first-run", "--disable-background-networking"])
            .args(["--disable-component-update", "--disable-sync"])
            // It stays open for whoever might want to look inside.
            .args(["--remote-debugging-port=0", "--window-size=1366,768"])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(link.trim())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("Chromium starts");
        Self {
            chromium,
            _profile: profile,
        }
    }

    /// KiB of the processes that draw pages: the page's own and what Chromium adds.
    pub(crate) fn memory(&self) -> u64 {
        let is_renderer = |pid: &u64| {
            let path = format!("/proc/{pid}/cmdline");
            std::fs::read(path).is_ok_and(|text| {
                let mut words = text.split(|byte| *byte == 0);
                words.any(|word| word == b"--type=renderer")
            })
        };
        let pids = memory::tree(self.chromium.id().into());
        pids.into_iter().filter(is_renderer).map(memory::of).sum()
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        // An error would be that it has ended already.
        let _ = self.chromium.kill();
        let _ = self.chromium.wait();
    }
}
