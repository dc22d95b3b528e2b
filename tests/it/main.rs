//! All tests that need more than one room, in one binary.

mod admin;
mod config;
mod config_cli;
mod house;
