//! Makes tokens: JWTs with an RS256 signature.

use std::time::{SystemTime, UNIX_EPOCH};

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::RSA_PKCS1_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::json;

use super::keys::Pair;
use crate::cloudforet::auth::{Claims, TOKEN_VERSION};
use crate::cloudforet::error::Failure;
use crate::cloudforet::settings::hex;

/// Who signs.
pub(super) const ISSUER: &str = "spaceone.identity";

/// What differs between tokens.
#[derive(Clone, Debug)]
pub(super) struct Grant<'a> {
    pub(super) typ: &'a str,
    /// `USER` or `SYSTEM`.
    pub(super) own: &'a str,
    pub(super) domain_id: &'a str,
    pub(super) user_id: &'a str,
    pub(super) role: Option<&'a str>,
    pub(super) workspace_id: Option<&'a str>,
    /// Seconds.
    pub(super) lifetime: u64,
}

/// Signs a token.
pub(super) fn sign(pair: &Pair, grant: &Grant<'_>) -> Result<String, Failure> {
    let unsigned = |_| Failure::Unknown("the token could not be signed".to_owned());
    let random = SystemRandom::new();
    let mut jti = [0; 8];
    aws_lc_rs::rand::fill(&mut jti).map_err(unsigned)?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs();
    let claims = Claims {
        iss: ISSUER.to_owned(),
        typ: grant.typ.to_owned(),
        own: grant.own.to_owned(),
        did: grant.domain_id.to_owned(),
        aud: grant.user_id.to_owned(),
        jti: hex(&jti),
        iat: now,
        exp: now + grant.lifetime,
        ver: TOKEN_VERSION.to_owned(),
        rol: grant.role.map(str::to_owned),
        wid: grant.workspace_id.map(str::to_owned),
    };
    let part = |value: &serde_json::Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let header = part(&json!({ "alg": "RS256", "typ": "JWT" }));
    let mut token = format!("{header}.{}", part(&json!(claims)));
    let mut signature = vec![0; pair.signing().public_modulus_len()];
    pair.signing()
        .sign(&RSA_PKCS1_SHA256, &random, token.as_bytes(), &mut signature)
        .map_err(unsigned)?;
    token.push('.');
    URL_SAFE_NO_PAD.encode_string(signature, &mut token);
    Ok(token)
}
