//! What a plugin tells of a resource, as the store is to have it.

use bson::{Bson, Document, doc};
use prost_types::Struct;
use serde_json::Value;

use crate::cloudforet::collecting::{Collecting, Problem, SecretInfo};
use crate::cloudforet::inventory::tags;
use crate::cloudforet::mongo::{text, texts};
use crate::cloudforet::proto::inventory::plugin::ResourceInfo;
use crate::cloudforet::proto::inventory::plugin::resource_info::State;
use crate::cloudforet::query::value::{to_bson, to_document};
use crate::cloudforet::resource::Kind;
use crate::cloudforet::{inventory, resource};

/// A kind of resource that plugins tell.
#[derive(Debug)]
pub(super) struct Shape {
    pub(super) kind: &'static resource::Kind,
    /// Of its ids.
    pub(super) prefix: &'static str,
    /// Fields of which an update keeps what it does not mention.
    pub(super) merged: &'static [&'static str],
    /// Rows have a state, and deleted ones stay.
    pub(super) has_state: bool,
}

/// Servers, disks, buckets.
pub(super) const SERVICE: Shape = Shape {
    kind: &inventory::CLOUD_SERVICE,
    prefix: "cloud-svc",
    merged: &["data", "metadata", "tags", "tag_keys"],
    has_state: true,
};
/// Their types.
pub(super) const TYPE: Shape = Shape {
    kind: &inventory::CLOUD_SERVICE_TYPE,
    prefix: "cloud-svc-type",
    merged: &[],
    has_state: false,
};
/// Where they are.
pub(super) const REGION: Shape = Shape {
    kind: &inventory::REGION,
    prefix: "region",
    merged: &[],
    has_state: false,
};

/// A resource to be written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Resource {
    /// The fields by which to find its row: the first rule that finds one holds.
    pub(super) rules: Vec<Document>,
    /// What the row is to have.
    pub(super) fields: Document,
}

/// One item of a plugin's answer.
#[derive(Debug)]
pub(super) enum Item {
    /// To be written.
    Resource(&'static Shape, Resource),
    /// The inventory has no such kind.
    Ignored,
    /// It cannot be written.
    Wrong(Problem),
}

/// Reads an item.
pub(super) fn read(info: &ResourceInfo, task: &Collecting) -> Item {
    let mut raw = info.resource.as_ref().map_or(doc! {}, to_document);
    if info.state() == State::Failure || info.resource_type == "inventory.ErrorResource" {
        let told = if info.message.is_empty() {
            "The plugin says no more."
        } else {
            &info.message
        };
        return Item::Wrong(Problem::new("ERROR_COLLECTOR_PLUGIN", told).with(raw));
    }
    let (shape, convert): (&Shape, fn(&Document, &Collecting) -> Document) =
        match info.resource_type.as_str() {
            "inventory.CloudService" => (&SERVICE, cloud_service),
            "inventory.CloudServiceType" => (&TYPE, cloud_service_type),
            "inventory.Region" => (&REGION, region),
            _ => return Item::Ignored,
        };
    let about = about(info, &raw);
    if let Err(message) = parse_json(&mut raw) {
        return Item::Wrong(Problem::new("ERROR_UNKNOWN", &message).with(about));
    }
    if let Some(missing) = missing(shape.kind, &raw) {
        let message = format!("Required parameter. (key = {missing})");
        return Item::Wrong(Problem::new("ERROR_UNKNOWN", &message).with(about));
    }
    let rules = rules(info.match_rules.as_ref(), &raw);
    if rules.is_empty() {
        let message = "Match rule is not defined, or the resource has none of its fields.";
        return Item::Wrong(Problem::new("ERROR_MATCH_RULE", message).with(about));
    }
    let fields = convert(&raw, task);
    Item::Resource(shape, Resource { rules, fields })
}

/// How an error says which resource it is about.
fn about(info: &ResourceInfo, raw: &Document) -> Document {
    let mut about = doc! { "resource_type": &info.resource_type };
    for key in [
        "name",
        "provider",
        "cloud_service_group",
        "cloud_service_type",
        "reference",
    ] {
        if let Some(value) = raw.get(key) {
            about.insert(key, value.clone());
        }
    }
    about
}

/// Data and metadata may come as JSON text, which is cheaper to make.
fn parse_json(raw: &mut Document) -> Result<(), String> {
    for (key, from) in [("data", "json_data"), ("metadata", "json_metadata")] {
        let Some(Bson::String(json)) = raw.remove(from) else {
            continue;
        };
        if json.is_empty() {
            continue;
        }
        let parsed = serde_json::from_str::<Value>(&json)
            .map_err(|error| error.to_string())
            .and_then(|value| {
                bson::serialize_to_document(&value).map_err(|error| error.to_string())
            });
        let parsed = parsed.map_err(|error| format!("{from} cannot be read: {error}"))?;
        raw.insert(key, parsed);
    }
    Ok(())
}

fn missing(kind: &Kind, raw: &Document) -> Option<&'static str> {
    let required: &[&str] = match kind.collection {
        "cloud_service" => &["provider", "cloud_service_group", "cloud_service_type"],
        "region" => &["provider", "region_code"],
        _ => &["provider", "group", "name"],
    };
    let absent = |key: &&&str| raw.get_str(key).unwrap_or_default().is_empty();
    required.iter().find(absent).copied()
}

