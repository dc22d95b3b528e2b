//! The secrets that a data source is fetched with. What they hold goes from the secret service to
//! the plugin, and is written nowhere.

use bson::{Bson, Document};
use prost_types::Struct;

use crate::cloudforet::client::{CallAs, Target};
use crate::cloudforet::cost_analysis::{ALL_WORKSPACES, CostAnalysis};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{text, texts};
use crate::cloudforet::proto::core::v2::filter::{KeyAlias, OperatorAlias, ValueAlias};
use crate::cloudforet::proto::core::v2::{Filter, Query};
use crate::cloudforet::proto::secret::v1::create_secret_request::ResourceGroup;
use crate::cloudforet::proto::secret::v1::secret_query::State;
use crate::cloudforet::proto::secret::v1::{
    CreateSecretRequest, GetSecretDataRequest, SecretDataInfo, SecretInfo, SecretQuery,
    SecretRequest, SecretsInfo,
};
use crate::cloudforet::query::value::from_bson;

const CREATE: &str = "/spaceone.api.secret.v1.Secret/create";
const DELETE: &str = "/spaceone.api.secret.v1.Secret/delete";
const LIST: &str = "/spaceone.api.secret.v1.Secret/list";
const GET: &str = "/spaceone.api.secret.v1.Secret/get";
const GET_DATA: &str = "/spaceone.api.secret.v1.Secret/get_data";

/// A secret and what it is about. Not to be printed, so it has no `Debug`.
pub(in crate::cloudforet::cost_analysis) struct Secret {
    pub(super) id: String,
    pub(super) provider: String,
    pub(super) schema_id: String,
    pub(super) workspace_id: String,
    pub(super) project_id: String,
    pub(super) service_account_id: String,
    pub(super) data: Struct,
}

/// Whose a data source is.
pub(in crate::cloudforet::cost_analysis) struct Place {
    pub(super) domain_id: String,
    /// Empty: all of them.
    workspace_id: String,
}

// === impl Place ===

impl Place {
    pub(in crate::cloudforet::cost_analysis) fn of(row: &Document) -> Self {
        let workspace = text(row, "workspace_id");
        Self {
            domain_id: text(row, "domain_id"),
            workspace_id: match workspace.as_str() {
                ALL_WORKSPACES => String::new(),
                _ => workspace,
            },
        }
    }

    /// Calls of the system on its behalf.
    pub(super) fn as_system(&self, service: &CostAnalysis) -> Result<CallAs, Failure> {
        let token = service.settings.system_token.as_ref();
        CallAs::system(token, &self.domain_id, &self.workspace_id)
    }
}

fn target(service: &CostAnalysis) -> Result<Target, Failure> {
    let secrets = service.channels.target("secret");
    secrets.map_err(|error| Failure::Upstream(error.to_string()))
}

/// Has what a new data source is given kept as a secret; gives the secret's id.
pub(in crate::cloudforet::cost_analysis) async fn keep_secret(
    service: &CostAnalysis,
    source: &Document,
    data: Struct,
) -> Result<String, Failure> {
    let place = Place::of(source);
    let group = match place.workspace_id.as_str() {
        "" => ResourceGroup::Domain,
        _ => ResourceGroup::Workspace,
    };
    let request = CreateSecretRequest {
        name: text(source, "name"),
        data: Some(data),
        resource_group: group.into(),
        workspace_id: place.workspace_id.clone(),
        ..CreateSecretRequest::default()
    };
    let system = place.as_system(service)?;
    let created: SecretInfo = target(service)?.call(CREATE, request, &system).await?;
    Ok(created.secret_id)
}

/// Deletes a secret, if it is still there.
pub(in crate::cloudforet::cost_analysis) async fn forget_secret(
    service: &CostAnalysis,
    place: &Place,
    secret_id: &str,
) -> Result<(), Failure> {
    let request = SecretRequest {
        secret_id: secret_id.to_owned(),
    };
    let system = place.as_system(service)?;
    let secrets = target(service)?;
    match secrets.call::<_, ()>(DELETE, request, &system).await {
        Err(status) if status.code() != tonic::Code::NotFound => Err(status.into()),
        _ => Ok(()),
    }
}

