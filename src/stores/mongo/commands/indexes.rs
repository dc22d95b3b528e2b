//! Commands about indexes.

use bson::{Bson, Document, doc};

use super::super::catalog::{Collection, Index};
use super::super::failure::{Failure, Outcome};
use super::super::writing::Writing;
use super::super::{key, number, show};
use super::Call;
use super::administer::cursor;

/// As in MongoDB, `_id` included.
const MOST_INDEXES: usize = 64;

/// Reads one entry of `indexes`.
fn index(form: &Document) -> Outcome<Index> {
    let Some(Bson::Document(fields)) = form.get("key") else {
        return Err(Failure::parse(
            "The 'key' field is a required property of an index specification",
        ));
    };
    let Some(Bson::String(name)) = form.get("name") else {
        return Err(Failure::parse(
            "The 'name' field is a required property of an index specification",
        ));
    };
    if fields.is_empty() {
        return Err(Failure::new(67, "Index keys cannot be an empty object"));
    }
    for (field, direction) in fields {
        if field.is_empty() || field.split('.').any(str::is_empty) {
            return Err(Failure::new(67, "Index keys cannot be an empty field"));
        }
        match number::double(direction) {
            Some(0.0) => {
                return Err(Failure::new(
                    67,
                    "Values in the index key pattern cannot be 0",
                ));
            }
            Some(_) => {}
            None if matches!(direction, Bson::String(_)) => {
                return Err(Failure::unsupported(&format!(
                    "an index of the kind {}",
                    show::value(direction)
                )));
            }
            None => {
                return Err(Failure::new(
                    67,
                    format!(
                        "Values in v:2 index key pattern cannot be of type {}. Only numbers > 0, numbers < 0, and strings are allowed.",
                        show::type_name(Some(direction))
                    ),
                ));
            }
        }
    }
    let mut index = Index::new(fields.clone(), name.clone(), 0);
    for (option, value) in form {
        let truth = || {
            value
                .as_bool()
                .unwrap_or_else(|| number::double(value).is_some_and(|number| number != 0.0))
        };
        match option.as_str() {
            "key" | "name" | "v" | "background" | "ns" => {}
            "unique" => index.unique = truth(),
            "sparse" => index.sparse = truth(),
            "hidden" if !truth() => {}
            "partialFilterExpression"
            | "expireAfterSeconds"
            | "collation"
            | "hidden"
            | "wildcardProjection"
            | "weights"
            | "default_language"
            | "storageEngine"
            | "prepareUnique"
            | "bits"
            | "min"
            | "max"
            | "2dsphereIndexVersion"
            | "textIndexVersion"
            | "language_override" => {
                return Err(Failure::unsupported(&format!(
                    "the index option '{option}'"
                )));
            }
            _ => {
                return Err(Failure::new(
                    197,
                    format!(
                        "The field '{option}' is not valid for an index specification. Specification: {}",
                        show::document(form)
                    ),
                ));
            }
        }
    }
    if *fields == (doc! { "_id": 1 }) {
        "_id_".clone_into(&mut index.name);
    }
    Ok(index)
}

fn key_equal(left: &Document, right: &Document) -> bool {
    key::equal(
        &Bson::Document(left.clone()),
        &Bson::Document(right.clone()),
    )
}

pub(super) async fn create_indexes(call: Call) -> Outcome<Document> {
    call.check(
        &["indexes", "commitQuorum", "ignoreUnknownIndexOptions"],
        &[],
    )?;
    let namespace = call.namespace()?;
    let forms = match call.body.get("indexes") {
        Some(Bson::Array(items)) if items.is_empty() => {
            return Err(Failure::bad_value(
                "Must specify at least one index to create",
            ));
        }
        Some(_) => call.documents("indexes")?,
        None => {
            return Err(Failure::new(
                40414,
                "BSON field 'createIndexes.indexes' is missing but a required field",
            ));
        }
    };
    let wanted: Vec<Index> = forms.iter().map(index).collect::<Outcome<_>>()?;
    call.server
        .storage
        .write(move |transaction| {
            let (mut collection, made) = Collection::ensure(transaction, &namespace)?;
            let before = collection.indexes.len();
            let mut fresh = Vec::new();
            for mut index in wanted {
                if exists(&collection.indexes, &index)? {
                    continue;
                }
                if collection.indexes.len() >= MOST_INDEXES {
                    return Err(Failure::new(67, format!("add index fails, too many indexes for {namespace} key:{}", show::document(&index.key))));
                }
                index.id = collection.indexes.iter().map(|index| index.id).max().unwrap_or(0) + 1;
                fresh.push(collection.indexes.len());
                collection.indexes.push(index);
            }
            let mut writing = Writing::open(transaction, collection.clone())?;
            for at in fresh {
                if let Err(failure) = writing.build(at) {
                    // Nothing of it stays: neither entries nor the catalog's.
                    std::mem::drop(writing);
                    for index in &collection.indexes[before..] {
                        collection.drop_index(transaction, index)?;
                    }
                    return Err(failure);
                }
            }
            writing.close()?;
            let after = collection.indexes.len();
            let mut reply = doc! { "numIndexesBefore": number::count(before), "numIndexesAfter": number::count(after) };
            if made {
                reply.insert("createdCollectionAutomatically", true);
            } else if before == after {
                reply.insert("note", "all indexes already exist");
            } else {
                reply.insert("createdCollectionAutomatically", false);
            }
            reply.insert("ok", 1.0);
            Ok(reply)
        })
        .await
}

