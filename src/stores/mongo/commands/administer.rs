//! Commands about databases and collections.

use std::collections::BTreeMap;

use bson::{Document, doc};

use super::super::catalog::Collection;
use super::super::cursors::Cursor;
use super::super::failure::{Failure, Outcome};
use super::super::filter::Filter;
use super::super::number;
use super::super::writing::Writing;
use super::Call;

pub(super) async fn create(call: Call) -> Outcome<Document> {
    call.check(
        &["autoIndexId"],
        &[
            "capped",
            "size",
            "max",
            "viewOn",
            "pipeline",
            "validator",
            "validationLevel",
            "validationAction",
            "collation",
            "timeseries",
            "expireAfterSeconds",
            "clusteredIndex",
            "storageEngine",
            "indexOptionDefaults",
            "changeStreamPreAndPostImages",
            "encryptedFields",
        ],
    )?;
    let namespace = call.namespace()?;
    call.server
        .storage
        .write(
            move |transaction| match Collection::ensure(transaction, &namespace)? {
                (collection, true) => {
                    Writing::open(transaction, collection)?.close()?;
                    Ok(doc! { "ok": 1.0 })
                }
                _ => Err(Failure::new(
                    48,
                    format!("Collection {namespace} already exists."),
                )),
            },
        )
        .await
}

pub(super) async fn drop(call: Call) -> Outcome<Document> {
    call.check(&[], &[])?;
    let namespace = call.namespace()?;
    call.server
        .storage
        .write(move |transaction| {
            let Some(collection) = Collection::find_for_write(transaction, &namespace)? else {
                return Err(Failure::new(26, "ns not found"));
            };
            collection.drop(transaction)?;
            Ok(doc! { "nIndexesWas": number::count(collection.indexes.len()), "ns": namespace, "ok": 1.0 })
        })
        .await
}

pub(super) async fn drop_database(call: Call) -> Outcome<Document> {
    call.check(&[], &[])?;
    let database = call.database.clone();
    call.server
        .storage
        .write(move |transaction| {
            let collections = Collection::list_for_write(transaction, &format!("{database}."))?;
            for collection in &collections {
                collection.drop(transaction)?;
            }
            Ok(doc! { "ok": 1.0 })
        })
        .await
}

/// A cursor over documents that are already there.
pub(super) fn cursor(
    call: &Call,
    namespace: String,
    documents: Vec<Document>,
) -> Outcome<Document> {
    let size = match call
        .body
        .get_document("cursor")
        .ok()
        .and_then(|cursor| cursor.get("batchSize"))
    {
        Some(size) => number::exact(size)
            .and_then(|size| usize::try_from(size).ok())
            .unwrap_or(usize::MAX),
        None => usize::MAX,
    };
    let flow = Box::new(documents.into_iter().map(Ok));
    let cursor = Cursor::new(namespace, flow, call.body.get("lsid").cloned());
    Ok(call.server.cursors.open(cursor, size, false)?.0)
}

pub(super) fn list_collections(call: &Call) -> Outcome<Document> {
    call.check(
        &["filter", "nameOnly", "cursor", "authorizedCollections"],
        &[],
    )?;
    let filter = Filter::parse(&call.document("filter")?)?;
    let only_names = call.flag("nameOnly", false)?;
    let prefix = format!("{}.", call.database);
    let mut documents = Vec::new();
    for collection in Collection::list(&call.server.storage.read()?, &prefix)? {
        let name = &collection.namespace[prefix.len()..];
        let mut told = doc! { "name": name, "type": "collection" };
        if !only_names {
            told.extend(doc! {
                "options": {}, "info": { "readOnly": false }, "idIndex": collection.indexes[0].describe(),
            });
        }
        if filter.matches(&told)? {
            documents.push(told);
        }
    }
    cursor(call, format!("{prefix}$cmd.listCollections"), documents)
}

pub(super) fn list_databases(call: &Call) -> Outcome<Document> {
    call.check(&["filter", "nameOnly", "authorizedDatabases"], &[])?;
    if call.database != "admin" {
        return Err(Failure::new(
            13,
            "listDatabases may only be run against the admin database.",
        ));
    }
    let filter = Filter::parse(&call.document("filter")?)?;
    let only_names = call.flag("nameOnly", false)?;
    let transaction = call.server.storage.read()?;
    let mut sizes: BTreeMap<String, i64> = BTreeMap::new();
    for collection in Collection::list(&transaction, "")? {
        let database = collection
            .namespace
            .split('.')
            .next()
            .unwrap_or_default()
            .to_owned();
        let size = sizes.entry(database).or_default();
        *size += super::super::records::stored_bytes(&transaction, &collection)?;
    }
    let (mut databases, mut total) = (Vec::new(), 0);
    for (name, size) in sizes {
        let mut told = doc! { "name": name };
        if !only_names {
            told.extend(doc! { "sizeOnDisk": size, "empty": size == 0 });
        }
        if filter.matches(&told)? {
            total += size;
            databases.push(told);
        }
    }
    let mut reply = doc! { "databases": databases };
    if !only_names {
        reply.extend(doc! { "totalSize": total, "totalSizeMb": total / (1 << 20) });
    }
    reply.insert("ok", 1.0);
    Ok(reply)
}
