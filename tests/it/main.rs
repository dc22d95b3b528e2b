//! All tests that need more than one room, in one binary.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod admin;
mod admin_cli;
mod config;
mod config_cli;
mod house;