/// `{"1": ["reference.resource_id"], "2": ["name"]}` → those fields' values, in the order of the
/// numbers; a rule without any of its fields is no rule.
fn rules(match_rules: Option<&Struct>, raw: &Document) -> Vec<Document> {
    let mut numbered: Vec<(u32, Vec<String>)> = match_rules
        .into_iter()
        .flat_map(|rules| &rules.fields)
        .filter_map(|(number, keys)| match to_bson(keys) {
            Bson::Array(keys) => {
                let keys = keys.iter().filter_map(Bson::as_str).map(str::to_owned);
                Some((number.parse().ok()?, keys.collect()))
            }
            _ => None,
        })
        .collect();
    numbered.sort();
    let valued = numbered.into_iter().map(|(_, keys)| {
        let values = keys.into_iter().filter_map(|key| {
            let value = at(raw, &key)?.clone();
            Some((key, value))
        });
        values.collect::<Document>()
    });
    valued.filter(|rule| !rule.is_empty()).collect()
}

/// The value at a dotted path.
pub(super) fn at<'d>(document: &'d Document, path: &str) -> Option<&'d Bson> {
    match path.split_once('.') {
        None => document.get(path),
        Some((first, rest)) => at(document.get_document(first).ok()?, rest),
    }
}

/// Copies the fields that are there.
fn copied(raw: &Document, keys: &[&str]) -> Document {
    let present = keys.iter().filter_map(|key| {
        let value = raw.get(*key).filter(|value| **value != Bson::Null)?;
        Some(((*key).to_owned(), value.clone()))
    });
    present.collect()
}

fn reference(task: &Collecting) -> (&str, &str) {
    (&task.domain_id, &task.secret_info.workspace_id)
}

fn cloud_service(raw: &Document, task: &Collecting) -> Document {
    let (domain, workspace) = reference(task);
    let (provider, group, kind) = (
        text(raw, "provider"),
        text(raw, "cloud_service_group"),
        text(raw, "cloud_service_type"),
    );
    let mut fields = copied(
        raw,
        &["name", "account", "instance_type", "ip_addresses", "data"],
    );
    if let Some(size) = raw.get("instance_size").and_then(number) {
        fields.insert("instance_size", size);
    }
    if let Ok(reference) = raw.get_document("reference") {
        fields.insert(
            "reference",
            doc! {
                "resource_id": text(reference, "resource_id"),
                "external_link": text(reference, "external_link"),
            },
        );
    }
    if let Ok(metadata) = raw.get_document("metadata") {
        fields.insert("metadata", doc! { &provider: metadata.clone() });
    }
    if let Ok(given) = raw.get_document("tags") {
        let (filed, keys) = tags::file(given);
        fields.insert("tags", doc! { &provider: filed });
        fields.insert("tag_keys", doc! { &provider: keys });
    }
    let code = text(raw, "region_code");
    if !code.is_empty() {
        let region = format!("{domain}.{workspace}.{provider}.{code}");
        fields.insert("region_code", code);
        fields.insert("ref_region", region);
    }
    let SecretInfo { project_id, .. } = &task.secret_info;
    let project = match text(raw, "project_id") {
        none if none.is_empty() => project_id.clone(),
        own => own,
    };
    if !project.is_empty() {
        fields.insert("project_id", project);
    }
    let key = format!("{domain}.{workspace}.{provider}.{group}.{kind}");
    fields.extend(doc! {
        "cloud_service_group": group,
        "cloud_service_type": kind,
        "provider": provider,
        "ref_cloud_service_type": key,
    });
    fields
}

fn cloud_service_type(raw: &Document, task: &Collecting) -> Document {
    let (domain, workspace) = reference(task);
    let (provider, group, name) = (text(raw, "provider"), text(raw, "group"), text(raw, "name"));
    let key = format!("{provider}.{group}.{name}");
    let mut fields = doc! { "resource_type": "inventory.CloudService" };
    fields.extend(copied(
        raw,
        &[
            "name",
            "provider",
            "group",
            "service_code",
            "is_primary",
            "is_major",
            "resource_type",
            "metadata",
            "tags",
            "labels",
        ],
    ));
    fields.insert(
        "ref_cloud_service_type",
        format!("{domain}.{workspace}.{key}"),
    );
    fields.insert("cloud_service_type_key", key);
    fields
}

fn region(raw: &Document, task: &Collecting) -> Document {
    let (domain, workspace) = reference(task);
    let key = format!("{}.{}", text(raw, "provider"), text(raw, "region_code"));
    let mut fields = copied(raw, &["name", "provider", "region_code", "tags"]);
    fields.insert("ref_region", format!("{domain}.{workspace}.{key}"));
    fields.insert("region_key", key);
    fields
}

fn number(value: &Bson) -> Option<f64> {
    match value {
        Bson::Double(number) => Some(*number),
        Bson::Int32(number) => Some(f64::from(*number)),
        #[expect(clippy::cast_precision_loss, reason = "it came as a double")]
        Bson::Int64(number) => Some(*number as f64),
        _ => None,
    }
}

impl Shape {
    /// A new row has these, whatever the plugin leaves out.
    pub(super) fn defaults(&self) -> Document {
        match self.kind.collection {
            "cloud_service" => doc! {
                "name": "", "account": "", "instance_type": "", "instance_size": 0.0,
                "ip_addresses": texts(&doc! {}, ""), "data": {}, "metadata": {},
                "reference": { "resource_id": "", "external_link": "" },
                "tags": {}, "tag_keys": {}, "project_id": "",
            },
            "region" => doc! { "name": "", "tags": {} },
            _ => doc! {
                "service_code": "", "is_primary": false, "is_major": false,
                "metadata": {}, "tags": {}, "labels": texts(&doc! {}, ""),
            },
        }
    }
}
