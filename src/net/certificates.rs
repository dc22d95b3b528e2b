//! The certificates a TLS listener may serve, chosen by SNI: exact, then one-label wildcard, then
//! the default one. The set can be exchanged while connections are open.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use rustls::ServerConfig;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::danger::ClientCertVerifier;
use rustls::server::{ClientHello, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;

use super::client_auth::ClientGate;
use super::x509::{self, CertificateFacts};
use crate::model::{ClientAuth, Secret};

/// Why a Secret cannot be served.
#[derive(Debug, thiserror::Error)]
pub enum CertificateError {
    /// No `tls.crt` or no `tls.key`.
    #[error("Secret \"{secret}\" has no usable {key}")]
    Missing {
        /// Its name.
        secret: String,
        /// The key of its data.
        key: &'static str,
    },
    /// The key does not fit, or is of a kind that is not supported.
    #[error("Secret \"{secret}\" cannot be used for TLS")]
    Unusable {
        /// Its name.
        secret: String,
        /// What rustls says.
        #[source]
        source: rustls::Error,
    },
    /// It is for none of the names that it is to be served at.
    #[error("the certificate of Secret \"{secret}\" is not for {host}")]
    OtherNames {
        /// The Secret.
        secret: String,
        /// The host of a rule.
        host: String,
    },
    /// The default certificate could not be made.
    #[error("cannot make the default certificate")]
    Default(#[source] rcgen::Error),
}

/// A certificate as it is served.
#[derive(Debug)]
pub struct Served {
    /// Name of the Secret, or of the default certificate.
    pub secret: String,
    /// Its names.
    pub names: Vec<String>,
    key: Arc<CertifiedKey>,
}

/// The set of certificates; clones share it.
#[derive(Clone)]
pub struct Certificates {
    provider: Arc<CryptoProvider>,
    default: Arc<Served>,
    current: Arc<RwLock<Arc<ByName>>>,
    gates: Arc<RwLock<Arc<[Arc<ClientGate>]>>>,
    /// Whether there are any; asked with every request, so it takes no lock.
    asks_clients: Arc<AtomicBool>,
}

/// By lower-case name; wildcards by their suffix with its dot.
#[derive(Debug, Default)]
struct ByName {
    exact: HashMap<String, Arc<Served>>,
    wildcard: HashMap<String, Arc<Served>>,
}

impl fmt::Debug for Certificates {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Certificates")
            .field("names", &self.names())
            .finish_non_exhaustive()
    }
}

impl Certificates {
    /// A set with nothing but a self-signed default certificate of this common name.
    pub fn new(default_name: &str) -> Result<Self, CertificateError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let (certificate, key) = self_signed(default_name).map_err(CertificateError::Default)?;
        let default = Served {
            secret: default_name.to_owned(),
            names: Vec::new(),
            key: certified(default_name, vec![certificate], key, &provider)?,
        };
        Ok(Self {
            provider,
            default: Arc::new(default),
            current: Arc::default(),
            gates: Arc::default(),
            asks_clients: Arc::default(),
        })
    }

    /// Serves exactly these from now on; open connections keep what they have. Secrets that
    /// cannot be served are returned with the reason, and their names get the default certificate.
    pub fn replace<'a>(
        &self,
        secrets: impl IntoIterator<Item = &'a Secret>,
    ) -> Vec<CertificateError> {
        let mut next = ByName::default();
        let mut problems = Vec::new();
        for secret in secrets {
            match self.read(secret) {
                Ok(served) => next.add(&Arc::new(served)),
                Err(problem) => problems.push(problem),
            }
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        problems
    }

    /// The same for a controller that goes by the hosts of its rules: each host gets the first of its
    /// Secrets whose certificate is for it, and the default certificate if there is none.
    pub fn replace_for_hosts<'a>(
        &self,
        hosts: impl IntoIterator<Item = (String, Vec<&'a Secret>)>,
    ) -> Vec<CertificateError> {
        let mut next = ByName::default();
        let mut problems = Vec::new();
        for (host, secrets) in hosts {
            let host = host.to_ascii_lowercase();
            for secret in secrets {
                match self.read(secret) {
                    Ok(served) if served.names.iter().any(|name| x509::covers(name, &host)) => {
                        next.add_for(&host, &Arc::new(served));
                        break;
                    }
                    Ok(served) => problems.push(CertificateError::OtherNames {
                        secret: served.secret,
                        host: host.clone(),
                    }),
                    Err(problem) => problems.push(problem),
                }
            }
        }
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(next);
        problems
    }

    /// TLS 1.2 and 1.3 with these certificates, ALPN `h2` and `http/1.1`.
    pub fn server_config(&self) -> Result<Arc<ServerConfig>, rustls::Error> {
        self.server_config_with(WebPkiClientVerifier::no_client_auth())
    }

    /// The same, with this judge of client certificates.
    pub(super) fn server_config_with(
        &self,
        clients: Arc<dyn ClientCertVerifier>,
    ) -> Result<Arc<ServerConfig>, rustls::Error> {
        let mut config = ServerConfig::builder_with_provider(Arc::clone(&self.provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])?
            .with_client_cert_verifier(clients)
            .with_cert_resolver(Arc::new(self.clone()));
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(Arc::new(config))
    }

    /// Asks for client certificates at exactly these hosts from now on, with the CAs in these
    /// Secrets.
    pub fn ask_clients(
        &self,
        wanted: &[ClientAuth],
        secrets: &BTreeMap<String, Arc<Secret>>,
    ) -> Result<Vec<CertificateError>, rustls::Error> {
        let mut gates = Vec::new();
        let mut problems = Vec::new();
        for one in wanted {
            let secret = secrets.get(&one.secret).map(|secret| &**secret);
            let gate = ClientGate::new(one, secret, self)?;
            problems.extend(gate.problem(&one.secret));
            gates.push(Arc::new(gate));
        }
        let asks = !gates.is_empty();
        *self.gates.write().unwrap_or_else(PoisonError::into_inner) = gates.into();
        self.asks_clients.store(asks, Ordering::Release);
        Ok(problems)
    }

    /// Whether any host asks for client certificates.
    pub fn asks_clients(&self) -> bool {
        self.asks_clients.load(Ordering::Acquire)
    }

    /// How the host of this name asks for client certificates, if it does.
    pub fn gate(&self, server_name: Option<&str>) -> Option<Arc<ClientGate>> {
        let name = server_name.unwrap_or_default().to_ascii_lowercase();
        let gates = self.gates.read().unwrap_or_else(PoisonError::into_inner);
        gates.iter().find(|gate| gate.is_for(&name)).cloned()
    }

    /// Whether a request for this host came over a connection that was made for another name, while
    /// the host has another certificate or another way to ask for client certificates: RFC 9110
    /// section 15.5.20 has 421 for it. A connection without a name was made for no host in
    /// particular, and a host without a certificate can be asked for over any.
    pub fn misdirected(&self, server_name: Option<&str>, host: &str) -> bool {
        if server_name == Some(host) {
            return false;
        }
        let asked_otherwise = self.asks_clients()
            && match (self.gate(server_name), self.gate(Some(host))) {
                (None, None) => false,
                (Some(one), Some(other)) => !Arc::ptr_eq(&one, &other),
                _ => true,
            };
        asked_otherwise || server_name.is_some_and(|name| self.has_another(name, host))
    }

    /// Whether a host has a certificate, and clients that send this name are served another.
    fn has_another(&self, server_name: &str, host: &str) -> bool {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let secret = |name: &str| {
            let found = current.find(&name.to_ascii_lowercase());
            found.map(|served| &*served.secret)
        };
        secret(host).is_some_and(|own| secret(server_name) != Some(own))
    }

    pub(super) fn provider(&self) -> &Arc<CryptoProvider> {
        &self.provider
    }

    /// What a client that sends this name is served.
    pub fn select(&self, server_name: Option<&str>) -> Arc<Served> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        server_name
            .and_then(|name| current.find(&name.to_ascii_lowercase()))
            .unwrap_or(&self.default)
            .clone()
    }

    /// All names that have a certificate.
    pub fn names(&self) -> Vec<String> {
        let current = self.current.read().unwrap_or_else(PoisonError::into_inner);
        let wildcards = current.wildcard.keys().map(|suffix| format!("*{suffix}"));
        current.exact.keys().cloned().chain(wildcards).collect()
    }

    fn read(&self, secret: &Secret) -> Result<Served, CertificateError> {
        let (key, facts) = read(secret, &self.provider)?;
        Ok(Served {
            secret: secret.name.clone(),
            names: facts.names,
            key,
        })
    }
}

