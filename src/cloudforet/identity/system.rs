//! The system's own token: with it services call each other.
//!
//! Upstream it is made once, pasted into every service's config, and never ends. Here whoever starts
//! the services makes a new one each time, keeps no key, and gives it to all of them.

use super::keys::{Pair, generate};
use super::sign::{Grant, sign};
use crate::cloudforet::auth::SYSTEM;
use crate::cloudforet::error::StartError;
use crate::cloudforet::settings::stable_id;

/// Seconds: longer than any lab runs.
const LIFETIME: u64 = 10 * 365 * 24 * 3600;

/// What the services of one installation share.
#[derive(Clone)]
pub struct SystemCredentials {
    /// For [`Settings::system_key`](crate::cloudforet::Settings::system_key) of the identity service.
    pub key: String,
    /// For [`Settings::set_system_token`](crate::cloudforet::Settings::set_system_token) of all.
    pub token: String,
}

impl SystemCredentials {
    /// Makes a key pair, which takes some tens of milliseconds of one core, and forgets its private
    /// half.
    pub fn new() -> Result<Self, StartError> {
        let made = generate().and_then(|stored| {
            let pair = Pair::read(&stored)?;
            let token = sign(
                &pair,
                &Grant {
                    typ: SYSTEM,
                    own: "SYSTEM",
                    domain_id: &domain_id(),
                    user_id: "system",
                    role: None,
                    workspace_id: None,
                    lifetime: LIFETIME,
                },
            )?;
            Ok(Self {
                key: pair.jwk().to_owned(),
                token,
            })
        });
        made.map_err(|failure| StartError::Credentials(failure.to_string()))
    }
}

impl std::fmt::Debug for SystemCredentials {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("SystemCredentials")
            .finish_non_exhaustive()
    }
}

/// The domain that the system's token is of; it has no row in the store.
pub(super) fn domain_id() -> String {
    stable_id("domain", "root")
}