/// Whether the same index is there; another one of its name or of its key is an error.
fn exists(indexes: &[Index], wanted: &Index) -> Outcome<bool> {
    for index in indexes {
        let (name, key) = (
            index.name == wanted.name,
            key_equal(&index.key, &wanted.key),
        );
        let same = index.unique == wanted.unique && index.sparse == wanted.sparse;
        if name && key && (same || index.name == "_id_") {
            return Ok(true);
        }
        if name {
            return Err(Failure::new(
                86,
                format!(
                    "An existing index has the same name as the requested index. When index names are not specified, they are auto generated and can cause conflicts. Please refer to our documentation. Requested index: {}, existing index: {}",
                    show::document(&wanted.describe()),
                    show::document(&index.describe())
                ),
            ));
        }
        if key {
            return Err(Failure::new(
                85,
                format!("Index already exists with a different name: {}", index.name),
            ));
        }
    }
    Ok(false)
}

pub(super) async fn drop_indexes(call: Call) -> Outcome<Document> {
    call.check(&["index"], &[])?;
    let namespace = call.namespace()?;
    let Some(which) = call.body.get("index").cloned() else {
        return Err(Failure::new(
            40414,
            "BSON field 'dropIndexes.index' is missing but a required field",
        ));
    };
    call.server
        .storage
        .write(move |transaction| {
            let Some(mut collection) = Collection::find_for_write(transaction, &namespace)? else {
                return Err(Failure::new(26, format!("ns not found {namespace}")));
            };
            let before = collection.indexes.len();
            let names = names(&collection, &which)?;
            for name in &names {
                if name == "_id_" {
                    return Err(Failure::new(72, "cannot drop _id index"));
                }
            }
            let gone: Vec<Index> = collection
                .indexes
                .extract_if(.., |index| names.contains(&index.name))
                .collect();
            for index in &gone {
                collection.drop_index(transaction, index)?;
            }
            collection.save(transaction)?;
            let mut reply = doc! { "nIndexesWas": number::count(before) };
            if which == Bson::String("*".to_owned()) {
                reply.insert("msg", "non-_id indexes dropped for collection");
            }
            reply.insert("ok", 1.0);
            Ok(reply)
        })
        .await
}

fn names(collection: &Collection, which: &Bson) -> Outcome<Vec<String>> {
    let named = |name: &str| {
        if collection.indexes.iter().any(|index| index.name == name) {
            Ok(name.to_owned())
        } else {
            Err(Failure::new(
                27,
                format!("index not found with name [{name}]"),
            ))
        }
    };
    match which {
        Bson::String(all) if all == "*" => Ok(collection
            .indexes
            .iter()
            .skip(1)
            .map(|index| index.name.clone())
            .collect()),
        Bson::String(name) => Ok(vec![named(name)?]),
        Bson::Document(fields) => match collection
            .indexes
            .iter()
            .find(|index| key_equal(&index.key, fields))
        {
            Some(index) => Ok(vec![index.name.clone()]),
            None => Err(Failure::new(
                27,
                format!("can't find index with key: {}", show::document(fields)),
            )),
        },
        Bson::Array(items) => items
            .iter()
            .map(|item| match item {
                Bson::String(name) => named(name),
                _ => Err(Failure::type_mismatch(
                    "dropIndexes takes names in its list",
                )),
            })
            .collect(),
        _ => Err(Failure::type_mismatch(
            "BSON field 'dropIndexes.index' is the wrong type",
        )),
    }
}

pub(super) fn list_indexes(call: &Call) -> Outcome<Document> {
    call.check(&["cursor"], &[])?;
    let namespace = call.namespace()?;
    let Some(collection) = Collection::find(&call.server.storage.read()?, &namespace)? else {
        return Err(Failure::new(26, format!("ns does not exist: {namespace}")));
    };
    let described = collection.indexes.iter().map(Index::describe).collect();
    cursor(call, namespace, described)
}
