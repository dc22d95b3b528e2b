//! Query sets: messages of the API as rows of the store, and back.

use bson::spec::BinarySubtype;
use bson::{Binary, Bson, Document, doc};
use prost::Message as _;
use prost_types::ListValue;
use prost_types::value::Kind as ValueKind;

use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, structure, text, texts};
use crate::cloudforet::proto::core::v2::AnalyzeQuery;
use crate::cloudforet::proto::inventory::v1::CloudServiceQuerySetInfo;
use crate::cloudforet::proto::inventory::v1::cloud_service_query_set_info::{
    QueryType, ResourceGroup, State,
};
use crate::cloudforet::query;
use crate::cloudforet::resource::Kind;

pub(in crate::cloudforet::inventory) const KIND: Kind = Kind {
    collection: "cloud_service_query_set",
    id: "query_set_id",
    minimal: &[
        "query_set_id",
        "name",
        "state",
        "query_type",
        "provider",
        "cloud_service_group",
        "cloud_service_type",
    ],
    keyword: &["query_set_id", "name"],
};

/// Names of operators start with a dollar and paths have dots, so the query is kept as it came over
/// the wire. One that cannot be run is refused now rather than later.
pub(super) fn options(given: &AnalyzeQuery) -> Result<Document, Failure> {
    query::analyze(given)?;
    query::conditions(&given.filter)?;
    query::conditions(&given.filter_or)?;
    let bytes = Binary {
        subtype: BinarySubtype::Generic,
        bytes: given.encode_to_vec(),
    };
    let fields = given.fields.as_ref();
    let data: Vec<&String> = fields
        .into_iter()
        .flat_map(|all| all.fields.keys())
        .collect();
    Ok(doc! {
        "query_options": Bson::Binary(bytes),
        "data_keys": data,
        "additional_info_keys": group_keys(given.group_by.as_ref()),
    })
}

/// The names by which the results are told apart: texts, or objects with a name.
fn group_keys(group_by: Option<&ListValue>) -> Vec<String> {
    let keys = group_by.into_iter().flat_map(|keys| &keys.values);
    let named = keys.filter_map(|key| match key.kind.as_ref()? {
        ValueKind::StringValue(key) => Some(key.rsplit('.').next().unwrap_or(key).to_owned()),
        ValueKind::StructValue(key) => {
            let mut fields = ["name", "n", "key", "k"].into_iter();
            let named = fields.find_map(|field| query::value::text_of(key, field));
            named.map(str::to_owned)
        }
        _ => None,
    });
    named.collect()
}

/// The query of a row.
pub(super) fn query(row: &Document) -> Result<AnalyzeQuery, Failure> {
    match row.get("query_options") {
        Some(Bson::Binary(query)) => AnalyzeQuery::decode(query.bytes.as_slice())
            .map_err(|error| Failure::Unknown(format!("the kept query is damaged: {error}"))),
        _ => Err(Failure::Unknown("there is no query".to_owned())),
    }
}

pub(super) fn message(row: &Document) -> CloudServiceQuerySetInfo {
    let state = State::from_str_name(&text(row, "state"));
    let query_type = QueryType::from_str_name(&text(row, "query_type"));
    let group = ResourceGroup::from_str_name(&text(row, "resource_group"));
    CloudServiceQuerySetInfo {
        query_set_id: text(row, KIND.id),
        name: text(row, "name"),
        state: state.unwrap_or_default().into(),
        query_options: query(row).ok(),
        query_type: query_type.unwrap_or_default().into(),
        unit: structure(row, "unit"),
        data_keys: texts(row, "data_keys"),
        additional_info_keys: texts(row, "additional_info_keys"),
        provider: text(row, "provider"),
        cloud_service_group: text(row, "cloud_service_group"),
        cloud_service_type: text(row, "cloud_service_type"),
        tags: structure(row, "tags"),
        resource_group: group.unwrap_or_default().into(),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        created_at: date(row, "created_at"),
        updated_at: date(row, "updated_at"),
    }
}