/// What a Secret of type `kubernetes.io/tls` holds, if it can be served.
pub fn inspect(secret: &Secret) -> Result<CertificateFacts, CertificateError> {
    let provider = rustls::crypto::aws_lc_rs::default_provider();
    read(secret, &provider).map(|(_, facts)| facts)
}

/// Reads `tls.crt` and `tls.key`.
fn read(
    secret: &Secret,
    provider: &CryptoProvider,
) -> Result<(Arc<CertifiedKey>, CertificateFacts), CertificateError> {
    let missing = |key| CertificateError::Missing {
        secret: secret.name.clone(),
        key,
    };
    let pem = |key: &'static str| secret.data.get(key).ok_or_else(|| missing(key));
    let chain: Vec<CertificateDer<'static>> = CertificateDer::pem_slice_iter(pem("tls.crt")?)
        .collect::<Result<_, _>>()
        .map_err(|_| missing("tls.crt"))?;
    let key = PrivateKeyDer::from_pem_slice(pem("tls.key")?).map_err(|_| missing("tls.key"))?;
    let facts = chain
        .first()
        .and_then(|leaf| x509::read(leaf))
        .ok_or_else(|| missing("tls.crt"))?;
    Ok((certified(&secret.name, chain, key, provider)?, facts))
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(Arc::clone(&self.select(hello.server_name()).key))
    }
}

