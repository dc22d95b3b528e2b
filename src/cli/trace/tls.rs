//! TLS as a client of the lab: trust in the lab's own CA and in nobody else.

use std::path::Path;
use std::sync::Arc;

use rustls::crypto::aws_lc_rs;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use super::TraceError;
use crate::app::takes_any_server;

/// A configuration that trusts the certificates in `ca`, or any server if `insecure`. It offers
/// HTTP/2 and HTTP/1.1.
pub(in crate::cli) fn client_config(
    ca: &Path,
    insecure: bool,
) -> Result<Arc<ClientConfig>, TraceError> {
    let mut config = if insecure {
        takes_any_server().map_err(TraceError::TlsSetup)?
    } else {
        ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TraceError::TlsSetup)?
            .with_root_certificates(roots(ca)?)
            .with_no_client_auth()
    };
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

fn roots(ca: &Path) -> Result<RootCertStore, TraceError> {
    let unreadable = |reason: String| TraceError::Certificate {
        path: ca.to_owned(),
        reason,
    };
    let mut store = RootCertStore::empty();
    let certificates =
        CertificateDer::pem_file_iter(ca).map_err(|error| unreadable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unreadable(error.to_string()))?;
        store
            .add(certificate)
            .map_err(|error| unreadable(error.to_string()))?;
    }
    if store.is_empty() {
        return Err(unreadable("it holds no certificate".into()));
    }
    Ok(store)
}
