//! `Server`: the servers among the cloud services, under the field names that they had when servers
//! were a kind of their own. One can look, and change nothing.

use std::sync::Arc;

use bson::{Bson, Document, doc};
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::cloud_service::implicit_state;
use super::{Inventory, required, scope};
use crate::cloudforet::auth::Caller;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, structure, text, texts};
use crate::cloudforet::proto::core::v2::aggregate_group_field::KeyAlias as FieldKey;
use crate::cloudforet::proto::core::v2::aggregate_group_key::KeyAlias as GroupKey;
use crate::cloudforet::proto::core::v2::filter::KeyAlias;
use crate::cloudforet::proto::core::v2::statistics_aggregate::AggregateAlias;
use crate::cloudforet::proto::core::v2::{Filter, Query, StatisticsQuery};
use crate::cloudforet::proto::inventory::v1::server_server::Server;
use crate::cloudforet::proto::inventory::v1::{
    GetServerRequest, OsType, ServerInfo, ServerQuery, ServerReference, ServerStatQuery,
    ServersInfo,
};
use crate::cloudforet::query::value::from_document;
use crate::cloudforet::resource::{self, Kind, given};

/// A view of the cloud services.
const KIND: Kind = Kind {
    collection: super::CLOUD_SERVICE.collection,
    id: super::CLOUD_SERVICE.id,
    minimal: &[
        "cloud_service_id",
        "name",
        "state",
        "ip_addresses",
        "provider",
        "cloud_service_group",
        "cloud_service_type",
        "region_code",
        "project_id",
    ],
    keyword: super::CLOUD_SERVICE.keyword,
};

/// Which groups and types are servers; a type of that name is one in any group.
const SERVERS: [(&str, &str); 3] = [
    ("EC2", "Instance"),
    ("ComputeEngine", "Instance"),
    ("VirtualMachines", "Instance"),
];
const SERVER: &str = "Server";
const OS_TYPE: &str = "data.os.os_type";

/// The service.
#[derive(Debug)]
pub(super) struct Servers(pub(super) Arc<Inventory>);

