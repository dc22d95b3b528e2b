//! All tests that need more than one room, in one binary.

mod console;
mod console_api;
mod admin;
mod config;
mod config_cli;
mod house;
mod support;
mod dns;
mod dns_messages;
mod dns_support;
mod kube_proxy;
mod kube_proxy_ports;
mod kube_proxy_support;
mod kube_proxy_udp;
mod node;
#[cfg(test)]
mod film;
#[cfg(test)]
mod film_request;
#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod cloudforet;
mod cloudforet_inventory;
mod cloudforet_query;
mod cloudforet_support;