impl ByName {
    /// The first Secret for a name keeps it.
    fn add(&mut self, served: &Arc<Served>) {
        for name in &served.names {
            self.add_for(name, served);
        }
    }

    fn add_for(&mut self, name: &str, served: &Arc<Served>) {
        let (map, key) = match name.strip_prefix('*') {
            Some(suffix) => (&mut self.wildcard, suffix),
            None => (&mut self.exact, name),
        };
        map.entry(key.to_owned())
            .or_insert_with(|| Arc::clone(served));
    }

    fn find(&self, name: &str) -> Option<&Arc<Served>> {
        self.exact
            .get(name)
            .or_else(|| self.wildcard.get(&name[name.find('.')?..]))
    }
}

fn certified(
    secret: &str,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    provider: &CryptoProvider,
) -> Result<Arc<CertifiedKey>, CertificateError> {
    CertifiedKey::from_der(chain, key, provider)
        .map(Arc::new)
        .map_err(|source| CertificateError::Unusable {
            secret: secret.to_owned(),
            source,
        })
}

fn self_signed(
    name: &str,
) -> Result<(CertificateDer<'static>, PrivateKeyDer<'static>), rcgen::Error> {
    let key = rcgen::KeyPair::generate_for(&rcgen::PKCS_ECDSA_P256_SHA256)?;
    let mut params = rcgen::CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
        .distinguished_name
        .push(rcgen::DnType::CommonName, name);
    let certificate = params.self_signed(&key)?;
    let key = PrivateKeyDer::try_from(key.serialize_der())
        .map_err(|_| rcgen::Error::CouldNotParseKeyPair)?;
    Ok((certificate.der().clone(), key))
}
