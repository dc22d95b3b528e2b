//! What every object of a manifest has: `apiVersion`, `kind` and `metadata`.

use std::collections::BTreeMap;

use super::super::field::Field;
use super::super::names;
use super::super::problem::Place;
use super::super::raw::{Item, Node};
use super::super::section::{Reader, Section};
use crate::model::ObjectReport;

/// Fields of `metadata` that say nothing to the lab; exported objects have them.
const OF_THE_API_SERVER: [&str; 11] = [
    "uid",
    "resourceVersion",
    "generation",
    "generateName",
    "managedFields",
    "ownerReferences",
    "finalizers",
    "selfLink",
    "deletionTimestamp",
    "deletionGracePeriodSeconds",
    "clusterName",
];

/// Who an object is, and where it was written.
#[derive(Clone, Debug, Default)]
pub(super) struct Metadata {
    pub(super) kind: &'static str,
    pub(super) name: String,
    pub(super) namespace: Option<String>,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) annotations: BTreeMap<String, String>,
    /// `creationTimestamp`, which only objects out of a cluster have.
    pub(super) created: Option<String>,
    pub(super) place: Place,
}

impl Metadata {
    /// Tells that the object, or a part of it, cannot be used.
    pub(super) fn report(&self, unusable: bool, message: impl Into<String>) -> ObjectReport {
        ObjectReport {
            kind: self.kind.to_owned(),
            name: self.name.clone(),
            message: message.into(),
            unusable,
        }
    }
}

/// The object that a document is, as something that can be read.
pub(super) fn root<'a>(reader: &'a Reader, node: &'a Node) -> Field<'a> {
    Field {
        reader,
        node,
        head: String::new(),
        key: String::new(),
        shape: String::new(),
    }
}

/// A text below the top of an object that was not read yet.
pub(super) fn peek<'a>(node: &'a Node, path: &[&str]) -> Option<&'a str> {
    let mut item = &node.item;
    for key in path {
        let Item::Table(table) = item else {
            return None;
        };
        item = &table.get(*key)?.item;
    }
    match item {
        Item::Text(text) => Some(text),
        _ => None,
    }
}

/// Reads `metadata`. The name may be a subdomain; kinds that ask for a label check it themselves.
pub(super) fn metadata(object: &Section<'_>, kind: &'static str) -> Metadata {
    let mut metadata = Metadata {
        kind,
        place: object.place().clone(),
        ..Metadata::default()
    };
    let section = object.required("metadata", "write metadata: { name: my-object }");
    let Some(section) = section.and_then(|field| field.section()) else {
        return metadata;
    };
    if let Some(field) = section.required("name", "write name: my-object") {
        metadata.name = name(&field).unwrap_or_default();
    }
    metadata.namespace = section.field("namespace").and_then(|field| name(&field));
    metadata.labels = texts(&section, "labels");
    metadata.annotations = texts(&section, "annotations");
    let created = section.field("creationTimestamp");
    metadata.created = created.and_then(|field| field.text()).map(str::to_owned);
    section.accept(&OF_THE_API_SERVER);
    section.finish();
    metadata
}

/// The name of an object in a field of its own.
pub(super) fn name(field: &Field<'_>) -> Option<String> {
    let text = field.text()?;
    if !names::is_subdomain(text) {
        field.refuse(
            "must be small letters, digits, hyphens and dots",
            "write for example my-object",
        );
        return None;
    }
    Some(text.to_owned())
}

/// A table whose keys and values are texts.
pub(super) fn texts(section: &Section<'_>, key: &'static str) -> BTreeMap<String, String> {
    let table = section.field(key).and_then(|field| field.section());
    let mut found = BTreeMap::new();
    for (name, field) in table.iter().flat_map(Section::children) {
        if let Some(value) = field.text() {
            found.insert(name.to_owned(), value.to_owned());
        }
    }
    found
}

/// The tables of a list; what is none is reported.
pub(super) fn sections<'a>(section: &Section<'a>, key: &'static str) -> Vec<Section<'a>> {
    let fields = section.field(key).map(|field| field.list());
    let fields = fields.iter().flatten();
    fields.filter_map(Field::section).collect()
}

/// The table `spec`, which every kind that has one needs.
pub(super) fn spec<'a>(object: &Section<'a>) -> Option<Section<'a>> {
    let spec = object.required("spec", "write spec: with what the object should be");
    spec?.section()
}
