//! What runs inside pods and the node: `lab pod`, `lab node`, `lab exec`.
//!
//! A pod is told everything by its environment: which program, where to listen, who it is, and its
//! settings as JSON. The backends know none of these variables; this file is the seam.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::str::FromStr;

use tokio::net::TcpListener;

use super::StartError;
use super::grpc_variables;
use super::link::Link;
use super::programs;
use crate::cloudforet::{self, telemetry};
use crate::net::Trigger;
use crate::{node, pods};

/// `lab pod`: the program of a pod, told by its environment.
pub async fn pod() -> Result<(), StartError> {
    let parent = pods::child::Parent::bind()?;
    telemetry::init_log();
    let program: String = required("LAB_PROGRAM")?;
    let settings = settings()?;
    let link = Link::new(parent.told());
    let (trigger, shutdown) = Trigger::new();
    let terminated = terminated()?;
    let served = async {
        if programs::WITHOUT_PORT.contains(&program.as_str()) {
            programs::work(&program, settings, &link, shutdown).await
        } else {
            let listener = listen().await?;
            programs::serve(&program, listener, settings, &link, shutdown).await
        }
    };
    tokio::pin!(served);
    tokio::select! {
        ended = &mut served => return ended,
        () = terminated => tracing::info!("draining"),
        // Nobody is left who would want the answers.
        () = parent.ended() => return Ok(()),
    }
    trigger.trigger();
    tokio::select! {
        ended = served => ended,
        () = parent.ended() => Ok(()),
    }
}

/// `lab node`: ClusterIPs and DNS inside the pod network, driven over stdio.
pub async fn node() -> Result<(), StartError> {
    let settings = node::Settings::from_environment()?;
    let (_trigger, shutdown) = Trigger::new();
    node::run(tokio::io::stdin(), tokio::io::stdout(), settings, shutdown).await?;
    Ok(())
}

/// `lab exec COMMAND…`: a command of the user's that ends when the lab does. Its exit code.
pub async fn exec(command: Vec<OsString>) -> Result<i32, StartError> {
    Ok(pods::child::exec(command).await?)
}

/// The socket of the pod's main port.
async fn listen() -> Result<TcpListener, StartError> {
    let listen: String = required("LAB_LISTEN")?;
    let address: SocketAddr = parsed("LAB_LISTEN", listen.split(',').next().unwrap_or_default())?;
    TcpListener::bind(address)
        .await
        .map_err(|source| StartError::Listen { address, source })
}

/// The backend's settings: what `LAB_SETTINGS` says, and who and where the pod is.
fn settings() -> Result<cloudforet::Settings, StartError> {
    let mut settings: cloudforet::Settings = match optional::<String>("LAB_SETTINGS")? {
        None => cloudforet::Settings::default(),
        Some(json) => serde_json::from_str(&json).map_err(|error| StartError::Environment {
            variable: "LAB_SETTINGS",
            problem: format!("cannot be used: {error}"),
        })?,
    };
    grpc_variables::apply(&mut settings.grpc, |name| std::env::var(name).ok())?;
    settings.pod = optional("LAB_POD")?.unwrap_or_default();
    // In a cluster these two come from a Secret, and the rest of the settings stands in the open.
    if let Some(password) = optional("LAB_LOGIN_PASSWORD")? {
        settings.login.password = password;
    }
    if let Some(key) = optional("LAB_SYSTEM_KEY")? {
        settings.system_key = Some(key);
    }
    settings.bind_ip = optional("LAB_IP")?;
    settings.dns = optional("LAB_DNS")?;
    if let Some(token) = optional::<String>("LAB_SYSTEM_TOKEN")?
        && !settings.set_system_token(&token)
    {
        return Err(StartError::Environment {
            variable: "LAB_SYSTEM_TOKEN",
            problem: "is no token: it is the system_token that System.init has given".to_owned(),
        });
    }
    Ok(settings)
}

/// Returns when the pod is asked to stop, as Kubernetes asks: with SIGTERM.
#[cfg(unix)]
fn terminated() -> Result<impl Future<Output = ()>, StartError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut signal =
        signal(SignalKind::terminate()).map_err(StartError::system("listen for SIGTERM"))?;
    Ok(async move {
        signal.recv().await;
    })
}

/// Returns when the pod is asked to stop.
#[cfg(not(unix))]
fn terminated() -> Result<impl Future<Output = ()>, StartError> {
    Ok(async {
        // Without signals only the closed standard input ends a pod.
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
    })
}

fn required<T: FromStr>(variable: &'static str) -> Result<T, StartError> {
    optional(variable)?.ok_or_else(|| StartError::Environment {
        variable,
        problem: "is not set".to_owned(),
    })
}

fn optional<T: FromStr>(variable: &'static str) -> Result<Option<T>, StartError> {
    match std::env::var(variable) {
        Ok(text) => parsed(variable, &text).map(Some),
        Err(_) => Ok(None),
    }
}

fn parsed<T: FromStr>(variable: &'static str, text: &str) -> Result<T, StartError> {
    text.parse().map_err(|_| StartError::Environment {
        variable,
        problem: format!("cannot be read: {text:?}"),
    })
}
