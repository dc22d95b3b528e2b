//! What the lab tells its pods at their start: Kubernetes' variables, and the settings of built-in
//! programs.

use std::net::SocketAddr;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::config::Config;
use crate::controllers::{ExtrasProvider, PodExtras};
use crate::model::{Deployment, Workload};
use crate::pods::service_variables;
use crate::registry::Cluster;

/// Asked at every start of a pod, so that a pod knows the Services of that moment.
pub(super) fn provider(config: &Config, dns: Option<SocketAddr>) -> ExtrasProvider {
    let settings = settings(config);
    Arc::new(
        move |cluster: &Cluster, deployment: &Deployment| PodExtras {
            settings: match &deployment.template.workload {
                Workload::BuiltIn { .. } => settings.clone(),
                Workload::Image { .. } | Workload::Command { .. } => Value::Null,
            },
            env: service_variables(cluster.services.values().map(|service| &**service)),
            dns,
        },
    )
}

/// `LAB_SETTINGS` of the backends; what is left out has the default that fits the lab.
fn settings(config: &Config) -> Value {
    let login = &config.login;
    json!({
        "login": { "domain": login.domain, "user": login.user, "password": login.password },
        "sample_data": config.cloudforet.sample_data,
        "grpc": config.grpc,
    })
}
