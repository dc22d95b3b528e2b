//! `lab cert HOST`: what a client that asks for this name is served, and whether it should take it.

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, SignatureScheme};
use time::OffsetDateTime;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::net::{CertificateFacts, covers, read_certificate};

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
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(io::Error::other)?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Anything(Arc::clone(&provider))))
        .with_no_client_auth();
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

/// Takes every certificate: it is looked at, not trusted.
#[derive(Debug)]
struct Anything(Arc<rustls::crypto::CryptoProvider>);

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.0.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
