//! What can be written on the command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::check::CheckArguments;
use super::completions::CompletionsArguments;
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
    /// Tell whether a config is valid, with all mistakes at once
    Check(CheckArguments),
    /// Print the completions for a shell
    Completions(CompletionsArguments),
}

impl Global {
    /// What these options change of a config.
    pub(super) fn overrides(&self) -> Overrides {
        Overrides {
            name: self.name.clone(),
            ..Overrides::default()
        }
    }

    /// The lab that is meant.
    pub(super) fn lab_name(&self) -> String {
        match &self.name {
            Some(name) => name.clone(),
            None => config::lab_name(self.config.as_deref()),
        }
    }
}

fn lab_name(text: &str) -> Result<String, &'static str> {
    if config::is_lab_name(text) {
        Ok(text.to_owned())
    } else {
        Err("must be small letters, digits and hyphens, at most 63")
    }
}
