//! Cloudforet's whole request path on a laptop, without Kubernetes.
//!
//! The rooms and who may use whom are listed in the README; `tests/it/house.rs` holds the arrows.

pub mod app;
pub mod balance;
pub mod cli;
pub mod client;
pub mod cloudforet;
pub mod config;
pub mod controllers;
pub mod dashboard;
pub mod dns;
pub mod export;
pub mod host;
pub mod ingress;
pub mod kube_proxy;
pub mod lb;
pub mod lessons;
pub mod load;
pub mod model;
pub mod net;
pub mod node;
pub mod otlp;
pub mod pods;
pub mod registry;
pub mod stores;
pub mod trace;
pub mod wire;