/// The secrets of a data source, with what they hold.
pub(in crate::cloudforet::cost_analysis) async fn secrets_of(
    service: &CostAnalysis,
    source: &Document,
) -> Result<Vec<Secret>, Failure> {
    let place = Place::of(source);
    let secrets = target(service)?;
    let system = place.as_system(service)?;
    let infos = if text(source, "secret_type") == "USE_SERVICE_ACCOUNT_SECRET" {
        let request = matching(source);
        let found: SecretsInfo = secrets.call(LIST, request, &system).await?;
        found.results
    } else {
        let info = source.get_document("plugin_info");
        let secret_id = info.map(|info| text(info, "secret_id")).unwrap_or_default();
        if secret_id.is_empty() {
            return Ok(vec![nothing(source, place)]);
        }
        let request = SecretRequest { secret_id };
        vec![secrets.call(GET, request, &system).await?]
    };
    let mut found = Vec::new();
    for info in infos {
        let request = GetSecretDataRequest {
            secret_id: info.secret_id.clone(),
            domain_id: place.domain_id.clone(),
        };
        let data: SecretDataInfo = secrets.call(GET_DATA, request, &system).await?;
        let provider = match info.provider.as_str() {
            "" => text(source, "provider"),
            _ => info.provider,
        };
        found.push(Secret {
            id: info.secret_id,
            provider,
            schema_id: info.schema_id,
            workspace_id: info.workspace_id,
            project_id: info.project_id,
            service_account_id: info.service_account_id,
            data: data.data.unwrap_or_default(),
        });
    }
    Ok(found)
}

/// For a plugin that needs none.
fn nothing(source: &Document, place: Place) -> Secret {
    Secret {
        id: String::new(),
        provider: text(source, "provider"),
        schema_id: String::new(),
        workspace_id: place.workspace_id,
        project_id: String::new(),
        service_account_id: String::new(),
        data: Struct::default(),
    }
}

/// Which secrets of accounts a data source uses.
fn matching(source: &Document) -> SecretQuery {
    let mut filter = Vec::new();
    if let Ok(rules) = source.get_document("secret_filter")
        && text(rules, "state") == "ENABLED"
    {
        for (rule, key) in [
            ("secrets", "secret_id"),
            ("service_accounts", "service_account_id"),
            ("schemas", "schema_id"),
        ] {
            let values = texts(rules, rule);
            if !values.is_empty() {
                filter.push(one_of(key, values));
            }
        }
    }
    // Those that plugins' data sources keep for themselves are no account's.
    filter.push(Filter {
        key_alias: Some(KeyAlias::K("service_account_id".to_owned())),
        value_alias: Some(ValueAlias::V(from_bson(&Bson::from("")))),
        operator_alias: Some(OperatorAlias::O("not".to_owned())),
    });
    SecretQuery {
        query: Some(Query {
            filter,
            ..Query::default()
        }),
        state: State::Enabled.into(),
        provider: text(source, "provider"),
        ..SecretQuery::default()
    }
}

fn one_of(key: &str, values: Vec<String>) -> Filter {
    Filter {
        key_alias: Some(KeyAlias::K(key.to_owned())),
        value_alias: Some(ValueAlias::V(from_bson(&Bson::from(values)))),
        operator_alias: Some(OperatorAlias::O("in".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn a_filter_that_is_off_filters_nothing() {
        let rules = |state: &str| {
            let source = doc! {
                "provider": "aws",
                "secret_filter": { "state": state, "secrets": ["secret-1"], "schemas": [] },
            };
            matching(&source).query.unwrap().filter.len()
        };
        assert_eq!((rules("ENABLED"), rules("DISABLED")), (2, 1));
    }
}
