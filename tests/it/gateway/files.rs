//! The files of cases, and the cases that are not run.

use std::path::{Path, PathBuf};

const TOLD: &str = "\n=== told\n";
const CASES: &str = "\n=== cases\n";
/// Cases that are no requests to one set of objects, or that the lab does not pass: name, level and
/// why.
pub(crate) const NOT_PASSED: [(&str, &str, &str); 2] = [
    (
        "HTTPRouteListenerPortMatching",
        "extended",
        "the lab serves HTTP at one port; a listener at another is told and not served",
    ),
    (
        "HTTPRouteObservedGenerationBump",
        "core",
        "there is no API server: objects have no generation, and conditions are told by `lab check` and \
         `lab status`",
    ),
];

/// One file.
pub(super) struct File {
    pub(super) path: PathBuf,
    pub(super) yaml: String,
    pub(super) told: Vec<String>,
    pub(super) cases: Vec<Case>,
}

/// One test of the suite.
pub(crate) struct Case {
    pub(crate) name: String,
    /// `core`, `extended` or `provisional`.
    pub(crate) level: String,
    /// What of it is otherwise.
    pub(crate) partly: Option<String>,
    pub(super) blocks: Vec<String>,
}

pub(super) fn files() -> Vec<File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/conformance");
    let entries = std::fs::read_dir(&folder).unwrap();
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.starts_with("gateway_")
    });
    paths.sort();
    paths.into_iter().map(read).collect()
}

fn read(path: PathBuf) -> File {
    let text = std::fs::read_to_string(&path).unwrap();
    let (yaml, rest) = text.split_once(TOLD).unwrap();
    let (told, rest) = rest.split_once(CASES).unwrap();
    let mut cases: Vec<Case> = Vec::new();
    for block in rest.split("\n\n").filter(|block| !block.trim().is_empty()) {
        let mark = |start: &str| block.lines().find_map(|line| line.strip_prefix(start));
        if let Some(head) = mark("# case: ") {
            let (name, level) = head.split_once(" (").unwrap();
            cases.push(Case {
                name: name.to_owned(),
                level: level.trim_end_matches(')').to_owned(),
                partly: mark("# partly: ").map(str::to_owned),
                blocks: Vec::new(),
            });
        }
        cases.last_mut().unwrap().blocks.push(block.to_owned());
    }
    File {
        path,
        yaml: yaml.to_owned(),
        told: told.lines().map(str::to_owned).collect(),
        cases,
    }
}

/// All cases that are run.
pub(crate) fn cases() -> Vec<Case> {
    files().into_iter().flat_map(|file| file.cases).collect()
}

/// Writes the reports of now into a file.
pub(super) fn accept(file: &File, told: &str) {
    let text = std::fs::read_to_string(&file.path).unwrap();
    let (_, cases) = text.split_once(CASES).unwrap();
    let end = if told.is_empty() { "" } else { "\n" };
    let text = format!("{}{TOLD}{told}{end}{CASES}{cases}", file.yaml);
    std::fs::write(&file.path, text).unwrap();
}
