//! All tests that need more than one room, in one binary.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on fails, in its helpers too"
)]

mod admin;
mod admin_cli;
mod attacks;
mod certificates;
mod client_certificates;
mod cloudforet;
mod cloudforet_inventory;
mod cloudforet_query;
mod cloudforet_support;
mod config;
mod config_cli;
mod conformance;
mod console;
mod console_api;
mod controllers;
mod differential;
mod dns;
mod dns_messages;
mod dns_support;
mod failures;
mod failures_docker;
mod failures_services;
mod film;
mod film_request;
mod filters;
mod gateway;
mod grpc;
mod host_ports;
mod house;
mod ingress;
mod ingress_failures;
mod ingress_protocols;
mod ingress_raw;
mod ingress_support;
mod journey;
mod kube_proxy;
mod kube_proxy_ports;
mod kube_proxy_support;
mod kube_proxy_udp;
mod lb;
mod load_changes;
mod manifests;
mod node;
mod own_identity;
mod pods_docker;
mod pods_process;
mod providers;
mod proxy_protocol;
mod redis;
mod reload;
mod routes;
mod services;
mod spacectl;
mod store;
mod support;
