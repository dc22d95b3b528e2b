//! Who calls: verifies the `token` of a call and says what it may see.
//!
//! Tokens are RS256 JWTs of version 2.0. The key comes from the identity service
//! (`Domain.get_public_key`) and is kept for a while.
//!
//! The system's own token is good for every domain: with it, the metadata `x_domain_id` and
//! `x_workspace_id` say for which a call is made.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::{Deserialize, Serialize};
use tonic::metadata::{AsciiMetadataValue, MetadataMap};

use super::client::{CallAs, Target};
use super::error::Failure;
use super::proto::core::v2::{AuthenticationRequest, AuthenticationResponse};

/// How long a key is believed, as in the real services.
const KEY_LIFETIME: Duration = Duration::from_secs(300);
const GET_PUBLIC_KEY: &str = "/spaceone.api.identity.v2.Domain/get_public_key";
/// The types of tokens, as claims name them.
pub(crate) const ACCESS: &str = "ACCESS_TOKEN";
pub(crate) const REFRESH: &str = "REFRESH_TOKEN";
pub(crate) const SYSTEM: &str = "SYSTEM_TOKEN";
/// The one version of claims that is accepted.
pub(crate) const TOKEN_VERSION: &str = "2.0";

/// What a token says.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Claims {
    pub(crate) iss: String,
    /// `ACCESS_TOKEN`, `REFRESH_TOKEN` or `SYSTEM_TOKEN`.
    pub(crate) typ: String,
    /// Whose it is: `USER`, `APP`, `SYSTEM`.
    pub(crate) own: String,
    /// The domain.
    pub(crate) did: String,
    /// The user.
    pub(crate) aud: String,
    pub(crate) jti: String,
    /// Seconds since the Unix epoch.
    pub(crate) iat: u64,
    /// Seconds since the Unix epoch.
    pub(crate) exp: u64,
    pub(crate) ver: String,
    /// The role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) rol: Option<String>,
    /// The workspace, if the token is for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) wid: Option<String>,
}

/// Where public keys come from.
#[derive(Debug)]
pub(crate) struct Verifier {
    identity: Target,
    asks_as: CallAs,
    // A std mutex: held to look up and insert, never across an await.
    keys: Mutex<HashMap<String, (DecodingKey, Instant)>>,
}

/// What a caller may see and change.
#[derive(Clone, Debug)]
pub(crate) struct Caller {
    pub(crate) domain_id: String,
    /// `None`: all workspaces of the domain.
    pub(crate) workspace_id: Option<String>,
    /// Who it is, in words of the token: a user, or the system.
    pub(crate) user_id: String,
    role: String,
}

// === impl Verifier ===

impl Verifier {
    pub(crate) fn new(identity: Target, system_token: Option<AsciiMetadataValue>) -> Self {
        Self {
            identity,
            asks_as: CallAs::token(system_token),
            keys: Mutex::default(),
        }
    }

    /// The caller of a call that needs a token for the resources of a domain or workspace.
    pub(crate) async fn caller(&self, metadata: &MetadataMap) -> Result<Caller, Failure> {
        let token = token(metadata)?;
        let domain_id = unverified_domain(token)?;
        let key = match self.known(&domain_id) {
            Some(key) => key,
            None => self.fetch(&domain_id).await?,
        };
        let claims = verify(token, &key, &[ACCESS, SYSTEM])?;
        Caller::of(claims, metadata)
    }

    fn known(&self, domain_id: &str) -> Option<DecodingKey> {
        let keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.get(domain_id)
            .filter(|(_, since)| since.elapsed() < KEY_LIFETIME)
            .map(|(key, _)| key.clone())
    }

    async fn fetch(&self, domain_id: &str) -> Result<DecodingKey, Failure> {
        let request = AuthenticationRequest {
            domain_id: domain_id.to_owned(),
        };
        let response: AuthenticationResponse = self
            .identity
            .call(GET_PUBLIC_KEY, request, &self.asks_as)
            .await
            .map_err(|status| match status.code() {
                tonic::Code::NotFound => invalid("Domain not found."),
                _ => Failure::Upstream(format!("identity: {}", status.message())),
            })?;
        let key = key_from_jwk(&response.public_key)?;
        let mut keys = self.keys.lock().unwrap_or_else(PoisonError::into_inner);
        keys.insert(domain_id.to_owned(), (key.clone(), Instant::now()));
        Ok(key)
    }
}

// === impl Caller ===

impl TryFrom<Claims> for Caller {
    type Error = Failure;

    fn try_from(claims: Claims) -> Result<Self, Failure> {
        let role = claims.rol.unwrap_or_default();
        match (role.as_str(), &claims.wid) {
            ("DOMAIN_ADMIN", _) | ("WORKSPACE_OWNER" | "WORKSPACE_MEMBER", Some(_)) => Ok(Self {
                domain_id: claims.did,
                workspace_id: claims.wid,
                user_id: claims.aud,
                role,
            }),
            // A token fresh from Token.issue is for its user's own profile only.
            _ => Err(Failure::Denied),
        }
    }
}

