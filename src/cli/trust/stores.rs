//! The trust stores of this machine, as mkcert knows them, and the commands that change each.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Where Linux distributions take further CAs from, with the command that reads them.
const ANCHORS: [(&str, &str, &[&str]); 4] = [
    (
        "/etc/pki/ca-trust/source/anchors",
        "pem",
        &["update-ca-trust", "extract"],
    ),
    (
        "/usr/local/share/ca-certificates",
        "crt",
        &["update-ca-certificates"],
    ),
    (
        "/etc/ca-certificates/trust-source/anchors",
        "crt",
        &["trust", "extract-compat"],
    ),
    (
        "/usr/share/pki/trust/anchors",
        "pem",
        &["update-ca-certificates"],
    ),
];
/// NSS databases outside Firefox' profiles, below the home folder.
const NSS: [&str; 2] = [".pki/nssdb", "snap/chromium/current/.pki/nssdb"];
/// Folders of Firefox' profiles, below the home folder.
const PROFILES: [&str; 4] = [
    ".mozilla/firefox",
    ".config/mozilla/firefox",
    "snap/firefox/common/.mozilla/firefox",
    "Library/Application Support/Firefox/Profiles",
];
/// Java's own password of its store, the same everywhere.
const JAVA_PASSWORD: &str = "changeit";

/// A store.
#[derive(Debug)]
pub(super) struct Store {
    pub(super) name: String,
    /// Why it cannot be used, if so.
    pub(super) missing: Option<String>,
    /// Succeeds exactly when the CA is there.
    check: Check,
    pub(super) add: Vec<Step>,
    pub(super) remove: Vec<Step>,
}

#[derive(Debug)]
enum Check {
    /// This file has this content.
    File(PathBuf, String),
    /// This command succeeds.
    Command(Step),
    /// Nobody can tell.
    Never,
}

/// A command.
#[derive(Clone, Debug)]
pub(super) struct Step {
    words: Vec<String>,
}

impl Store {
    /// Whether the CA is there now.
    pub(super) fn trusted(&self) -> bool {
        match &self.check {
            Check::File(path, content) => {
                std::fs::read_to_string(path).is_ok_and(|found| found == *content)
            }
            Check::Command(step) => step.run().is_ok(),
            Check::Never => false,
        }
    }
}

impl Step {
    fn new(words: &[&str]) -> Self {
        Self {
            words: words.iter().map(|word| (*word).to_owned()).collect(),
        }
    }

    /// Through `sudo`, unless root runs this.
    fn as_root(words: &[&str]) -> Self {
        if is_root() {
            return Self::new(words);
        }
        Self::new(&[&["sudo", "--"], words].concat())
    }

    /// As it would be typed.
    pub(super) fn shown(&self) -> String {
        let words: Vec<_> = self.words.iter().map(|word| quoted(word)).collect();
        words.join(" ")
    }

    /// Runs it; the error is what it said.
    pub(super) fn run(&self) -> Result<(), String> {
        let failed = |problem: &dyn std::fmt::Display| format!("{}: {problem}", self.shown());
        let (program, arguments) = self.words.split_first().ok_or("there is no command")?;
        // sudo asks for its password at the terminal, not here.
        let output = Command::new(program)
            .args(arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| failed(&error))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stderr, output.stdout].concat();
        Err(failed(&String::from_utf8_lossy(&said).trim()))
    }
}

/// Text as one word of a shell.
pub(super) fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-:=,+@".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// All stores of this machine. `lab` is part of the name that the CA has in them.
pub(super) fn find(certificate: &Path, pem: &str, lab: &str) -> Vec<Store> {
    let file = certificate.display().to_string();
    let name = format!("cloudforet-lab-{lab}");
    let mut stores = vec![system(&file, pem, &name)];
    stores.extend(nss(&file, &name));
    stores.push(java(&file, &name));
    stores
}

