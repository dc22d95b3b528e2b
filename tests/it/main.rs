//! All tests that need more than one room, in one binary.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod cloudforet;
mod cloudforet_inventory;
mod cloudforet_query;
mod cloudforet_support;
mod console;
mod console_api;
mod house;
mod support;
