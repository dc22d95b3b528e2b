//! `lab port-forward SERVICE|POD [LOCAL:]PORT`

use std::net::Ipv4Addr;

use clap::Args;
use tokio::net::TcpListener;

use super::arguments::Global;
use super::printer::{Failure, Printer};
use crate::app;
use crate::client::Client;

/// What leads where.
#[derive(Debug, Args)]
pub(super) struct PortForwardArguments {
    /// A pod; or a Service, of which one ready pod is taken, as kubectl does
    #[arg(value_name = "SERVICE|POD")]
    target: String,
    /// The target's port, and the port of 127.0.0.1 that leads there [default: the same, 0 for any]
    #[arg(value_name = "[LOCAL:]PORT")]
    ports: Ports,
}

/// `[LOCAL:]PORT`
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ports {
    local: Option<u16>,
    /// A number, or the name of a Service's port.
    remote: String,
}

impl std::str::FromStr for Ports {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (local, remote) = match text.split_once(':') {
            Some((local, remote)) => {
                let local = if local.is_empty() { "0" } else { local };
                let local = local
                    .parse()
                    .map_err(|_| "LOCAL must be a port, 0 to 65535")?;
                (Some(local), remote)
            }
            None => (None, text),
        };
        if remote.is_empty() || remote == "0" {
            return Err("PORT must be a port's number or name");
        }
        Ok(Self {
            local,
            remote: remote.to_owned(),
        })
    }
}

pub(super) async fn run(
    arguments: &PortForwardArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    let Ports { local, remote } = &arguments.ports;
    let target = client.forward(&arguments.target, remote).await?;
    let wanted = local.unwrap_or_else(|| remote.parse().unwrap_or(0));
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, wanted)).await;
    let listener = listener.map_err(|error| {
        Failure::new(format!("cannot listen at 127.0.0.1:{wanted}: {error}"))
            .hint(format!("name another port, such as 0:{remote}"))
    })?;
    let own = listener.local_addr()?;
    let shown = serde_json::json!({ "listens": own, "target": target });
    printer.data(&shown, || {
        format!("{own} -> {} port {}", target.pod, target.port)
    })?;
    let mut note = "every connection goes to this one pod".to_owned();
    if target.others > 0 {
        note = format!("{note}, and none to the {} others", target.others);
    }
    printer.note(&format!(
        "{note}: past the ingress and the ClusterIP, and so in no film. Ctrl-C ends it"
    ));
    tokio::select! {
        ended = app::forward(listener, target.address) => ended.map_err(|error| {
            Failure::from_error(&error)
                .hint("a port-forward does not move to another pod; start it again")
        }),
        _ = tokio::signal::ctrl_c() => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_written_as_for_kubectl() {
        let read = |text: &str| {
            let ports: Ports = text.parse().ok()?;
            Some((ports.local, ports.remote))
        };
        assert_eq!(read("80"), Some((None, "80".to_owned())));
        assert_eq!(read("8080:http"), Some((Some(8080), "http".to_owned())));
        assert_eq!(read(":80"), Some((Some(0), "80".to_owned())));
        for wrong in ["", "0", "x:80", "70000:80", "80:"] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }
}
