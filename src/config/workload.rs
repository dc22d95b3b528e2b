//! What a pod runs: `built_in`, `image` or `command`, and what goes with each of them. Services,
//! Deployments without a Service and plugins write it in the same way.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::field::Field;
use super::files;
use super::merge::SOURCES;
use super::section::Section;
use super::suggest::nearest;
use crate::model::{PodTemplate, Probe, Volume, Workload};

/// `terminationGracePeriodSeconds` of Kubernetes.
const GRACE: Duration = Duration::from_secs(30);
/// The programs of this binary that serve a port.
const SERVICES: [&str; 11] = [
    "mongodb",
    "redis",
    "identity",
    "inventory",
    "repository",
    "secret",
    "plugin",
    "cost-analysis",
    "console-api",
    "console-api-v2",
    "console",
];
/// Those that nobody connects to.
const DEPLOYMENTS: [&str; 3] = ["inventory-scheduler", "inventory-worker", "supervisor"];
/// The plugins of this binary.
const PLUGINS: [&str; 3] = ["plugin-host", "plugin-sample-cloud", "plugin-sample-cost"];
/// Those that ask the lab for something over their standard input and output.
const ATTACHED: [&str; 2] = ["supervisor", "plugin-host"];
/// The stores: the lab chooses what serves them, and where that keeps its files.
const STORES: [&str; 2] = ["mongodb", "redis"];
/// Other programs that keep data, each in a volume of its own name.
const WITH_VOLUME: [&str; 1] = ["secret"];
/// Where a store's volume appears inside a container, until the lab knows which store serves.
const STORE_MOUNT: &str = "/data/db";
/// Where the other volumes appear inside a container.
const MOUNT: &str = "/data";

/// Which table describes the pods.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// `[services.NAME]`
    Service,
    /// `[deployments.NAME]`
    Deployment,
    /// `[plugins.NAME]`
    Plugin,
}

/// What was named.
#[derive(Debug)]
pub(super) enum Source<'a> {
    /// Pods; with the image's field, which needs the right runtime.
    Pods(Workload, Option<Field<'a>>),
    /// The value of `endpoints`.
    Addresses(Field<'a>),
}

// === impl Kind ===

impl Kind {
    /// The keys of which one must be written.
    fn sources(self) -> &'static [&'static str] {
        match self {
            Self::Service => &SOURCES,
            // Where nobody connects, there is nothing that could be elsewhere.
            Self::Deployment | Self::Plugin => &SOURCES[..3],
        }
    }

    fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Service => &SERVICES,
            Self::Deployment => &DEPLOYMENTS,
            Self::Plugin => &PLUGINS,
        }
    }

    fn table(self) -> &'static str {
        match self {
            Self::Service => "services",
            Self::Deployment => "deployments",
            Self::Plugin => "plugins",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Service => "service",
            Self::Deployment => "program without a port",
            Self::Plugin => "plugin",
        }
    }

    /// How one of them is called in a sentence.
    fn subject(self) -> &'static str {
        match self {
            Self::Service => "the Service is made of",
            Self::Deployment => "the pods run",
            Self::Plugin => "the plugin runs",
        }
    }
}

/// Exactly one of the kinds of source.
pub(super) fn read<'a>(
    section: &Section<'a>,
    kind: Kind,
    folder: Option<&Path>,
) -> Option<Source<'a>> {
    let keys = kind.sources();
    let find = |key: &&'static str| Some((*key, section.field(key)?));
    let given: Vec<(&str, Field<'a>)> = keys.iter().filter_map(find).collect();
    let arguments = section.field("args");
    let working_directory = section.field("working_directory");
    if given.is_empty() {
        section.missing(
            &list(keys, "or"),
            &format!(
                "say what {}, for example command = [\"./serve\", \"{{port}}\"]",
                kind.subject()
            ),
        );
    }
    if let [(_, first), others @ ..] = given.as_slice() {
        for (_, other) in others {
            other.refuse(
                format!("{} is given as well", first.key()),
                format!("keep exactly one of {}", list(keys, "and")),
            );
        }
    }
    let of = |key: &str| given.iter().find(|(known, _)| *known == key);
    if let (Some(field), None) = (&arguments, of("image")) {
        field.refuse("belongs to an image", "put arguments into command itself");
    }
    if let (Some(field), None) = (&working_directory, of("command")) {
        field.refuse("belongs to a command", "leave it out");
    }
    let (key, field) = given.into_iter().next()?;
    match key {
        "built_in" => {
            let program = built_in_program(&field, kind)?.to_owned();
            Some(Source::Pods(Workload::BuiltIn { program }, None))
        }
        "image" => {
            let workload = Workload::Image {
                image: field.words()?.to_owned(),
                command: arguments.map(|field| field.arguments()).unwrap_or_default(),
            };
            Some(Source::Pods(workload, Some(field)))
        }
        "command" => {
            let command = command(&field)?;
            let directory = working_directory.and_then(|field| field.words());
            let working_directory = match (folder, directory) {
                (Some(folder), Some(directory)) => Some(folder.join(directory)),
                (None, Some(directory)) => Some(PathBuf::from(directory)),
                (folder, None) => folder.map(Path::to_owned),
            };
            let workload = Workload::Command {
                command,
                working_directory,
            };
            Some(Source::Pods(workload, None))
        }
        _ => Some(Source::Addresses(field)),
    }
}

