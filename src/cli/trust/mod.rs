//! `lab trust`: the lab's CA in the stores of this machine, or out of them.
//!
//! Nothing is changed silently: each command is shown, and run only after a yes. Stores that need
//! root are called through `sudo` unless root runs this. The CA can sign names of this machine only
//! (name constraints), so trusting it opens no way into anybody's bank.

mod stores;

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;

use clap::Args;
use serde::Serialize;

use super::arguments::Global;
use super::printer::{Failure, Printer};
use stores::{Step, Store};

/// The CA's certificate in the lab's folder.
const CERTIFICATE: &str = "ca.pem";
/// What programs read that ask no store of the system.
const VARIABLES: [(&str, &str); 4] = [
    ("SSL_CERT_FILE", "curl, OpenSSL, Go, Rust"),
    ("REQUESTS_CA_BUNDLE", "Python's requests"),
    ("NODE_EXTRA_CA_CERTS", "Node.js"),
    ("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "gRPC"),
];

/// What to do.
#[derive(Debug, Args)]
pub(super) struct TrustArguments {
    /// Take it out of all stores
    #[arg(long)]
    remove: bool,
    /// Show what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    /// Do it without asking
    #[arg(long, short)]
    yes: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Outcome {
    certificate: String,
    stores: Vec<StoreOutcome>,
    /// Lines for a shell.
    environment: Vec<String>,
}

#[derive(Debug, Serialize)]
struct StoreOutcome {
    store: String,
    /// `trusted`, `removed`, `unchanged`, `missing`, `failed`, `planned` or `skipped`.
    status: &'static str,
    /// Why, or the commands.
    detail: String,
}

pub(super) fn run(
    arguments: &TrustArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let folder = global.folder()?;
    let certificate = folder.path().join(CERTIFICATE);
    let pem = std::fs::read_to_string(&certificate).map_err(|error| {
        Failure::new(format!(
            "there is no CA at {}: {error}",
            certificate.display()
        ))
        .hint("lab up makes it")
    })?;
    let mut found = Vec::new();
    for store in stores::find(&certificate, &pem, folder.name()) {
        found.push(one(arguments, &store, printer)?);
    }
    let failed = found.iter().any(|store| store.status == "failed");
    let outcome = Outcome {
        certificate: certificate.display().to_string(),
        stores: found,
        environment: environment(&certificate),
    };
    printer.data(&outcome, || text(&outcome, arguments.remove))?;
    if failed {
        return Err(Failure::new("not every store could be changed"));
    }
    Ok(())
}

fn one(
    arguments: &TrustArguments,
    store: &Store,
    printer: &Printer,
) -> Result<StoreOutcome, Failure> {
    let outcome = |status, detail: String| StoreOutcome {
        store: store.name.clone(),
        status,
        detail,
    };
    if let Some(reason) = &store.missing {
        return Ok(outcome("missing", reason.clone()));
    }
    if store.trusted() != arguments.remove {
        let state = if arguments.remove {
            "it is not there"
        } else {
            "it is there already"
        };
        return Ok(outcome("unchanged", state.to_owned()));
    }
    let steps = if arguments.remove {
        &store.remove
    } else {
        &store.add
    };
    let plan: Vec<String> = steps.iter().map(Step::shown).collect();
    let plan = plan.join(" && ");
    if arguments.dry_run {
        return Ok(outcome("planned", plan));
    }
    if !arguments.yes && !agreed(&store.name, &plan, printer)? {
        return Ok(outcome("skipped", plan));
    }
    Ok(match steps.iter().try_for_each(Step::run) {
        Ok(()) if arguments.remove => outcome("removed", plan),
        Ok(()) => outcome("trusted", plan),
        Err(problem) => outcome("failed", problem),
    })
}

/// Asks the person at the terminal; where there is none, nothing is done.
fn agreed(store: &str, plan: &str, printer: &Printer) -> Result<bool, Failure> {
    if !std::io::stdin().is_terminal() {
        return Err(
            Failure::new("nothing was changed: there is no terminal to ask at")
                .hint("see it with --dry-run, do it with --yes"),
        );
    }
    printer.note(&format!("{store}: {plan}"));
    printer.draw("run this? [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    std::io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

fn environment(certificate: &Path) -> Vec<String> {
    let path = stores::quoted(&certificate.display().to_string());
    let line = |(variable, _): (&str, &str)| format!("export {variable}={path}");
    VARIABLES.into_iter().map(line).collect()
}

fn text(outcome: &Outcome, remove: bool) -> String {
    let mut lines = vec![format!("CA {}", outcome.certificate)];
    for store in &outcome.stores {
        lines.push(format!(
            "{:<12} {:<9} {}",
            store.store, store.status, store.detail
        ));
    }
    if !remove {
        lines.push("programs that ask no store read a variable:".to_owned());
        let lines_of = outcome.environment.iter().zip(VARIABLES);
        lines.extend(lines_of.map(|(line, (_, who))| format!("  {line}  # {who}")));
    }
    lines.join("\n")
}
