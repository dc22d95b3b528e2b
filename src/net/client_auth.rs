//! Client certificates, asked for at the hosts that want them.
//!
//! Traefik lets a client without a good one fail in the handshake; NGINX lets it pass, and a filter
//! answers. Whoever was let in for one name must not ask for another that wants more: that is
//! [`Certificates::misdirected`].
//!
//! Lab: the depth of a chain is not limited (rustls has no such limit to set).

use std::fmt;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{
    CertificateError as Refused, DigitallySignedStruct, DistinguishedName, RootCertStore,
    ServerConfig, SignatureScheme,
};

use super::certificates::{CertificateError, Certificates};
use super::x509;
use crate::model::{ClientAuth, HostMatch, Secret};

/// How a host asks for client certificates.
#[derive(Debug)]
pub struct ClientGate {
    host: HostMatch,
    config: Arc<ServerConfig>,
    judge: Arc<Judge>,
}

/// What a client showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownCertificate {
    /// Its owner, such as `CN=alice`.
    pub subject: String,
    /// Whether the host's CA signed it, for now.
    pub verified: bool,
    /// The certificate itself.
    pub pem: String,
}

/// Decides about a client's certificate.
struct Judge {
    /// `None` if the Secret holds no CA: then nobody is good.
    authority: Option<Arc<dyn ClientCertVerifier>>,
    provider: Arc<CryptoProvider>,
    in_handshake: bool,
    required: bool,
}

impl ClientGate {
    /// Asks as this host wants it; where its Secret has no usable `ca.crt` no certificate is good.
    pub(super) fn new(
        wanted: &ClientAuth,
        secret: Option<&Secret>,
        certificates: &Certificates,
    ) -> Result<Self, rustls::Error> {
        let provider = Arc::clone(certificates.provider());
        let judge = Arc::new(Judge {
            authority: secret.and_then(|secret| authority(secret, &provider)),
            provider,
            in_handshake: wanted.in_handshake,
            required: wanted.required,
        });
        let verifier: Arc<dyn ClientCertVerifier> = Arc::<Judge>::clone(&judge);
        Ok(Self {
            host: wanted.host.clone(),
            config: certificates.server_config_with(verifier)?,
            judge,
        })
    }

    /// Whether a host is meant.
    pub(super) fn is_for(&self, host: &str) -> bool {
        self.host.matches(host)
    }

    /// Why nobody passes, if so.
    pub(super) fn problem(&self, secret: &str) -> Option<CertificateError> {
        let missing = self.judge.authority.is_none();
        missing.then(|| CertificateError::Missing {
            secret: secret.to_owned(),
            key: "ca.crt",
        })
    }

    /// For the handshake.
    pub fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// What is to be thought of the certificates that a client has shown.
    pub fn shown(&self, chain: Option<&[CertificateDer<'_>]>) -> Option<ShownCertificate> {
        let (leaf, between) = chain?.split_first()?;
        let verified = self.judge.authority.as_ref().is_some_and(|authority| {
            let now = UnixTime::now();
            authority.verify_client_cert(leaf, between, now).is_ok()
        });
        Some(ShownCertificate {
            subject: x509::read(leaf)?.subject,
            verified,
            pem: pem(leaf),
        })
    }
}

/// RFC 7468: lines of 64 characters.
fn pem(der: &[u8]) -> String {
    let mut text = "-----BEGIN CERTIFICATE-----\n".to_owned();
    // 48 bytes are 64 characters.
    for line in der.chunks(48) {
        text.push_str(&BASE64_STANDARD.encode(line));
        text.push('\n');
    }
    text.push_str("-----END CERTIFICATE-----\n");
    text
}

/// The verifier of the CA in a Secret.
fn authority(
    secret: &Secret,
    provider: &Arc<CryptoProvider>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(secret.data.get("ca.crt")?) {
        roots.add(certificate.ok()?).ok()?;
    }
    let provider = Arc::clone(provider);
    WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .build()
        .ok()
}

impl fmt::Debug for Judge {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Judge")
            .field("in_handshake", &self.in_handshake)
            .field("required", &self.required)
            .finish_non_exhaustive()
    }
}

impl ClientCertVerifier for Judge {
    fn client_auth_mandatory(&self) -> bool {
        self.in_handshake && self.required
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        let authority = self.authority.as_ref();
        authority.map_or(&[], |authority| authority.root_hint_subjects())
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        match &self.authority {
            // The filter answers later.
            _ if !self.in_handshake => Ok(ClientCertVerified::assertion()),
            Some(authority) => authority.verify_client_cert(end_entity, intermediates, now),
            None => Err(Refused::UnknownIssuer.into()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, cert, signature, algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        let algorithms = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, cert, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        let algorithms = &self.provider.signature_verification_algorithms;
        algorithms.supported_schemes()
    }
}
