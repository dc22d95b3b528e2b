//! `lab export kubernetes DIR` and `lab export credentials`.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::arguments::Global;
use super::printer::{Failure, Printer};
use crate::app;
use crate::client::Client;
use crate::model::Exported;

/// What is exported.
#[derive(Debug, Args)]
pub(super) struct ExportArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Write manifests of what runs into a folder, with a README that tells how to move to K3s
    Kubernetes(KubernetesArguments),
    /// Print the Secret that the manifests ask for, with new credentials, for `kubectl apply -f -`
    Credentials,
}

/// Where to.
#[derive(Debug, Args)]
struct KubernetesArguments {
    /// The folder; it is made where there is none
    #[arg(value_name = "DIR")]
    folder: PathBuf,
    /// Write over files of these names
    #[arg(long)]
    force: bool,
}

pub(super) async fn run(
    arguments: &ExportArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    match &arguments.what {
        What::Kubernetes(wish) => {
            let exported: Exported = client.get("/api/export/kubernetes").await?;
            write(&exported, &wish.folder, wish.force)?;
            for note in &exported.notes {
                printer.warn(note);
            }
            let names: Vec<_> = exported.files.iter().map(|file| &file.name).collect();
            let told = format!(
                "{} says how to go on",
                wish.folder.join("README.md").display()
            );
            printer.note(&told);
            printer.data(
                &serde_json::json!({ "files": names, "notes": exported.notes }),
                || {
                    let paths = names.iter().map(|name| wish.folder.join(name));
                    let paths: Vec<_> = paths.map(|path| path.display().to_string()).collect();
                    paths.join("\n")
                },
            )
        }
        What::Credentials => {
            let login = client.status().await?.login.ok_or_else(|| {
                Failure::new("this lab has no services of Cloudforet's, which need credentials")
            })?;
            printer.bytes(app::credentials(&login.password)?.as_bytes())
        }
    }
}

/// Writes all files, or none where one of them is in the way.
fn write(exported: &Exported, folder: &Path, force: bool) -> Result<(), Failure> {
    let path = |name: &str| folder.join(name);
    let there = exported.files.iter().map(|file| path(&file.name));
    let there: Vec<_> = there
        .filter(|file| file.symlink_metadata().is_ok())
        .collect();
    if let Some(first) = there.first().filter(|_| !force) {
        let message = match there.len() {
            1 => format!("{} exists", first.display()),
            count => format!("{} and {} other files exist", first.display(), count - 1),
        };
        return Err(
            Failure::new(message).hint("write over them with --force, or name another folder")
        );
    }
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| {
            Failure::new(format!("cannot write {path}: {error}"))
                .hint("is it yours to write, and is there room on the disk?")
        }
    };
    fs::create_dir_all(folder).map_err(failed(folder))?;
    for file in &exported.files {
        let path = path(&file.name);
        fs::write(&path, &file.text).map_err(failed(&path))?;
    }
    Ok(())
}
