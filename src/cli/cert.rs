//! `lab cert HOST`

use std::net::SocketAddr;

use clap::Args;
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::arguments::Global;
use super::printer::{Failure, Printer};
use crate::app;
use crate::client::Client;
use crate::model::{CertificateStatus, Status};

/// Whose certificate.
#[derive(Debug, Args)]
pub(super) struct CertArguments {
    /// The name that a client asks for, such as console.lab.localhost
    host: String,
}

/// What is printed.
#[derive(Debug, Serialize)]
struct Shown {
    host: String,
    address: SocketAddr,
    /// Whether a client that trusts the lab's CA takes it.
    good: bool,
    /// Why not.
    problems: Vec<String>,
    /// Secret and state, unless it is the default certificate.
    certificate: Option<CertificateStatus>,
    /// The leaf first.
    chain: Vec<Link>,
}

#[derive(Debug, Serialize)]
struct Link {
    subject: String,
    issuer: String,
    names: Vec<String>,
    not_before: String,
    not_after: String,
}

pub(super) async fn run(
    arguments: &CertArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let status = Client::find(&global.folder()?)?.status().await?;
    let host = arguments.host.as_str();
    let Some(address) = https_address(&status) else {
        return Err(Failure::new("the lab has no HTTPS port yet"));
    };
    let ca = status.ca_certificate.as_deref();
    let served = app::served_chain(address, host, ca)
        .await
        .map_err(|error| Failure::new(format!("no TLS with {host} at {address}: {error}")))?;
    let chain: Vec<_> = served
        .chain
        .into_iter()
        .map(|facts| Link {
            subject: facts.subject,
            issuer: facts.issuer,
            names: facts.names,
            not_before: written(facts.not_before),
            not_after: written(facts.not_after),
        })
        .collect();
    let certificate = chain.first().and_then(|leaf| secret_of(leaf, &status));
    let shown = Shown {
        host: host.to_owned(),
        address,
        good: served.problems.is_empty(),
        problems: served.problems,
        certificate,
        chain,
    };
    printer.data(&shown, || text(&shown))
}

/// The second port of the load balancer is the one for TLS.
fn https_address(status: &Status) -> Option<SocketAddr> {
    let served = status
        .ingresses
        .iter()
        .find(|ingress| ingress.addresses.len() > 1);
    let of_ingress = served.and_then(|ingress| ingress.addresses[1].parse().ok());
    let of_dialled = || {
        let balancer = status
            .services
            .iter()
            .find(|service| service.kind == "LoadBalancer")?;
        let address: SocketAddr = balancer.endpoints.first()?.address.parse().ok()?;
        Some(SocketAddr::new(address.ip(), balancer.ports.get(1)?.port))
    };
    of_ingress.or_else(of_dialled)
}

/// The Secret that holds this leaf: one that is valid for the same time and has its names.
fn secret_of(leaf: &Link, status: &Status) -> Option<CertificateStatus> {
    let same = |found: &&CertificateStatus| {
        found.not_after.as_ref() == Some(&leaf.not_after)
            && found.not_before.as_ref() == Some(&leaf.not_before)
            && found
                .hosts
                .iter()
                .any(|host| leaf.names.contains(&host.to_ascii_lowercase()))
    };
    status.certificates.iter().find(same).cloned()
}

fn written(moment: OffsetDateTime) -> String {
    moment.format(&Rfc3339).unwrap_or_default()
}

fn text(shown: &Shown) -> String {
    let mut lines = vec![format!("{} at {}", shown.host, shown.address)];
    match &shown.certificate {
        Some(certificate) => {
            let issuer = match certificate.issuer {
                Some(_) => "issued by the lab's CA",
                None => "of your own",
            };
            lines.push(format!("Secret          {} ({issuer})", certificate.secret));
            if let Some(renewal) = &certificate.renewal {
                lines.push(format!("renewed         {renewal}"));
            }
        }
        None => lines.push("Secret          none: the default certificate".to_owned()),
    }
    for (depth, link) in shown.chain.iter().enumerate() {
        lines.push(format!("certificate {depth}   {}", link.subject));
        if !link.names.is_empty() {
            lines.push(format!("  names         {}", link.names.join(", ")));
        }
        lines.push(format!("  issuer        {}", link.issuer));
        lines.push(format!(
            "  valid         {} to {}",
            link.not_before, link.not_after
        ));
    }
    if shown.good {
        lines.push("a client that trusts the lab's CA takes it".to_owned());
    }
    let problems = shown.problems.iter();
    lines.extend(problems.map(|problem| format!("not taken: {problem}")));
    lines.join("\n")
}
