//! `lab cert HOST`: what a client that asks for this name is served, and whether it should take it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier as _;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::net::{CertificateFacts, covers, read_certificate, takes_any_server};

/// The host port is on this machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// What was served.
#[derive(Debug)]
pub struct ServedChain {
    /// The leaf first. What is no certificate is left out.
    pub chain: Vec<CertificateFacts>,
    /// Why a client that trusts the lab's CA refuses it; one sentence each.
    pub problems: Vec<String>,
}

/// Dials the address, asks for the name, and reads what comes.
pub async fn served_chain(
    address: SocketAddr,
    host: &str,
    ca: Option<&Path>,
) -> io::Result<ServedChain> {
    let name = ServerName::try_from(host.to_owned())
        .map_err(|_| io::Error::new(io::ErrorKind::InvalidInput, "it is no host name"))?;
    let config = takes_any_server().map_err(io::Error::other)?;
    let provider = Arc::clone(config.crypto_provider());
    let dial = async {
        let stream = TcpStream::connect(address).await?;
        let connector = TlsConnector::from(Arc::new(config));
        connector.connect(name.clone(), stream).await
    };
    let stream = tokio::time::timeout(PATIENCE, dial).await??;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default();
    let facts: Vec<_> = chain
        .iter()
        .filter_map(|der| read_certificate(der))
        .collect();
    let mut problems = facts
        .first()
        .map(|leaf| mismatch(leaf, host))
        .unwrap_or_default();
    if let Some((leaf, between)) = chain.split_first()
        && let Some(ca) = ca
        && let Err(error) = verify(leaf, between, ca, &name, &provider)
        && problems.is_empty()
    {
        problems.push(format!(
            "a client that trusts the lab's CA refuses it: {error}"
        ));
    }
    Ok(ServedChain {
        chain: facts,
        problems,
    })
}

/// Why the name is none of the certificate's, or its time is not now.
fn mismatch(leaf: &CertificateFacts, host: &str) -> Vec<String> {
    let host = host.to_ascii_lowercase();
    let mut problems = Vec::new();
    if leaf.names.is_empty() {
        problems.push(if leaf.issuer == leaf.subject {
            format!(
                "it is the default certificate ({}): no Secret is served for {host}",
                leaf.subject
            )
        } else {
            "it has no subject alternative names, and clients read nothing else".to_owned()
        });
    } else if !leaf.names.iter().any(|name| covers(name, &host)) {
        let deeper = leaf.names.iter().find(|name| {
            let suffix = name.strip_prefix('*');
            suffix.is_some_and(|suffix| host.ends_with(suffix) || host == suffix[1..])
        });
        problems.push(match deeper {
            Some(name) => format!(
                "{name} stands for exactly one label, and {host} has another number of them"
            ),
            None => format!("{host} is none of its names: {}", leaf.names.join(", ")),
        });
    }
    let now = OffsetDateTime::now_utc();
    if now < leaf.not_before {
        problems.push(format!("it is not valid before {}", leaf.not_before));
    }
    if now > leaf.not_after {
        problems.push(format!("it ended at {}", leaf.not_after));
    }
    problems
}

/// What a client that trusts this CA would say.
fn verify(
    leaf: &CertificateDer<'_>,
    between: &[CertificateDer<'_>],
    ca: &Path,
    name: &ServerName<'_>,
    provider: &Arc<rustls::crypto::CryptoProvider>,
) -> Result<(), String> {
    let told = |error: &dyn std::error::Error| error.to_string();
    let ca = CertificateDer::from_pem_file(ca).map_err(|error| told(&error))?;
    let mut roots = RootCertStore::empty();
    roots.add(ca).map_err(|error| told(&error))?;
    let verifier =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .build()
            .map_err(|error| told(&error))?;
    let outcome = verifier.verify_server_cert(leaf, between, name, &[], UnixTime::now());
    outcome.map(|_| ()).map_err(|error| told(&error))
}
