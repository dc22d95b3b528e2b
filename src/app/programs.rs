//! The programs of this binary that run in pods, by name.

use std::path::PathBuf;

use tokio::net::TcpListener;

use super::StartError;
use super::link::Link;
use crate::cloudforet::plugins::{host, sample_cloud, sample_cost};
use crate::cloudforet::telemetry::Emitter;
use crate::cloudforet::{
    Settings, console, console_api, cost_analysis, identity, inventory, plugin, repository,
    scheduler, secret, supervisor, worker,
};
use crate::net::Shutdown;
use crate::stores;

/// Those that nobody connects to.
pub(super) const WITHOUT_PORT: [&str; 3] =
    ["inventory-scheduler", "inventory-worker", "supervisor"];

type Ended = Result<(), Box<dyn std::error::Error + Send + Sync>>;

/// Runs one of [`WITHOUT_PORT`] until it has drained.
pub(super) async fn work(
    program: &str,
    settings: Settings,
    link: &Link,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let emitter = Emitter::stdout();
    tracing::info!(program, "starting");
    let ended = match program {
        "inventory-scheduler" => scheduler::serve(settings, emitter, shutdown).await,
        "inventory-worker" => worker::serve(settings, emitter, shutdown).await,
        "supervisor" => {
            let platform = supervisor::Platform::new(Link::wishes(), link.plugins());
            supervisor::serve(settings, platform, shutdown).await
        }
        _ => return Err(unknown(program)),
    };
    told(program, ended.map_err(Into::into))
}

/// Runs a program that serves a port until it has drained.
pub(super) async fn serve(
    program: &str,
    listener: TcpListener,
    settings: Settings,
    link: &Link,
    shutdown: Shutdown,
) -> Result<(), StartError> {
    let emitter = Emitter::stdout();
    tracing::info!(program, "starting");
    let data = std::env::var_os("LAB_DATA").map(PathBuf::from);
    let ended: Ended = match program {
        "mongodb" => {
            let store = stores::mongo::Settings {
                data,
                pod: settings.pod,
                emit: Box::new(move |event| emitter.emit(event)),
            };
            let ended = stores::mongo::serve(listener, store, shutdown).await;
            ended.map_err(Into::into)
        }
        "redis" => {
            let store = stores::redis::Settings { data };
            let ended = stores::redis::serve(listener, store, shutdown).await;
            ended.map_err(Into::into)
        }
        "console" => {
            let console = console::Settings {
                pod: settings.pod,
                domain_name: settings.login.domain,
                ..console::Settings::default()
            };
            let ended = console::serve(listener, console, emitter, shutdown).await;
            ended.map_err(Into::into)
        }
        "console-api" | "console-api-v2" => {
            let version = match program {
                "console-api" => console_api::Version::V1,
                _ => console_api::Version::V2,
            };
            let ended = console_api::serve(listener, version, settings, emitter, shutdown).await;
            ended.map_err(Into::into)
        }
        _ => {
            let ended = match program {
                "identity" => identity::serve(listener, settings, emitter, shutdown).await,
                "inventory" => inventory::serve(listener, settings, emitter, shutdown).await,
                "repository" => repository::serve(listener, settings, emitter, shutdown).await,
                "secret" => secret::serve(listener, settings, data, emitter, shutdown).await,
                "cost-analysis" => {
                    cost_analysis::serve(listener, settings, emitter, shutdown).await
                }
                "plugin" => plugin::serve(listener, settings, emitter, shutdown).await,
                "plugin-host" => {
                    let facts = host::Facts::new(Link::wishes(), link.machine());
                    host::serve(listener, settings, facts, emitter, shutdown).await
                }
                "plugin-sample-cloud" => {
                    sample_cloud::serve(listener, settings, emitter, shutdown).await
                }
                "plugin-sample-cost" => {
                    sample_cost::serve(listener, settings, emitter, shutdown).await
                }
                _ => return Err(unknown(program)),
            };
            ended.map_err(Into::into)
        }
    };
    told(program, ended)
}

fn told(program: &str, ended: Ended) -> Result<(), StartError> {
    ended.map_err(|source| StartError::Program {
        program: program.to_owned(),
        source,
    })
}

fn unknown(program: &str) -> StartError {
    StartError::Environment {
        variable: "LAB_PROGRAM",
        problem: format!("names no built-in service: {program}"),
    }
}
