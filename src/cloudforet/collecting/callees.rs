//! The other services, as the system calls them for a domain.

use bson::{Bson, Document, doc};
use prost_types::Struct;
use tonic::metadata::AsciiMetadataValue;

use super::plugin::{Plugin, PluginPod};
use crate::cloudforet::client::{CallAs, CallError, Channels, Target};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::texts;
use crate::cloudforet::proto::core::v2::filter::{KeyAlias, OperatorAlias, ValueAlias};
use crate::cloudforet::proto::core::v2::{Filter, Page, Query};
use crate::cloudforet::proto::inventory::v1::{CollectRequest, JobInfo};
use crate::cloudforet::proto::plugin::v1::plugin_endpoint_request::UpgradeMode;
use crate::cloudforet::proto::plugin::v1::{PluginEndpoint, PluginEndpointRequest};
use crate::cloudforet::proto::repository::v1::{PluginInfo, RepositoryPluginRequest, VersionsInfo};
use crate::cloudforet::proto::secret::v1::secret_info::State;
use crate::cloudforet::proto::secret::v1::{
    GetSecretDataRequest, SecretDataInfo, SecretInfo, SecretQuery, SecretsInfo,
};
use crate::cloudforet::query::value::from_bson;
use crate::cloudforet::settings::Settings;

const LIST_SECRETS: &str = "/spaceone.api.secret.v1.Secret/list";
const GET_DATA: &str = "/spaceone.api.secret.v1.Secret/get_data";
const GET_PLUGIN: &str = "/spaceone.api.repository.v1.Plugin/get";
const GET_VERSIONS: &str = "/spaceone.api.repository.v1.Plugin/get_versions";
const GET_ENDPOINT: &str = "/spaceone.api.plugin.v1.Plugin/get_plugin_endpoint";
const RUN: &str = "/spaceone.api.inventory.v1.Collector/collect";
/// A list is answered in pages of at most so many.
const PAGE: u32 = 1000;

/// How this pod reaches them.
#[derive(Debug)]
pub(crate) struct Callees {
    channels: Channels,
    token: Option<AsciiMetadataValue>,
}

impl Callees {
    /// Connects to none yet.
    pub(crate) fn new(settings: &Settings) -> Self {
        Self {
            channels: Channels::new(settings),
            token: settings.system_token.clone(),
        }
    }

    fn system(&self, domain: &str, workspace: &str) -> Result<CallAs, Failure> {
        CallAs::system(self.token.as_ref(), domain, workspace)
    }

    fn target(&self, service: &str) -> Result<Target, Failure> {
        self.channels.target(service).map_err(unreachable)
    }

    /// The enabled credentials that a collector of this domain, and workspace unless that is empty, uses.
    pub(crate) async fn secrets(
        &self,
        domain: &str,
        workspace: &str,
        collector: &Document,
        secret_id: &str,
    ) -> Result<Vec<SecretInfo>, Failure> {
        let who = self.system(domain, workspace)?;
        let secret = self.target("secret")?;
        let filter = secret_filter(collector);
        let mut secrets = Vec::new();
        loop {
            let start = u32::try_from(secrets.len() + 1).unwrap_or(u32::MAX);
            let request = SecretQuery {
                query: Some(Query {
                    filter: filter.clone(),
                    page: Some(Page { start, limit: PAGE }),
                    ..Query::default()
                }),
                secret_id: secret_id.to_owned(),
                ..SecretQuery::default()
            };
            let mut answer: SecretsInfo = secret.call(LIST_SECRETS, request, &who).await?;
            let full = answer.results.len() >= PAGE as usize;
            secrets.append(&mut answer.results);
            if !full {
                secrets.retain(|secret| secret.state() != State::Disabled);
                return Ok(secrets);
            }
        }
    }

    /// The data of a credential: kept no longer than a call, and written nowhere.
    pub(crate) async fn secret_data(
        &self,
        domain: &str,
        workspace: &str,
        secret_id: &str,
    ) -> Result<Struct, Failure> {
        let request = GetSecretDataRequest {
            secret_id: secret_id.to_owned(),
            domain_id: domain.to_owned(),
        };
        let who = self.system(domain, workspace)?;
        let answer: SecretDataInfo = self.target("secret")?.call(GET_DATA, request, &who).await?;
        if answer.encrypted {
            return Err(Failure::Unsupported("the data of this secret is encrypted"));
        }
        Ok(answer.data.unwrap_or_default())
    }

    /// The plugin as the catalogue has it.
    pub(crate) async fn plugin(&self, domain: &str, id: &str) -> Result<PluginInfo, Failure> {
        let who = self.system(domain, "")?;
        let repository = self.target("repository")?;
        Ok(repository.call(GET_PLUGIN, named(id), &who).await?)
    }

    /// The versions that the catalogue has of a plugin, the latest first.
    pub(crate) async fn versions(&self, domain: &str, id: &str) -> Result<Vec<String>, Failure> {
        let who = self.system(domain, "")?;
        let repository = self.target("repository")?;
        let answer: VersionsInfo = repository.call(GET_VERSIONS, named(id), &who).await?;
        // The older clients read `version`.
        let versions = [answer.results, answer.version];
        Ok(versions
            .into_iter()
            .find(|all| !all.is_empty())
            .unwrap_or_default())
    }

