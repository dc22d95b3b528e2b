//! What the lab tells its pods at their start: Kubernetes' variables, the settings of built-in
//! programs, and the token with which services of Cloudforet's call each other.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use serde_json::{Value, json};

use super::StartError;
use crate::cloudforet::identity::SystemCredentials;
use crate::config::Config;
use crate::controllers::{ExtrasProvider, PodExtras};
use crate::model::{Deployment, Plugin, PodTemplate, Workload};
use crate::pods::service_variables;
use crate::registry::Cluster;

/// The built-in programs that are no services of Cloudforet's.
const STORES: [&str; 2] = ["mongodb", "redis"];

/// The credentials of the system: made once, when the lab first has services of Cloudforet's. The
/// private key is forgotten at once, and the token ends with the lab.
#[derive(Clone, Debug, Default)]
pub(super) struct System(Arc<OnceLock<SystemCredentials>>);

impl System {
    /// Makes them if they are wanted and not there yet: a key pair is some tens of milliseconds of
    /// one core.
    pub(super) async fn make(&self, wanted: bool) -> Result<(), StartError> {
        if !wanted || self.0.get().is_some() {
            return Ok(());
        }
        let made = tokio::task::spawn_blocking(SystemCredentials::new).await;
        let made = made.map_err(|error| StartError::Credentials(error.into()))?;
        let made = made.map_err(|error| StartError::Credentials(error.into()))?;
        // Somebody else's are as good.
        let _ = self.0.set(made);
        Ok(())
    }
}

/// Asked at every start of a pod, so that a pod knows the Services of that moment.
pub(super) fn provider(config: &Config, dns: Option<SocketAddr>, system: System) -> ExtrasProvider {
    let settings = settings(config);
    Arc::new(move |cluster: &Cluster, deployment: &Deployment| {
        let services = cluster.services.values();
        let mut extras = PodExtras {
            settings: Value::Null,
            env: service_variables(services.map(|service| &**service)),
            dns,
        };
        if let Workload::BuiltIn { program } = &deployment.template.workload {
            extras.settings = settings.clone();
            if let Some(system) = system.0.get()
                && !STORES.contains(&program.as_str())
            {
                extras.settings["system_key"] = system.key.as_str().into();
                let token = system.token.clone();
                extras.env.insert("LAB_SYSTEM_TOKEN".to_owned(), token);
            }
        }
        extras
    })
}

/// What runs each plugin.
pub(super) fn plugins(config: &Config) -> BTreeMap<String, PodTemplate> {
    let plugins = config.plugins.iter();
    plugins
        .map(|found| (found.plugin.plugin_id.clone(), found.template.clone()))
        .collect()
}

/// `LAB_SETTINGS` of the backends; what is left out has the default that fits the lab.
fn settings(config: &Config) -> Value {
    let login = &config.login;
    let plugins: Vec<&Plugin> = config.plugins.iter().map(|found| &found.plugin).collect();
    json!({
        "login": { "domain": login.domain, "user": login.user, "password": login.password },
        "sample_data": config.cloudforet.sample_data,
        "grpc": config.grpc,
        "plugins": plugins,
        "hour": config.cloudforet.hour,
        "plugin_idle": config.cloudforet.plugin_idle,
    })
}

/// The same with nothing in it that belongs into a Secret.
pub(super) fn settings_without_secrets(config: &Config) -> Value {
    let mut settings = settings(config);
    settings["login"]["password"] = "".into();
    settings
}

/// The Secret that exported services need, with new credentials of the system.
pub fn credentials(password: &str) -> Result<String, StartError> {
    let made = SystemCredentials::new().map_err(|error| StartError::Credentials(error.into()))?;
    Ok(crate::export::credentials(password, &made.key, &made.token))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::cloudforet::Settings;
    use crate::config::{Overrides, parse};

    #[tokio::test]
    async fn built_in_services_are_told_what_their_settings_understand() {
        let config = parse(None, &Overrides::default()).unwrap();
        let system = System::default();
        system.make(false).await.unwrap();
        assert!(system.0.get().is_none());
        system.make(true).await.unwrap();
        let provider = provider(&config, None, system);
        let mut with_token = Vec::new();
        for deployment in &config.deployments {
            let extras = provider(&Cluster::default(), deployment);
            let settings: Settings = serde_json::from_value(extras.settings).unwrap();
            assert_eq!(settings.plugins.len(), 3);
            assert_eq!(settings.plugin_idle, Duration::from_secs(600));
            let token = extras.env.contains_key("LAB_SYSTEM_TOKEN");
            assert_eq!(token, settings.system_key.is_some());
            with_token.extend(token.then_some(deployment.name.as_str()));
        }
        assert!(with_token.contains(&"identity") && with_token.contains(&"supervisor"));
        assert!(!with_token.contains(&"mongodb") && !with_token.contains(&"redis"));
    }
}
