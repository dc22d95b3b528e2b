//! The lab's own certificate authority.
//!
//! Its key can sign only names that lead to this machine or to nobody (name constraints), so a
//! lost key is no way into anybody's bank. It lives in the state folder and is made once.

use std::fs;
use std::io::{self, Write};
use std::net::IpAddr;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CidrSubnet, DistinguishedName, DnType,
    ExtendedKeyUsagePurpose, GeneralSubtree, IsCa, Issuer, KeyPair, KeyUsagePurpose,
    NameConstraints, PKCS_ECDSA_P256_SHA256, SanType,
};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use time::{Duration, OffsetDateTime};

use super::x509;
use crate::model::Secret;

const CERTIFICATE: &str = "ca.pem";
const KEY: &str = "ca.key";
/// Long enough that nobody has to trust it twice in a machine's life.
const CA_DAYS: i64 = 3650;
/// Browsers refuse more than 398 days for a leaf.
const LEAF_DAYS: i64 = 397;
/// What is closer to its end than this is made anew.
const RENEW_BEFORE_DAYS: i64 = 30;
/// Clocks of containers and machines differ a little.
const BACKDATED: Duration = Duration::hours(1);
/// Names below these are the only ones the authority may sign: reserved by RFC 2606 and 6761.
pub const PERMITTED_NAMES: [&str; 5] = ["localhost", "test", "example", "example.com", "local"];

/// Why there is no authority, or no certificate from it.
#[derive(Debug, thiserror::Error)]
pub enum CaError {
    /// The folder or a file in it.
    #[error("cannot read or write {}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// One of the two files is missing or is not what it should be.
    #[error("{} does not hold the lab's authority any more\nhint: remove {CERTIFICATE} and {KEY} there, and a new one is made (it has to be trusted again)", folder.display())]
    Broken {
        /// Where it is kept.
        folder: PathBuf,
    },
    /// The name is none that the authority may sign.
    #[error("\"{name}\" is not a name that the lab's authority may sign\nhint: it may sign names under {}; give the Ingress a certificate of your own otherwise", PERMITTED_NAMES.join(", "))]
    NotPermitted {
        /// The host of an Ingress.
        name: String,
    },
    /// Signing failed.
    #[error("cannot sign")]
    Sign(#[from] rcgen::Error),
}

/// A certificate authority with its key.
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    path: PathBuf,
}

impl std::fmt::Debug for Authority {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Authority")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Authority {
    /// Loads the authority kept in this folder, or makes it there.
    pub fn load_or_create(folder: &Path) -> Result<Self, CaError> {
        let certificate = folder.join(CERTIFICATE);
        let key = folder.join(KEY);
        let (pem, key) = match (read(&certificate)?, read(&key)?) {
            (Some(pem), Some(key)) if !is_old(&pem, folder)? => {
                let key = KeyPair::from_pem(&key).map_err(|_| broken(folder))?;
                (pem, key)
            }
            (Some(_), None) | (None, Some(_)) => return Err(broken(folder)),
            _ => create(folder)?,
        };
        if !holds_public_key(&pem, &key) {
            return Err(broken(folder));
        }
        Ok(Self {
            issuer: Issuer::from_ca_cert_pem(&pem, key).map_err(|_| broken(folder))?,
            pem,
            path: certificate,
        })
    }

    /// Its certificate, for those who shall trust it.
    pub fn certificate_pem(&self) -> &str {
        &self.pem
    }

    /// The file that holds the certificate.
    pub fn certificate_path(&self) -> &Path {
        &self.path
    }

    /// A certificate for these hosts that lasts as long as browsers let it, as Secret of type
    /// `kubernetes.io/tls`.
    pub fn issue(&self, secret: &str, hosts: &[String]) -> Result<Secret, CaError> {
        self.issue_for(secret, hosts, Duration::days(LEAF_DAYS))
    }

    /// A certificate for these hosts that lasts so long from now on.
    pub fn issue_for(
        &self,
        secret: &str,
        hosts: &[String],
        duration: Duration,
    ) -> Result<Secret, CaError> {
        self.issue_at(secret, hosts, duration, OffsetDateTime::now_utc())
    }

    /// The same as if now were another time.
    pub fn issue_at(
        &self,
        secret: &str,
        hosts: &[String],
        duration: Duration,
        now: OffsetDateTime,
    ) -> Result<Secret, CaError> {
        let duration = duration.min(Duration::days(LEAF_DAYS));
        let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
        let mut params = CertificateParams::default();
        for host in hosts {
            if !permitted(host) {
                return Err(CaError::NotPermitted { name: host.clone() });
            }
            let host = host.to_ascii_lowercase();
            params.subject_alt_names.push(match host.parse::<IpAddr>() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) => SanType::DnsName(host.try_into()?),
            });
        }
        params.distinguished_name = DistinguishedName::new();
        // A common name has at most 64 characters; clients read the alternative names alone.
        let name: String = hosts
            .first()
            .map_or("lab", String::as_str)
            .chars()
            .take(64)
            .collect();
        params.distinguished_name.push(DnType::CommonName, name);
        params.not_before = now - BACKDATED;
        params.not_after = now + duration;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        params.use_authority_key_identifier_extension = true;
        let certificate = params.signed_by(&key, &self.issuer)?;
        let data = [
            ("tls.crt", certificate.pem()),
            ("tls.key", key.serialize_pem()),
            ("ca.crt", self.pem.clone()),
        ];
        Ok(Secret {
            name: secret.to_owned(),
            kind: "kubernetes.io/tls".to_owned(),
            data: data
                .into_iter()
                .map(|(key, pem)| (key.to_owned(), pem.into_bytes()))
                .collect(),
        })
    }
}

