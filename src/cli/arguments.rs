//! What can be written on the command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::cert::CertArguments;
use super::check::CheckArguments;
use super::collect::CollectArguments;
use super::completions::CompletionsArguments;
use super::connections::ConnectionsArguments;
use super::down::DownArguments;
use super::export::ExportArguments;
use super::fault::FaultArguments;
use super::kill::KillArguments;
use super::lesson::LessonArguments;
use super::load::LoadArguments;
use super::logs::LogsArguments;
use super::man::ManArguments;
use super::open::OpenArguments;
use super::port_forward::PortForwardArguments;
use super::printer::Failure;
use super::record::RecordArguments;
use super::replay::ReplayArguments;
use super::route::RouteArguments;
use super::scale::ScaleArguments;
use super::top::TopArguments;
use super::trace::TraceArgs;
use super::trust::TrustArguments;
use super::up::UpArguments;
use crate::client::LabFolder;
use crate::config::{self, Overrides};

/// Cloudforet's whole request path on this machine, without Kubernetes.
#[derive(Debug, Parser)]
#[command(name = "lab", version, max_term_width = 100)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) global: Global,
    #[command(subcommand)]
    pub(super) command: Command,
}

/// Options of every command.
#[derive(Clone, Debug, Args)]
pub(super) struct Global {
    /// Which lab, where several run side by side [default: as the config says, else "lab"]
    #[arg(long, global = true, value_parser = lab_name)]
    pub(super) name: Option<String>,
    /// Where labs keep their state [default: ~/.local/state/lab]
    #[arg(long, global = true, env = "LAB_STATE_DIR", value_name = "FOLDER")]
    pub(super) state_dir: Option<PathBuf>,
    /// What differs from the built-in default [default: ./lab.toml if there is one]
    #[arg(long, global = true, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// How data is shown
    #[arg(short, long, global = true, value_enum, default_value_t)]
    pub(super) output: Output,
}

/// `-o`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people
    #[default]
    Table,
    /// For programs
    Json,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Start the lab and return when everything is ready
    Up(UpArguments),
    /// Stop the lab; its data stays
    Down(DownArguments),
    /// Show what runs
    Status,
    /// Give a Service, a Deployment or the ingress more or fewer pods
    Scale(ScaleArguments),
    /// Read lab.toml and the manifests again, and change what differs
    Reload,
    /// Run a collector and show what came of it
    Collect(CollectArguments),
    /// Show which certificate a name is served, and why a client would not take it
    Cert(CertArguments),
    /// Show which rule would serve a request, and why no other one does
    Route(RouteArguments),
    /// Let this machine trust the lab's CA, or no longer
    Trust(TrustArguments),
    /// Break something on purpose, list what is broken, and undo it
    Fault(FaultArguments),
    /// End the program of a pod as a fault would
    Kill(KillArguments),
    /// Send requests at a fixed rate and show how long answers take and which pods give them
    Load(LoadArguments),
    /// Show the open connections through ClusterIPs and host ports
    Connections(ConnectionsArguments),
    /// Learn from a running lab, step by step
    Lesson(LessonArguments),
    /// Show what pods wrote
    Logs(LogsArguments),
    /// Show one request hop by hop, or what has happened in a trace
    Trace(TraceArgs),
    /// Open the dashboard in a browser
    Open(OpenArguments),
    /// Tell whether a config is valid, with all mistakes at once
    Check(CheckArguments),
    /// Show what each pod does: requests a second, errors, latency, connections
    Top(TopArguments),
    /// Lead a port of this machine to one pod, past the ingress and the ClusterIP
    PortForward(PortForwardArguments),
    /// Write down the requests that the ingress sees, and their answers
    Record(RecordArguments),
    /// Send recorded requests again, and show what is different
    Replay(ReplayArguments),
    /// Take what runs to a real cluster
    Export(ExportArguments),
    /// Print the completions for a shell
    Completions(CompletionsArguments),
    /// Write a page for `man` of each command
    Man(ManArguments),
    /// The program of a pod, told by its environment
    #[command(hide = true)]
    Pod,
    /// ClusterIPs and DNS inside the pod network, driven over stdio
    #[command(hide = true)]
    Node,
    /// A command of the user's that ends when the lab does
    #[command(hide = true)]
    Exec {
        /// Program and arguments
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<OsString>,
    },
}

impl Global {
    /// What these options change of a config.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            name: self.name.clone(),
            ..Overrides::default()
        }
    }

    /// The folder of the lab that is meant.
    pub(super) fn folder(&self) -> Result<LabFolder, Failure> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => config::lab_name(self.config.as_deref()),
        };
        self.folder_of(name)
    }

    /// The folder of the lab of this name.
    pub(super) fn folder_of(&self, name: String) -> Result<LabFolder, Failure> {
        let state_dir = match &self.state_dir {
            Some(folder) => std::path::absolute(folder).unwrap_or_else(|_| folder.clone()),
            None => LabFolder::default_state_dir().ok_or_else(|| {
                Failure::new("this system names no folder for state")
                    .hint("name one with --state-dir or LAB_STATE_DIR")
                    .usage()
            })?,
        };
        Ok(LabFolder::new(state_dir, name))
    }
}

fn lab_name(text: &str) -> Result<String, &'static str> {
    if config::is_lab_name(text) {
        Ok(text.to_owned())
    } else {
        Err("must be small letters, digits and hyphens, at most 63")
    }
}
