//! `Provider`: whose cloud it is. Every domain has its own list, kept by its administrator.

use bson::{DateTime, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::{Handler, service_account_row};
use crate::cloudforet::database::required;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, number, structure, text, truth};
use crate::cloudforet::proto::identity::v2::provider_server::Provider;
use crate::cloudforet::proto::identity::v2::{
    CreateProviderRequest, PluginInfo, ProviderInfo, ProviderRequest, ProviderSearchQuery,
    ProviderStatQuery, ProvidersInfo, UpdateProviderRequest,
};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::{Kind, changes, given};

pub(super) const KIND: Kind = Kind {
    collection: "provider",
    id: "provider",
    minimal: &["provider", "name", "icon", "color"],
    keyword: &["provider", "name", "alias"],
};

/// A provider that nobody has described yet.
pub(super) fn new_row(domain: &str, provider: &str) -> Document {
    let now = DateTime::now();
    doc! {
        "provider": provider,
        "name": title(provider),
        "alias": "",
        "color": "",
        "icon": "",
        "order": 10,
        "options": {},
        "tags": {},
        "is_managed": false,
        "domain_id": domain,
        "created_at": now,
        "updated_at": now,
    }
}

/// `google_cloud` → `Google Cloud`; names of at most three letters are abbreviations.
fn title(provider: &str) -> String {
    let word = |word: &str| {
        if word.len() <= 3 {
            return word.to_uppercase();
        }
        let mut letters = word.chars();
        let first = letters.next().into_iter().flat_map(char::to_uppercase);
        first.chain(letters).collect()
    };
    let words: Vec<String> = provider.split(['_', '-']).map(word).collect();
    words.join(" ")
}

#[tonic::async_trait]
impl Provider for Handler {
    async fn create(
        &self,
        request: Request<CreateProviderRequest>,
    ) -> Result<Response<ProviderInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let request = request.into_inner();
        let provider = required("provider", &request.provider)?;
        let mut row = new_row(&caller.domain_id, provider);
        row.insert("name", required("name", &request.name)?);
        no_plugin(request.plugin_info.as_ref())?;
        row.extend(changes(&[
            ("alias", &request.alias),
            ("color", &request.color),
            ("icon", &request.icon),
        ]));
        if request.order != 0 {
            row.insert("order", request.order);
        }
        row.extend(structures(request.options.as_ref(), request.tags.as_ref()));
        self.0.database.rows(&KIND).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn update(
        &self,
        request: Request<UpdateProviderRequest>,
    ) -> Result<Response<ProviderInfo>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let request = request.into_inner();
        no_plugin(request.plugin_info.as_ref())?;
        let scope = doc! { "domain_id": caller.domain_id };
        let row = self.0.database.one(&KIND, scope, &request.provider).await?;
        let mut set = changes(&[
            ("name", &request.name),
            ("alias", &request.alias),
            ("color", &request.color),
            ("icon", &request.icon),
        ]);
        if request.order != 0 {
            set.insert("order", request.order);
        }
        set.extend(structures(request.options.as_ref(), request.tags.as_ref()));
        set.insert("updated_at", DateTime::now());
        let row = self.0.database.change(&KIND, row, set).await?;
        Ok(Response::new(message(&row)))
    }

    async fn delete(&self, request: Request<ProviderRequest>) -> Result<Response<()>, Status> {
        let caller = self.0.administrator(request.metadata()).await?;
        let scope = doc! { "domain_id": &caller.domain_id };
        let id = &request.get_ref().provider;
        let row = self.0.database.one(&KIND, scope, id).await?;
        let accounts = self.0.database.rows(&service_account_row::KIND).await?;
        let of_provider = doc! { "domain_id": &caller.domain_id, "provider": id };
        if accounts.find_one(of_provider).await?.is_some() {
            return Err(Failure::Invalid {
                key: "provider",
                reason: "there are service accounts of it".to_owned(),
            }
            .into());
        }
        self.0.database.remove(&KIND, &row).await?;
        Ok(Response::new(()))
    }

    async fn get(
        &self,
        request: Request<ProviderRequest>,
    ) -> Result<Response<ProviderInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let scope = doc! { "domain_id": caller.domain_id };
        let id = &request.get_ref().provider;
        let row = self.0.database.one(&KIND, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(
        &self,
        request: Request<ProviderSearchQuery>,
    ) -> Result<Response<ProvidersInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.unwrap_or_default();
        let mut base = vec![doc! { "domain_id": caller.domain_id }];
        base.extend(given(&[
            ("provider", &request.provider),
            ("name", &request.name),
            ("alias", &request.alias),
        ]));
        // False cannot be told from not given.
        base.extend(request.is_managed.then(|| doc! { "is_managed": true }));
        let (rows, total_count) = self.0.database.list(&KIND, base, &query).await?;
        Ok(Response::new(ProvidersInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<ProviderStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let base = vec![doc! { "domain_id": caller.domain_id }];
        let query = request.into_inner().query;
        let answer = self.0.database.stat(&KIND, base, query).await?;
        Ok(Response::new(answer))
    }
}

/// Upstream a provider's plugin finds its accounts. Here accounts are made by people.
fn no_plugin(plugin: Option<&PluginInfo>) -> Result<(), Failure> {
    match plugin {
        None => Ok(()),
        Some(_) => Err(Failure::Invalid {
            key: "plugin_info",
            reason: "providers have no plugins here".to_owned(),
        }),
    }
}

fn structures(options: Option<&Struct>, tags: Option<&Struct>) -> Document {
    let given = [("options", options), ("tags", tags)];
    given
        .into_iter()
        .filter_map(|(key, value)| Some((key.to_owned(), to_document(value?).into())))
        .collect()
}

fn message(row: &Document) -> ProviderInfo {
    ProviderInfo {
        provider: text(row, "provider"),
        name: text(row, "name"),
        alias: text(row, "alias"),
        plugin_info: None,
        color: text(row, "color"),
        icon: text(row, "icon"),
        order: number(row, "order"),
        options: structure(row, "options"),
        tags: structure(row, "tags"),
        is_managed: truth(row, "is_managed"),
        domain_id: text(row, "domain_id"),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_provider_is_named_as_people_write_it() {
        assert_eq!(super::title("aws"), "AWS");
        assert_eq!(super::title("google_cloud"), "Google Cloud");
    }
}