impl Caller {
    /// The caller that good claims and the metadata beside them name.
    pub(crate) fn of(claims: Claims, metadata: &MetadataMap) -> Result<Self, Failure> {
        if claims.typ != SYSTEM {
            return claims.try_into();
        }
        let named = |key| metadata.get(key).and_then(|value| value.to_str().ok());
        Ok(Self {
            domain_id: named("x_domain_id").map_or(claims.did, str::to_owned),
            workspace_id: named("x_workspace_id").map(str::to_owned),
            user_id: claims.aud,
            role: SYSTEM.to_owned(),
        })
    }

    /// Whether this is one of the services, and nobody's token.
    pub(crate) fn is_system(&self) -> bool {
        self.role == SYSTEM
    }

    /// Whether the caller may change what belongs to the domain as a whole.
    pub(crate) fn is_administrator(&self) -> bool {
        matches!(self.role.as_str(), "DOMAIN_ADMIN" | SYSTEM)
    }

    /// The workspace whose projects and accounts the caller may change: its members may not.
    pub(crate) fn owned_workspace(&self) -> Result<&str, Failure> {
        match (self.role.as_str(), &self.workspace_id) {
            ("WORKSPACE_OWNER" | SYSTEM, Some(workspace)) => Ok(workspace),
            _ => Err(Failure::Denied),
        }
    }

    /// The workspace whose resources the caller may change; a domain's administrator has to ask
    /// for a token of that workspace first.
    pub(crate) fn writable_workspace(&self) -> Result<&str, Failure> {
        match (self.role.as_str(), &self.workspace_id) {
            ("WORKSPACE_OWNER" | "WORKSPACE_MEMBER" | SYSTEM, Some(workspace)) => Ok(workspace),
            _ => Err(Failure::Denied),
        }
    }

    /// Whether the caller may change what belongs to the whole domain.
    pub(crate) fn manages_domain(&self) -> bool {
        self.workspace_id.is_none() && (self.is_system() || self.role == "DOMAIN_ADMIN")
    }

    /// The workspace to look into: the token's, or the one that was asked for.
    pub(crate) fn visible_workspace<'a>(
        &'a self,
        asked: &'a str,
    ) -> Result<Option<&'a str>, Failure> {
        match &self.workspace_id {
            Some(own) if asked.is_empty() || asked == own => Ok(Some(own)),
            Some(_) => Err(Failure::Denied),
            None => Ok(Some(asked).filter(|asked| !asked.is_empty())),
        }
    }
}

/// The token of a call.
pub(crate) fn token(metadata: &MetadataMap) -> Result<&str, Failure> {
    metadata
        .get("token")
        .and_then(|token| token.to_str().ok())
        .filter(|token| !token.is_empty())
        .ok_or_else(|| invalid("Empty token provided."))
}

/// The domain that a token claims to be of: enough to find the key that proves it.
pub(crate) fn unverified_domain(token: &str) -> Result<String, Failure> {
    #[derive(Deserialize)]
    struct Domain {
        did: String,
    }
    jsonwebtoken::dangerous::insecure_decode_claims::<Domain>(token)
        .map(|claims| claims.did)
        .map_err(|_| invalid("Cannot decode token."))
}

/// Signature, lifetime, version and type of a token.
pub(crate) fn verify(token: &str, key: &DecodingKey, types: &[&str]) -> Result<Claims, Failure> {
    let mut validation = Validation::new(Algorithm::RS256);
    validation.validate_aud = false;
    validation.leeway = 0;
    let claims = jsonwebtoken::decode::<Claims>(token, key, &validation)
        .map_err(|error| match error.kind() {
            jsonwebtoken::errors::ErrorKind::ExpiredSignature => invalid("Token is expired."),
            _ => invalid("Token is invalid."),
        })?
        .claims;
    if claims.ver != TOKEN_VERSION {
        return Err(invalid("Token version is not supported."));
    }
    if !types.contains(&claims.typ.as_str()) {
        return Err(invalid("Token type is invalid."));
    }
    Ok(claims)
}

/// A public key as `Domain.get_public_key` gives it.
pub(crate) fn key_from_jwk(text: &str) -> Result<DecodingKey, Failure> {
    let jwk: Jwk =
        serde_json::from_str(text).map_err(|error| Failure::Unknown(error.to_string()))?;
    DecodingKey::from_jwk(&jwk).map_err(|error| Failure::Unknown(error.to_string()))
}

pub(crate) fn invalid(message: &str) -> Failure {
    Failure::Authenticate(message.to_owned())
}