#[tonic::async_trait]
impl Server for Servers {
    async fn get(
        &self,
        request: Request<GetServerRequest>,
    ) -> Result<Response<ServerInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let id = required("server_id", &request.get_ref().server_id)?;
        let mut filter = scope(&caller, "")?;
        filter.extend(servers());
        filter.extend(doc! { KIND.id: id, "state": { "$ne": "DELETED" } });
        let row = self.0.database.rows(&KIND).await?.find_one(filter).await?;
        let row = row.ok_or_else(|| Failure::NotFound {
            key: "server_id",
            value: id.to_owned(),
        })?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<ServerQuery>) -> Result<Response<ServersInfo>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let request = request.into_inner();
        let mut base = given(&[
            (KIND.id, &request.server_id),
            ("name", &request.name),
            ("state", &request.state),
            (renamed("primary_ip_address"), &request.primary_ip_address),
            ("ip_addresses", &request.ip_addresses),
            ("account", &request.account),
            ("instance_type", &request.instance_type),
            ("provider", &request.provider),
            ("cloud_service_group", &request.cloud_service_group),
            ("cloud_service_type", &request.cloud_service_type),
            ("region_code", &request.region_code),
            ("project_id", &request.project_id),
        ]);
        if request.os_type() != OsType::None {
            base.push(doc! { OS_TYPE: request.os_type().as_str_name() });
        }
        let by_state = request.state.is_empty();
        let query = renamed_query(request.query.unwrap_or_default());
        let filters = [&query.filter[..], &query.filter_or[..]];
        let filter = self
            .filter(&caller, base, by_state, filters, &query.keyword)
            .await?;
        let rows = self.0.database.rows(&KIND).await?;
        let (rows, total_count) = resource::list(&rows, &KIND, filter, &query).await?;
        Ok(Response::new(ServersInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn stat(&self, request: Request<ServerStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.database.verifier.caller(request.metadata()).await?;
        let query = request
            .into_inner()
            .query
            .ok_or(Failure::Required("query"))?;
        let query = renamed_statistics(query);
        let filters = [&query.filter[..], &query.filter_or[..]];
        let filter = self
            .filter(&caller, Vec::new(), true, filters, &query.keyword)
            .await?;
        let answer = resource::stat(&self.0.database.rows(&KIND).await?, filter, &query).await?;
        Ok(Response::new(answer))
    }
}

impl Servers {
    async fn filter(
        &self,
        caller: &Caller,
        mut base: Vec<Document>,
        active: bool,
        filters: [&[Filter]; 2],
        keyword: &str,
    ) -> Result<Document, Failure> {
        base.push(scope(caller, "")?);
        base.push(servers());
        if active {
            base.extend(implicit_state(filters[0], filters[1]));
        }
        self.0.filter(&KIND, caller, base, filters, keyword).await
    }
}

/// What makes a cloud service a server.
fn servers() -> Document {
    let mut kinds: Vec<Document> = SERVERS
        .iter()
        .map(|(group, kind)| doc! { "cloud_service_group": *group, "cloud_service_type": *kind })
        .collect();
    kinds.push(doc! { "cloud_service_type": SERVER });
    doc! { "$or": kinds }
}

/// The cloud service's name of a server's field.
fn renamed(key: &str) -> &str {
    match key {
        "server_id" => KIND.id,
        "primary_ip_address" => "ip_addresses.0",
        "os_type" => OS_TYPE,
        "nics" => "data.nics",
        "disks" => "data.disks",
        "launched_at" => "data.launched_at",
        same => same,
    }
}

fn rename(key: &mut String) {
    let (first, rest) = match key.split_once('.') {
        Some((first, rest)) => (first, Some(rest)),
        None => (key.as_str(), None),
    };
    let new = renamed(first);
    if new != first {
        *key = rest.map_or_else(|| new.to_owned(), |rest| format!("{new}.{rest}"));
    }
}

fn rename_filters(filters: &mut [Filter]) {
    for filter in filters {
        if let Some(KeyAlias::Key(key) | KeyAlias::K(key)) = &mut filter.key_alias {
            rename(key);
        }
    }
}

fn renamed_query(mut query: Query) -> Query {
    rename_filters(&mut query.filter);
    rename_filters(&mut query.filter_or);
    for sort in &mut query.sort {
        rename(&mut sort.key);
    }
    for key in &mut query.only {
        // One item of a list cannot be asked for alone.
        if key == "primary_ip_address" {
            "ip_addresses".clone_into(key);
        }
        rename(key);
    }
    query
}

fn renamed_statistics(mut query: StatisticsQuery) -> StatisticsQuery {
    rename_filters(&mut query.filter);
    rename_filters(&mut query.filter_or);
    rename(&mut query.distinct);
    for stage in &mut query.aggregate {
        match &mut stage.aggregate_alias {
            Some(AggregateAlias::Unwind(unwind)) => rename(&mut unwind.path),
            Some(AggregateAlias::Group(group)) => {
                for key in &mut group.keys {
                    if let Some(GroupKey::Key(key) | GroupKey::K(key)) = &mut key.key_alias {
                        rename(key);
                    }
                }
                for field in &mut group.fields {
                    if let Some(FieldKey::Key(key) | FieldKey::K(key)) = &mut field.key_alias {
                        rename(key);
                    }
                }
            }
            _ => {}
        }
    }
    query
}

fn message(row: &Document) -> ServerInfo {
    let none = Document::new();
    let data = row.get_document("data").unwrap_or(&none);
    let os = data.get_document("os").unwrap_or(&none);
    let ip_addresses = texts(row, "ip_addresses");
    ServerInfo {
        server_id: text(row, KIND.id),
        name: text(row, "name"),
        state: text(row, "state"),
        primary_ip_address: ip_addresses.first().cloned().unwrap_or_default(),
        ip_addresses,
        os_type: OsType::from_str_name(&text(os, "os_type"))
            .unwrap_or_default()
            .into(),
        account: text(row, "account"),
        instance_type: text(row, "instance_type"),
        provider: text(row, "provider"),
        cloud_service_group: text(row, "cloud_service_group"),
        cloud_service_type: text(row, "cloud_service_type"),
        region_code: text(row, "region_code"),
        nics: parts(data, "nics"),
        disks: parts(data, "disks"),
        launched_at: text(data, "launched_at"),
        data: structure(row, "data"),
        metadata: structure(row, "metadata"),
        reference: row
            .get_document("reference")
            .ok()
            .map(|reference| ServerReference {
                resource_id: text(reference, "resource_id"),
                external_link: text(reference, "external_link"),
            }),
        tags: structure(row, "tags"),
        collection_info: structure(row, "collection_info"),
        project_id: text(row, "project_id"),
        domain_id: text(row, "domain_id"),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
        deleted_at: date(row, "deleted_at"),
    }
}

fn parts(data: &Document, key: &str) -> Vec<Struct> {
    let parts = data.get_array(key).ok().into_iter().flatten();
    parts
        .filter_map(Bson::as_document)
        .map(from_document)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_another_name_and_what_is_below_it_too() {
        for (old, new) in [
            ("server_id", "cloud_service_id"),
            ("primary_ip_address", "ip_addresses.0"),
            ("nics.device", "data.nics.device"),
            ("name", "name"),
            ("data.os.os_type", "data.os.os_type"),
        ] {
            let mut key = old.to_owned();
            rename(&mut key);
            assert_eq!(key, new);
        }
    }
}
