//! What the admin API is told of a lab before anything of it runs.

use std::net::SocketAddr;
use std::sync::Arc;

use super::{extras, store};
use crate::config::Config;
use crate::dashboard::Facts;
use crate::export::Options;
use crate::model::Urls;

/// What the repository's Dockerfile is built as, where the config names no image.
const IMAGE: &str = "cloudforet-lab:latest";

/// The facts at the start; `address` is the admin API's.
pub(super) fn first(config: &Config, address: SocketAddr) -> Facts {
    Facts {
        name: config.name.clone(),
        login: config.cloudforet.enabled.then(|| config.login.clone()),
        urls: Urls {
            dashboard: Some(format!("http://{address}/")),
            ..Urls::default()
        },
        config: Arc::new(config.applied()),
        warnings: config.warnings.iter().map(ToString::to_string).collect(),
        export: options(config),
        ..Facts::default()
    }
}

/// What an export says beside what runs.
fn options(config: &Config) -> Options {
    let image = config.docker.image.clone();
    Options {
        lab: config.name.clone(),
        image: image.unwrap_or_else(|| IMAGE.to_owned()),
        settings: extras::settings_without_secrets(config),
        stores: store::images(&config.stores),
        redirect_https: config.ingress.redirect_https,
    }
}
