//! The rooms and their arrows: which room may name which, read from the sources.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Room, and the rooms it may name beside `model`. `app` may name all.
const ARROWS: &[(&str, &[&str])] = &[
    ("main", &["cli"]),
    ("cli", &["config", "client", "app"]),
    ("client", &[]),
    ("config", &[]),
    ("model", &[]),
    ("registry", &[]),
    ("balance", &[]),
    ("net", &[]),
    ("wire", &["net"]),
    ("trace", &[]),
    ("lessons", &["config", "registry", "trace"]),
    ("lb", &["net", "balance", "registry", "trace"]),
    ("ingress", &["net", "balance", "registry", "trace", "wire"]),
    ("kube_proxy", &["net", "balance", "registry", "trace"]),
    ("dns", &["net", "balance", "registry", "trace"]),
    ("pods", &[]),
    ("host", &[]),
    ("controllers", &["registry", "pods"]),
    ("node", &["kube_proxy", "dns", "registry", "net", "trace"]),
    ("export", &["registry"]),
    ("otlp", &["trace"]),
    ("load", &["net"]),
    (
        "dashboard",
        &["registry", "trace", "net", "lessons", "export", "load"],
    ),
    ("cloudforet", &["net"]),
    ("stores", &["net"]),
];

/// Rooms that hold no tokio and no I/O.
const PURE: &[&str] = &["model", "balance"];

#[test]
fn no_room_names_one_it_may_not_use() {
    let rooms: BTreeMap<&str, BTreeSet<&str>> = ARROWS
        .iter()
        .map(|(room, may_use)| {
            (
                *room,
                may_use.iter().copied().chain(["model", room]).collect(),
            )
        })
        .collect();
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for file in sources() {
        let room = room_of(&file);
        if room == "app" || room == "lib" {
            continue;
        }
        let allowed = rooms
            .get(room.as_str())
            .unwrap_or_else(|| panic!("{} is in no room; add the room to ARROWS", file.display()));
        seen.insert(room.clone());
        for (number, line) in code_lines(&file) {
            for named in named_rooms(&line) {
                if named == "app" && room != "cli" || !allowed.contains(named) && named != "app" {
                    wrong.push(format!("{}:{number}: {room} names {named}", file.display()));
                }
            }
        }
    }
    assert_eq!(seen.len(), rooms.len(), "every room of ARROWS has sources");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn pure_rooms_do_no_input_or_output() {
    let mut read = 0;
    for file in sources() {
        if !PURE.contains(&room_of(&file).as_str()) {
            continue;
        }
        read += 1;
        for (number, line) in code_lines(&file) {
            for forbidden in [
                "tokio",
                "std::fs",
                "std::process",
                "TcpStream",
                "TcpListener",
            ] {
                assert!(
                    !line.contains(forbidden),
                    "{}:{number}: {line}",
                    file.display()
                );
            }
        }
    }
    assert!(read > 3, "the pure rooms were read");
}

#[test]
fn only_pods_knows_docker() {
    for file in sources() {
        if room_of(&file) == "pods" {
            continue;
        }
        for (number, line) in code_lines(&file) {
            assert!(
                !line.contains("bollard"),
                "{}:{number}: {line}",
                file.display()
            );
        }
    }
}

#[test]
fn every_file_opens_with_what_it_is() {
    for file in sources() {
        let text = fs::read_to_string(&file).unwrap();
        assert!(
            text.starts_with("//!"),
            "{} has no //! at its top",
            file.display()
        );
    }
}

/// All Rust files below `src`.
fn sources() -> Vec<PathBuf> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(
        &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
        &mut found,
    );
    found.sort();
    assert!(found.len() > 20, "found the sources");
    found
}

/// The first part of the path below `src`.
fn room_of(file: &Path) -> String {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let inside = file.strip_prefix(src).unwrap();
    let first = inside
        .components()
        .next()
        .unwrap()
        .as_os_str()
        .to_string_lossy();
    first.trim_end_matches(".rs").to_owned()
}

/// Lines with comments taken off; tests beside the code count too.
fn code_lines(file: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(file).unwrap();
    let code = |line: &str| line.split("//").next().unwrap_or_default().to_owned();
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, code(line)))
        .collect()
}

/// Rooms named as `crate::room` or `lab::room` in a line.
fn named_rooms(line: &str) -> Vec<&'static str> {
    let names = ARROWS.iter().map(|(room, _)| *room).chain(["app"]);
    let names_room = |room: &str| {
        ["crate::", "lab::"].iter().any(|prefix| {
            line.match_indices(&format!("{prefix}{room}"))
                .any(|(at, found)| {
                    let rest = &line[at + found.len()..];
                    !rest.starts_with(|next: char| next.is_alphanumeric() || next == '_')
                })
        })
    };
    names.filter(|room| names_room(room)).collect()
}