/// Whether the authority may sign this host.
pub fn permitted(host: &str) -> bool {
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.is_loopback();
    }
    let host = host.to_ascii_lowercase();
    PERMITTED_NAMES.iter().any(|name| {
        host.strip_suffix(name)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    })
}

/// Makes key and certificate and writes both.
fn create(folder: &Path) -> Result<(String, KeyPair), CaError> {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut params = CertificateParams::default();
    params.distinguished_name = DistinguishedName::new();
    params
        .distinguished_name
        .push(DnType::OrganizationName, "cloudforet-lab");
    // Told apart in a list of trusted authorities when a machine has had several.
    let tag = fastrand::u32(..);
    params.distinguished_name.push(
        DnType::CommonName,
        format!("cloudforet-lab local CA {tag:08x}"),
    );
    let now = OffsetDateTime::now_utc();
    params.not_before = now - BACKDATED;
    params.not_after = now + Duration::days(CA_DAYS);
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let mut permitted_subtrees: Vec<_> = PERMITTED_NAMES
        .iter()
        .map(|name| GeneralSubtree::DnsName((*name).to_owned()))
        .collect();
    let loopback = [
        CidrSubnet::from_v4_prefix([127, 0, 0, 0], 8),
        CidrSubnet::from_v6_prefix(std::net::Ipv6Addr::LOCALHOST.octets(), 128),
    ];
    permitted_subtrees.extend(loopback.map(GeneralSubtree::IpAddress));
    params.name_constraints = Some(NameConstraints {
        permitted_subtrees,
        excluded_subtrees: Vec::new(),
    });
    let pem = params.self_signed(&key)?.pem();
    make_folder(folder)?;
    write(folder, KEY, key.serialize_pem().as_bytes(), 0o600)?;
    write(folder, CERTIFICATE, pem.as_bytes(), 0o644)?;
    Ok((pem, key))
}

fn broken(folder: &Path) -> CaError {
    CaError::Broken {
        folder: folder.to_owned(),
    }
}

/// Whether it ends soon.
fn is_old(pem: &str, folder: &Path) -> Result<bool, CaError> {
    let der = CertificateDer::from_pem_slice(pem.as_bytes()).map_err(|_| broken(folder))?;
    let facts = x509::read(&der).ok_or_else(|| broken(folder))?;
    Ok(facts.not_after < OffsetDateTime::now_utc() + Duration::days(RENEW_BEFORE_DAYS))
}

/// Whether the certificate holds the public part of this key.
fn holds_public_key(pem: &str, key: &KeyPair) -> bool {
    CertificateDer::from_pem_slice(pem.as_bytes()).is_ok_and(|der| {
        let public = key.public_key_raw();
        der.windows(public.len()).any(|window| window == public)
    })
}

fn read(path: &Path) -> Result<Option<String>, CaError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(file_error(path)(source)),
    }
}

fn file_error(path: &Path) -> impl Fn(io::Error) -> CaError {
    move |source| CaError::File {
        path: path.to_owned(),
        source,
    }
}

/// Only the owner may enter.
fn make_folder(folder: &Path) -> Result<(), CaError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder).map_err(file_error(folder))
}

/// Writes beside the file and renames, so that nobody ever reads half of it.
fn write(folder: &Path, name: &str, content: &[u8], mode: u32) -> Result<(), CaError> {
    let path = folder.join(name);
    let beside = folder.join(format!("{name}.new-{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, mode);
    #[cfg(not(unix))]
    let _ = mode;
    let written = options.open(&beside).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written
        .and_then(|()| fs::rename(&beside, &path))
        .map_err(file_error(&path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_authority_is_made_once_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let first = Authority::load_or_create(&state).unwrap();
        let second = Authority::load_or_create(&state).unwrap();
        assert_eq!(first.certificate_pem(), second.certificate_pem());
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
            assert_eq!(mode(&state.join(KEY)), 0o600);
            assert_eq!(mode(&state.join(CERTIFICATE)), 0o644);
            assert_eq!(mode(&state), 0o700);
        }
        fs::remove_file(state.join(KEY)).unwrap();
        let error = Authority::load_or_create(&state).unwrap_err();
        assert!(matches!(error, CaError::Broken { .. }), "{error}");
    }

    #[test]
    fn a_leaf_has_the_names_it_was_asked_for_and_ends_within_398_days() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_create(folder.path()).unwrap();
        let hosts = ["*.lab.localhost".to_owned(), "127.0.0.1".to_owned()];
        let secret = authority.issue("tls", &hosts).unwrap();
        let leaf = CertificateDer::from_pem_slice(&secret.data["tls.crt"]).unwrap();
        let facts = x509::read(&leaf).unwrap();
        assert_eq!(facts.names, hosts);
        let left = facts.not_after - OffsetDateTime::now_utc();
        assert!(left < Duration::days(398) && left > Duration::days(395));
    }

    #[test]
    fn names_of_others_are_not_signed() {
        let folder = tempfile::tempdir().unwrap();
        let authority = Authority::load_or_create(folder.path()).unwrap();
        for name in [
            "bank.com",
            "notexample.com",
            "localhost.evil.org",
            "8.8.8.8",
            "com",
        ] {
            assert!(authority.issue("x", &[name.to_owned()]).is_err(), "{name}");
        }
        for name in [
            "localhost",
            "a.b.localhost",
            "console.example.com",
            "*.example.com",
            "::1",
        ] {
            assert!(authority.issue("x", &[name.to_owned()]).is_ok(), "{name}");
        }
    }
}
