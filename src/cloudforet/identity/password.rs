//! Passwords: PBKDF2 with HMAC-SHA-512, salted, stored with what is needed to check them later.
//!
//! `pbkdf2-sha512$<iterations>$<salt>$<key>`, the last two in base64.

use std::num::NonZeroU32;

use aws_lc_rs::pbkdf2::{self, PBKDF2_HMAC_SHA512};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use tokio::task::spawn_blocking;

use crate::cloudforet::error::Failure;

const SCHEME: &str = "pbkdf2-sha512";
/// OWASP's figure of 2023 for this function.
const ITERATIONS: NonZeroU32 = NonZeroU32::new(210_000).unwrap();
const SALT_LENGTH: usize = 16;
const KEY_LENGTH: usize = 32;

/// As upstream.
const SHORTEST: usize = 8;

/// Whether a password may be chosen.
pub(super) fn acceptable(password: &str) -> Result<(), Failure> {
    let has = |is: fn(&char) -> bool| password.chars().any(|letter| is(&letter));
    let rule = if password.chars().count() < SHORTEST {
        "must have at least 8 characters"
    } else if !has(char::is_ascii_lowercase) {
        "must have a lower-case letter"
    } else if !has(char::is_ascii_uppercase) {
        "must have an upper-case letter"
    } else if !has(char::is_ascii_digit) {
        "must have a digit"
    } else {
        return Ok(());
    };
    Err(Failure::Invalid {
        key: "password",
        reason: rule.to_owned(),
    })
}

/// What to store for a password.
pub(super) async fn hash(password: &str) -> Result<String, Failure> {
    let password = password.to_owned();
    off_thread(move || {
        let mut salt = [0; SALT_LENGTH];
        aws_lc_rs::rand::fill(&mut salt).ok()?;
        let mut key = [0; KEY_LENGTH];
        pbkdf2::derive(
            PBKDF2_HMAC_SHA512,
            ITERATIONS,
            &salt,
            password.as_bytes(),
            &mut key,
        );
        let (salt, key) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(key));
        Some(format!("{SCHEME}${ITERATIONS}${salt}${key}"))
    })
    .await?
    .ok_or_else(|| Failure::Unknown("no random numbers".to_owned()))
}

/// Whether `password` is the one that was stored. Without anything stored it takes as long, so that
/// nobody can tell by the clock which users exist.
pub(super) async fn check(password: &str, stored: Option<&str>) -> Result<bool, Failure> {
    let password = password.to_owned();
    let stored = stored.and_then(parse);
    off_thread(move || {
        let known = stored.is_some();
        let (iterations, salt, key) =
            stored.unwrap_or_else(|| (ITERATIONS, vec![0; SALT_LENGTH], vec![0; KEY_LENGTH]));
        let same = pbkdf2::verify(
            PBKDF2_HMAC_SHA512,
            iterations,
            &salt,
            password.as_bytes(),
            &key,
        );
        known && same.is_ok()
    })
    .await
}

fn parse(stored: &str) -> Option<(NonZeroU32, Vec<u8>, Vec<u8>)> {
    let mut parts = stored.split('$');
    if parts.next() != Some(SCHEME) {
        return None;
    }
    let iterations = parts.next()?.parse().ok()?;
    let mut decoded = || STANDARD_NO_PAD.decode(parts.next()?).ok();
    Some((iterations, decoded()?, decoded()?))
}

/// A tenth of a second of computing must not hold the pod's one thread.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Failure> {
    spawn_blocking(work)
        .await
        .map_err(|_| Failure::Unknown("a password could not be checked".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_weak_password_is_refused() {
        for weak in ["", "Ab3", "ABCDEFG1", "abcdefg1", "Abcdefgh"] {
            assert!(acceptable(weak).is_err(), "{weak}");
        }
        assert!(acceptable("Abcdefg1").is_ok());
    }

    #[tokio::test]
    async fn only_the_right_password_passes() {
        let stored = hash("secret").await.unwrap();
        assert!(check("secret", Some(&stored)).await.unwrap());
        assert!(!check("Secret", Some(&stored)).await.unwrap());
        assert!(!check("secret", None).await.unwrap());
        assert!(!check("secret", Some("damaged")).await.unwrap());
        assert!(!stored.contains("secret"));
    }
}