/// The system's own.
fn system(file: &str, pem: &str, name: &str) -> Store {
    let store = |missing, check, add, remove| Store {
        name: "system".to_owned(),
        missing,
        check,
        add,
        remove,
    };
    if cfg!(target_os = "macos") {
        let keychain = "/Library/Keychains/System.keychain";
        let add = [
            "security",
            "add-trusted-cert",
            "-d",
            "-r",
            "trustRoot",
            "-k",
            keychain,
            file,
        ];
        return store(
            None,
            Check::Command(Step::new(&["security", "verify-cert", "-c", file])),
            vec![Step::as_root(&add)],
            vec![Step::as_root(&[
                "security",
                "remove-trusted-cert",
                "-d",
                file,
            ])],
        );
    }
    if cfg!(windows) {
        // certutil names a certificate by its subject, of which each lab's CA has its own.
        return store(
            None,
            Check::Never,
            vec![Step::new(&["certutil", "-user", "-addstore", "Root", file])],
            vec![Step::new(&[
                "certutil",
                "-user",
                "-delstore",
                "Root",
                "cloudforet-lab",
            ])],
        );
    }
    let known = ANCHORS
        .iter()
        .find(|(folder, _, update)| Path::new(folder).is_dir() && on_path(update[0]));
    let Some((folder, extension, update)) = known else {
        let missing = "neither update-ca-certificates nor update-ca-trust nor trust is here";
        return store(
            Some(missing.to_owned()),
            Check::Never,
            Vec::new(),
            Vec::new(),
        );
    };
    let place = format!("{folder}/{name}.{extension}");
    store(
        None,
        Check::File(place.clone().into(), pem.to_owned()),
        vec![
            Step::as_root(&["install", "-m", "644", file, &place]),
            Step::as_root(update),
        ],
        vec![Step::as_root(&["rm", "-f", &place]), Step::as_root(update)],
    )
}

/// Chromium's, and each of Firefox' profiles.
fn nss(file: &str, name: &str) -> Vec<Store> {
    let home = std::env::var_os("HOME").map(PathBuf::from);
    let Some(home) = home else {
        return Vec::new();
    };
    let mut places: Vec<(&str, PathBuf)> = NSS
        .iter()
        .map(|place| ("Chromium", home.join(place)))
        .filter(|(_, place)| place.is_dir())
        .collect();
    for folder in PROFILES {
        let entries = std::fs::read_dir(home.join(folder));
        let mut profiles: Vec<PathBuf> = entries
            .into_iter()
            .flatten()
            .filter_map(|entry| Some(entry.ok()?.path()))
            .filter(|profile| profile.join("cert9.db").is_file())
            .collect();
        profiles.sort();
        places.extend(profiles.into_iter().map(|profile| ("Firefox", profile)));
    }
    let stores = places.into_iter().map(|(program, place)| {
        let database = format!("sql:{}", place.display());
        let certutil =
            |words: &[&str]| Step::new(&[&["certutil", "-d", &database], words].concat());
        let missing = "certutil is not here; it is in libnss3-tools or nss-tools";
        Store {
            name: program.to_owned(),
            missing: (!on_path("certutil")).then(|| missing.to_owned()),
            check: Check::Command(certutil(&["-V", "-u", "L", "-n", name])),
            add: vec![certutil(&["-A", "-t", "C,,", "-n", name, "-i", file])],
            remove: vec![certutil(&["-D", "-n", name])],
        }
    });
    stores.collect()
}

/// That of the Java that `JAVA_HOME` names.
fn java(file: &str, name: &str) -> Store {
    let store = |missing: Option<&str>, check, add, remove| Store {
        name: "Java".to_owned(),
        missing: missing.map(str::to_owned),
        check,
        add,
        remove,
    };
    let home = std::env::var_os("JAVA_HOME").map(PathBuf::from);
    let Some(home) = home else {
        return store(
            Some("JAVA_HOME is not set"),
            Check::Never,
            Vec::new(),
            Vec::new(),
        );
    };
    let candidates = ["lib/security/cacerts", "jre/lib/security/cacerts"];
    let cacerts = candidates.map(|place| home.join(place));
    let Some(cacerts) = cacerts.into_iter().find(|cacerts| cacerts.is_file()) else {
        return store(
            Some("JAVA_HOME has no cacerts"),
            Check::Never,
            Vec::new(),
            Vec::new(),
        );
    };
    let program = home.join("bin/keytool");
    let program = if program.is_file() {
        program.display().to_string()
    } else {
        "keytool".to_owned()
    };
    let keystore = cacerts.display().to_string();
    let writable = std::fs::OpenOptions::new()
        .append(true)
        .open(&cacerts)
        .is_ok();
    let keytool = |what: &str, more: &[&str]| {
        let own = [
            program.as_str(),
            what,
            "-keystore",
            &keystore,
            "-storepass",
            JAVA_PASSWORD,
            "-alias",
            name,
        ];
        [&own[..], more]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let step = |words: Vec<String>| {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        if writable {
            Step::new(&words)
        } else {
            Step::as_root(&words)
        }
    };
    let list = Step {
        words: keytool("-list", &[]),
    };
    store(
        None,
        Check::Command(list),
        vec![step(keytool("-importcert", &["-noprompt", "-file", file]))],
        vec![step(keytool("-delete", &[]))],
    )
}

/// Whether a program of this name is on the PATH.
fn on_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}

#[cfg(unix)]
fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[cfg(not(unix))]
fn is_root() -> bool {
    true
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn words_are_quoted_where_a_shell_would_split_them() {
        assert_eq!(quoted("/a/b-c.pem"), "/a/b-c.pem");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }
}
