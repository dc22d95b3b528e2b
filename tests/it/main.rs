//! All tests that need more than one room, in one binary.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod ingress;
mod ingress_failures;
mod ingress_protocols;
mod ingress_raw;
mod ingress_support;
mod lb;
