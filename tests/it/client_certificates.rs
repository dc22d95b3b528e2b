//! Client certificates: who is let in by the handshake, who is told later, and that a connection made
//! for one name is no way around them.

use std::collections::BTreeMap;
use std::sync::Arc;

use http_body_util::Full;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use lab::model::{ClientAuth, HostMatch, Secret};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::TcpStream;

use crate::ingress_support::{HOST, Path, echo_pod, get};

/// A CA for clients, and a client that it signed.
struct Clients {
    ca: String,
    chain: Vec<CertificateDer<'static>>,
    key: KeyPair,
}

fn clients(name: &str) -> Clients {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
        .distinguished_name
        .push(DnType::CommonName, "clients");
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let leaf = params.signed_by(&key, &issuer).unwrap();
    Clients {
        ca: issuer.pem(),
        chain: vec![leaf.der().clone()],
        key,
    }
}

fn ask(path: &Path, ca: &str, in_handshake: bool) {
    let secret = Secret {
        name: "clients".to_owned(),
        kind: "Opaque".to_owned(),
        data: BTreeMap::from([("ca.crt".to_owned(), ca.as_bytes().to_vec())]),
    };
    let secrets = BTreeMap::from([(secret.name.clone(), Arc::new(secret))]);
    let wanted = ClientAuth {
        host: HostMatch::Exact(HOST.to_owned()),
        secret: "clients".to_owned(),
        in_handshake,
        required: true,
        depth: 1,
    };
    let problems = path.certificates.ask_clients(&[wanted], &secrets).unwrap();
    assert_eq!(problems.is_empty(), ca.starts_with("-----BEGIN"));
}

/// Status of a GET of `HOST` over a connection for this name.
async fn status(path: &Path, sni: &str, client: Option<&Clients>) -> Result<u16, String> {
    let mut roots = rustls::RootCertStore::empty();
    let pem = path.authority.certificate_pem().as_bytes();
    roots
        .add(CertificateDer::from_pem_slice(pem).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots);
    let config = match client {
        None => config.with_no_client_auth(),
        Some(Clients { chain, key, .. }) => {
            let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
            config.with_client_auth_cert(chain.clone(), key).unwrap()
        }
    };
    let stream = TcpStream::connect(path.https).await.unwrap();
    let stream = tokio_rustls::TlsConnector::from(Arc::new(config))
        .connect(sni.to_owned().try_into().unwrap(), stream)
        .await
        .map_err(|error| error.to_string())?;
    let (mut sender, connection) = http1::handshake::<_, Full<bytes::Bytes>>(TokioIo::new(stream))
        .await
        .map_err(|error| error.to_string())?;
    tokio::spawn(connection);
    let answer = sender.send_request(get("/")).await;
    let answer = answer.map_err(|error| error.to_string())?;
    Ok(answer.status().as_u16())
}

#[tokio::test]
async fn a_client_without_a_good_certificate_fails_in_the_handshake() {
    let path = Path::start(&[echo_pod().await]);
    let (good, bad) = (clients("alice"), clients("mallory"));
    ask(&path, &good.ca, true);
    assert_eq!(status(&path, HOST, Some(&good)).await, Ok(200));
    assert!(status(&path, HOST, None).await.is_err());
    assert!(status(&path, HOST, Some(&bad)).await.is_err());
    // A Secret without a CA lets nobody in.
    ask(&path, "", true);
    assert!(status(&path, HOST, Some(&good)).await.is_err());
}

#[tokio::test]
async fn a_connection_for_another_name_is_misdirected() {
    let path = Path::start(&[echo_pod().await]);
    // The other name has another certificate.
    assert_eq!(status(&path, "other.lab.localhost", None).await, Ok(421));
    let names = [HOST.to_owned(), "*.lab.localhost".to_owned()];
    let both = path.authority.issue("both", &names).unwrap();
    assert!(path.certificates.replace([&both]).is_empty());
    assert_eq!(status(&path, "other.lab.localhost", None).await, Ok(200));
    let good = clients("alice");
    ask(&path, &good.ca, true);
    assert_eq!(status(&path, "other.lab.localhost", None).await, Ok(421));
    assert_eq!(status(&path, HOST, Some(&good)).await, Ok(200));
}

#[tokio::test]
async fn nginx_lets_pass_and_the_film_tells() {
    let mut path = Path::start_with(
        &[echo_pod().await],
        lab::model::AppProtocol::Http,
        |settings| {
            settings.sampler = Arc::new(lab::ingress::Sampler::new(100));
        },
    );
    let (good, bad) = (clients("alice"), clients("mallory"));
    ask(&path, &good.ca, false);
    for (client, told) in [
        (&good, "CN=alice (verified)"),
        (&bad, "CN=mallory (not verified)"),
    ] {
        assert_eq!(status(&path, HOST, Some(client)).await, Ok(200));
        let spans = path.film().await;
        let told_by = |span: &lab::model::Span| {
            span.attributes
                .get("client_certificate")
                .is_some_and(|value| value == told)
        };
        assert!(spans.iter().any(told_by), "{spans:?}");
    }
    assert_eq!(status(&path, HOST, None).await, Ok(200));
}