/// `a, b or c`
fn list(words: &[&str], last: &str) -> String {
    match words {
        [first @ .., end] if !first.is_empty() => format!("{} {last} {end}", first.join(", ")),
        words => words.concat(),
    }
}

fn built_in_program<'a>(field: &Field<'a>, kind: Kind) -> Option<&'a str> {
    let program = field.text()?;
    let programs = kind.programs();
    if programs.contains(&program) {
        return Some(program);
    }
    let mut others = [Kind::Service, Kind::Deployment, Kind::Plugin].into_iter();
    let remedy = if let Some(other) = others.find(|kind| kind.programs().contains(&program)) {
        format!("write it into a table of [{}]", other.table())
    } else if let Some(near) = nearest(program, programs.iter().copied()) {
        format!("did you mean \"{near}\"?")
    } else {
        "for a program of your own write command = [\"./serve\"]".to_owned()
    };
    field.refuse(
        format!(
            "no such built-in {} (there are {})",
            kind.word(),
            programs.join(", ")
        ),
        remedy,
    );
    None
}

fn command(field: &Field<'_>) -> Option<Vec<String>> {
    let texts = field.arguments();
    if texts
        .first()
        .is_none_or(|program| program.trim().is_empty())
    {
        field.refuse(
            "must name a program and its arguments",
            "write command = [\"./serve\", \"--port\", \"{port}\"]",
        );
        return None;
    }
    Some(texts)
}

/// The template of pods that run this, with all that a section says of them; `None` if the source
/// was refused, and then the keys that go with it are not refused as well.
pub(super) fn template(
    section: &Section<'_>,
    workload: Option<&Workload>,
    folder: Option<&Path>,
    readiness: Probe,
) -> Option<PodTemplate> {
    let env = env(section);
    let grace = section.duration("grace", GRACE);
    let Some(workload) = workload else {
        section.accept(&["files"]);
        return None;
    };
    Some(PodTemplate {
        files: files::read(section, workload, folder),
        volume: volume(workload),
        attached: is_one_of(workload, &ATTACHED),
        workload: workload.clone(),
        ports: Vec::new(),
        env,
        readiness,
        grace,
        wait_for: Vec::new(),
    })
}

fn env(section: &Section<'_>) -> BTreeMap<String, String> {
    let Some(variables) = section.field("env").and_then(|field| field.section()) else {
        return BTreeMap::new();
    };
    let mut env = BTreeMap::new();
    for (name, field) in variables.children() {
        if name.is_empty() || name.contains(['=', '\0']) {
            field.refuse(
                "a variable's name has no \"=\" in it",
                "write env = { LOG_LEVEL = \"debug\" }",
            );
        } else if let Some(value) = field.text() {
            env.insert(name.to_owned(), value.to_owned());
        }
    }
    env
}

fn is_one_of(workload: &Workload, programs: &[&str]) -> bool {
    matches!(workload, Workload::BuiltIn { program } if programs.contains(&program.as_str()))
}

fn volume(workload: &Workload) -> Option<Volume> {
    let Workload::BuiltIn { program } = workload else {
        return None;
    };
    let mount = if is_one_of(workload, &STORES) {
        STORE_MOUNT
    } else if is_one_of(workload, &WITH_VOLUME) {
        MOUNT
    } else {
        return None;
    };
    Some(Volume {
        name: program.clone(),
        mount: mount.to_owned(),
    })
}
