//! The key pairs of a domain: one for access tokens, one for refresh tokens.
//!
//! They are made once and kept in MongoDB. Replicas that start at once may each make some; the
//! unique index lets one set in, and the others take that.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{KeyPair, KeySize};
use aws_lc_rs::signature::KeyPair as _;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bson::{Document, doc};
use jsonwebtoken::DecodingKey;
use tokio::task::spawn_blocking;

use crate::cloudforet::auth::key_from_jwk;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{Mongo, text};

pub(super) const COLLECTION: &str = "domain_secret";

/// Key pairs that this pod has used before.
#[derive(Debug, Default)]
pub(super) struct Keys {
    // A std mutex: held to look up and insert, never across an await.
    known: Mutex<HashMap<String, Arc<DomainKeys>>>,
    // Two calls must not make two sets.
    making: tokio::sync::Mutex<()>,
}

/// The key pairs of one domain.
#[derive(Debug)]
pub(super) struct DomainKeys {
    pub(super) access: Pair,
    pub(super) refresh: Pair,
}

/// Signs tokens, and says how others verify them.
pub(super) struct Pair {
    signing: KeyPair,
    verifying: DecodingKey,
    jwk: String,
}

// === impl Keys ===

impl Keys {
    /// The keys of a domain, which must exist.
    pub(super) async fn of(&self, mongo: &Mongo, domain: &str) -> Result<Arc<DomainKeys>, Failure> {
        if let Some(keys) = self.known(domain) {
            return Ok(keys);
        }
        let _one_at_a_time = self.making.lock().await;
        if let Some(keys) = self.known(domain) {
            return Ok(keys);
        }
        let keys = Arc::new(load_or_make(mongo, domain).await?);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(domain.to_owned(), Arc::clone(&keys));
        Ok(keys)
    }

    fn known(&self, domain: &str) -> Option<Arc<DomainKeys>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(domain).cloned()
    }
}

async fn load_or_make(mongo: &Mongo, domain: &str) -> Result<DomainKeys, Failure> {
    let secrets = mongo.collection(COLLECTION).await?;
    let stored = || secrets.find_one(doc! { "domain_id": domain });
    if let Some(row) = stored().await? {
        return DomainKeys::read(&row);
    }
    // Each takes a moment of one core; there are at least two.
    let (access, refresh) = tokio::join!(spawn_blocking(generate), spawn_blocking(generate));
    let flatten = |made: Result<Result<String, Failure>, _>| {
        made.unwrap_or_else(|_| Err(unusable("a key pair could not be made")))
    };
    let row = doc! {
        "domain_id": domain,
        "private_key": flatten(access)?,
        "refresh_private_key": flatten(refresh)?,
    };
    match secrets.insert(&row).await {
        Ok(()) => DomainKeys::read(&row),
        Err(Failure::Exists(_)) => {
            let row = stored().await?;
            DomainKeys::read(&row.ok_or_else(|| unusable("the domain's keys vanished"))?)
        }
        Err(failure) => Err(failure),
    }
}

/// A new key pair, as PKCS #8 in base64.
pub(super) fn generate() -> Result<String, Failure> {
    let made = KeyPair::generate(KeySize::Rsa2048);
    let der = made.and_then(|pair| AsDer::<Pkcs8V1Der<'_>>::as_der(&pair));
    der.map(|der| STANDARD.encode(der.as_ref()))
        .map_err(|_| unusable("a key pair could not be made"))
}

fn unusable(reason: &str) -> Failure {
    Failure::Unknown(reason.to_owned())
}

// === impl DomainKeys ===

impl DomainKeys {
    fn read(row: &Document) -> Result<Self, Failure> {
        Ok(Self {
            access: Pair::read(&text(row, "private_key"))?,
            refresh: Pair::read(&text(row, "refresh_private_key"))?,
        })
    }
}

// === impl Pair ===

impl Pair {
    pub(super) fn read(stored: &str) -> Result<Self, Failure> {
        let damaged = || unusable("the domain's keys are damaged");
        let der = STANDARD.decode(stored).map_err(|_| damaged())?;
        let signing = KeyPair::from_pkcs8(&der).map_err(|_| damaged())?;
        let public = signing.public_key();
        let number = |digits: &[u8]| URL_SAFE_NO_PAD.encode(digits);
        let jwk = serde_json::json!({
            "kty": "RSA",
            "alg": "RS256",
            "use": "sig",
            "n": number(public.modulus().big_endian_without_leading_zero()),
            "e": number(public.exponent().big_endian_without_leading_zero()),
        })
        .to_string();
        Ok(Self {
            verifying: key_from_jwk(&jwk)?,
            signing,
            jwk,
        })
    }

    /// The private half.
    pub(super) fn signing(&self) -> &KeyPair {
        &self.signing
    }

    /// The public half.
    pub(super) fn verifying(&self) -> &DecodingKey {
        &self.verifying
    }

    /// The public half as JSON Web Key text.
    pub(super) fn jwk(&self) -> &str {
        &self.jwk
    }
}

impl std::fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Pair")
            .field("jwk", &self.jwk)
            .finish_non_exhaustive()
    }
}