    /// A pod of the plugin: another one at each call, if there are several. Takes as long as the
    /// first pod needs to become ready.
    pub(crate) async fn pod(&self, domain: &str, plugin: &Plugin) -> Result<PluginPod, Failure> {
        let automatic = plugin.upgrade_mode != "MANUAL";
        let mode = if automatic {
            UpgradeMode::Auto
        } else {
            UpgradeMode::Manual
        };
        let request = PluginEndpointRequest {
            plugin_id: plugin.plugin_id.clone(),
            version: plugin.version.clone(),
            upgrade_mode: mode.into(),
            labels: None,
            domain_id: domain.to_owned(),
        };
        let who = self.system(domain, "")?;
        let answer: PluginEndpoint = self
            .target("plugin")?
            .call(GET_ENDPOINT, request, &who)
            .await?;
        let target = self.channels.at(&answer.endpoint).map_err(unreachable)?;
        let version = match answer.updated_version {
            same if same.is_empty() => plugin.version.clone(),
            updated => updated,
        };
        Ok(PluginPod::new(target, version))
    }

    /// Has the inventory run a collector.
    pub(crate) async fn collect(&self, domain: &str, collector: &str) -> Result<JobInfo, Failure> {
        let request = CollectRequest {
            collector_id: collector.to_owned(),
            secret_id: String::new(),
        };
        let who = self.system(domain, "")?;
        Ok(self.target("inventory")?.call(RUN, request, &who).await?)
    }
}

fn named(plugin_id: &str) -> RepositoryPluginRequest {
    RepositoryPluginRequest {
        plugin_id: plugin_id.to_owned(),
        repository_id: String::new(),
    }
}

#[expect(clippy::needless_pass_by_value, reason = "it is for map_err")]
fn unreachable(error: CallError) -> Failure {
    Failure::Upstream(error.to_string())
}

/// Secrets of the collector's provider, or of all that its plugin supports; narrowed by its own filter
/// if that is enabled.
fn secret_filter(collector: &Document) -> Vec<Filter> {
    let mut conditions = Vec::new();
    let none = doc! {};
    let capability = collector.get_document("capability").unwrap_or(&none);
    let supported = texts(capability, "supported_providers");
    match collector.get_str("provider").unwrap_or_default() {
        "" if supported.is_empty() => {}
        "" => conditions.push(condition("provider", "in", &supported.into())),
        provider => conditions.push(condition("provider", "eq", &provider.into())),
    }
    let filter = collector.get_document("secret_filter").unwrap_or(&none);
    if filter.get_str("state").ok() != Some("ENABLED") {
        return conditions;
    }
    for (name, key) in [
        ("secrets", "secret_id"),
        ("service_accounts", "service_account_id"),
        ("schemas", "schema_id"),
    ] {
        for (name, operator) in [
            (name.to_owned(), "in"),
            (format!("exclude_{name}"), "not_in"),
        ] {
            let values = texts(filter, &name);
            if !values.is_empty() {
                conditions.push(condition(key, operator, &values.into()));
            }
        }
    }
    conditions
}

fn condition(key: &str, operator: &str, value: &Bson) -> Filter {
    Filter {
        key_alias: Some(KeyAlias::K(key.to_owned())),
        value_alias: Some(ValueAlias::V(from_bson(value))),
        operator_alias: Some(OperatorAlias::O(operator.to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cloudforet::query;

    fn translated(collector: &Document) -> Vec<Document> {
        let conditions = query::conditions(&secret_filter(collector)).unwrap();
        let filters = conditions.into_iter();
        filters.map(query::Condition::into_filter).collect()
    }

    #[test]
    fn secrets_are_those_of_the_provider_unless_the_collector_says_more() {
        let mut collector = doc! {
            "provider": "aws",
            "secret_filter": { "state": "DISABLED", "secrets": ["secret-1"] },
        };
        let plain = [doc! { "provider": { "$eq": "aws" } }];
        assert_eq!(translated(&collector), plain);
        collector.insert(
            "secret_filter",
            doc! { "state": "ENABLED", "secrets": ["secret-1"], "exclude_schemas": ["x"] },
        );
        let more = [
            doc! { "secret_id": { "$in": ["secret-1"] } },
            doc! { "schema_id": { "$nin": ["x"] } },
        ];
        assert_eq!(translated(&collector), [&plain[..], &more].concat());
    }

    #[test]
    fn a_collector_of_any_provider_uses_those_that_its_plugin_supports() {
        let collector = doc! {
            "provider": "",
            "capability": { "supported_providers": ["aws", "azure"] },
            "secret_filter": { "state": "DISABLED" },
        };
        let supported = doc! { "provider": { "$in": ["aws", "azure"] } };
        assert_eq!(translated(&collector), [supported]);
        assert_eq!(translated(&doc! { "provider": "" }), []);
    }
}
