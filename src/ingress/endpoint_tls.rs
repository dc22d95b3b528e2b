//! TLS towards endpoints (`backend-protocol: HTTPS`, `serversscheme: https`).
//!
//! ingress-nginx encrypts and verifies nothing (`proxy-ssl-verify` is off). Traefik verifies, and
//! answers 500 where it cannot.

use std::sync::Arc;

use rustls::{ClientConfig, Error, RootCertStore};

use crate::model::Flavour;
use crate::net::takes_any_server;

/// How a controller dials. `roots` are the CAs that Traefik trusts.
pub(super) fn config(flavour: &Flavour, roots: RootCertStore) -> Result<Arc<ClientConfig>, Error> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    Ok(Arc::new(match flavour {
        Flavour::Traefik(_) => ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth(),
        Flavour::Nginx(_) => takes_any_server()?,
    }))
}
