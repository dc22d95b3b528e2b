//! Certificate as `cert-manager.io/v1` has it: which names a Secret is for, and how that stands.
//!
//! One for each Secret that `spec.tls` of a served Ingress or a listener of a Gateway names. Those that the user wrote have no
//! issuer: they are judged, not renewed.

use time::{Duration, OffsetDateTime};

/// A certificate and its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate {
    /// Its Secret, after which it is named.
    pub secret: String,
    /// The Ingresses whose `spec.tls` asks for it, and Gateways with that word in front.
    pub ingresses: Vec<String>,
    /// Names they want it for.
    pub hosts: Vec<String>,
    /// Whether the lab's CA issues and renews it.
    pub issued: bool,
    /// From each issue to its end.
    pub duration: Duration,
    /// Before its end it is renewed.
    pub renew_before: Duration,
    /// Why it cannot be served, if so; the default certificate is served then.
    pub problem: Option<String>,
    /// First and last moment of what is in the Secret.
    pub validity: Option<(OffsetDateTime, OffsetDateTime)>,
}

impl Certificate {
    /// When the lab's CA issues it anew.
    pub fn renewal(&self) -> Option<OffsetDateTime> {
        let (_, not_after) = self.validity.filter(|_| self.issued)?;
        Some(not_after - self.renew_before)
    }
}
