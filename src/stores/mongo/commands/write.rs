//! `insert`, `update`, `delete`. The statements are read on the caller's task and executed on the
//! writer's thread; what fails in one statement is told in `writeErrors`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bson::{Bson, Document, doc};
use redb::WriteTransaction;

use super::super::catalog::Collection;
use super::super::failure::{Failure, Outcome};
use super::super::filter::Filter;
use super::super::order;
use super::super::path::Pattern;
use super::super::plan;
use super::super::records::Records;
use super::super::scan::Scan;
use super::super::update::Update;
use super::super::writing::Writing;
use super::super::{number, show};
use super::Call;

/// Runs statements until one fails, or all of them if the order does not matter.
///
/// Only the storage's own failure ends the command as a whole.
fn each<T>(
    statements: Vec<T>,
    ordered: bool,
    mut run: impl FnMut(usize, T) -> Outcome<()>,
) -> Outcome<Vec<Document>> {
    let mut errors = Vec::new();
    for (index, statement) in statements.into_iter().enumerate() {
        match run(index, statement) {
            Ok(()) => {}
            Err(failure) if failure.code == 8 => return Err(failure),
            Err(failure) => {
                errors.push(failure.to_write_error(index));
                if ordered {
                    break;
                }
            }
        }
    }
    Ok(errors)
}

fn with_errors(mut reply: Document, errors: Vec<Document>) -> Document {
    if !errors.is_empty() {
        reply.insert("writeErrors", errors);
    }
    reply.insert("ok", 1.0);
    reply
}

pub(super) async fn insert(call: Call) -> Outcome<Document> {
    call.check(&["documents", "ordered", "bypassDocumentValidation"], &[])?;
    let namespace = call.namespace()?;
    let documents = call.documents("documents")?;
    let ordered = call.flag("ordered", true)?;
    let report = Arc::clone(&call.report);
    call.server
        .storage
        .write(move |transaction| {
            let (collection, _) = Collection::ensure(transaction, &namespace)?;
            let mut writing = Writing::open(transaction, collection)?;
            let mut count = 0;
            let errors = each(documents, ordered, |_, document| {
                writing.insert(&with_id(document)?)?;
                count += 1;
                Ok(())
            })?;
            writing.close()?;
            report.documents.fetch_add(count as u64, Ordering::Relaxed);
            Ok(with_errors(doc! { "n": number::count(count) }, errors))
        })
        .await
}

/// The document with its `_id` in front, a new one if it has none.
pub(super) fn with_id(mut document: Document) -> Outcome<Document> {
    match document.get("_id") {
        Some(Bson::Array(_)) => Err(Failure::new(53, "The '_id' value cannot be of type array")),
        Some(Bson::RegularExpression(_)) => {
            Err(Failure::new(53, "The '_id' value cannot be of type regex"))
        }
        Some(Bson::Document(inner)) if inner.keys().any(|name| name.starts_with('$')) => {
            Err(Failure::new(
                52,
                "_id fields may not contain '$'-prefixed fields: the name is not valid for storage",
            ))
        }
        Some(_) if document.keys().next().is_some_and(|name| name == "_id") => Ok(document),
        _ => {
            let id = document
                .remove("_id")
                .unwrap_or_else(|| bson::oid::ObjectId::new().into());
            let mut result = doc! { "_id": id };
            result.extend(document);
            Ok(result)
        }
    }
}

/// What an update or a delete is to find.
pub(super) struct Target {
    pub(super) filter: Filter,
    pub(super) sort: Option<Pattern>,
    /// All that match, not only the first.
    pub(super) many: bool,
}

/// The records that match, taken before any of them is changed.
pub(super) fn records(
    call: &Call,
    writing: &Writing<'_>,
    target: Target,
) -> Outcome<Vec<(u64, Document)>> {
    let plan = plan::choose(&writing, &target.filter, target.sort.as_ref(), !target.many)?;
    call.note(&plan, writing.collection());
    let sorted = plan.sorted || target.sort.is_none();
    let mut scan = Scan::new(writing, plan, target.filter)?;
    scan.examined = examined(call);
    let most = if target.many { usize::MAX } else { 1 };
    match target.sort {
        Some(pattern) if !sorted => {
            let limit = (!target.many).then_some(1);
            order::sort(scan, &pattern, limit, |(_, document)| document)
        }
        _ => scan.take(most).collect(),
    }
}

fn examined(call: &Call) -> Arc<AtomicU64> {
    Arc::clone(&call.report.examined)
}

struct Statement {
    query: Document,
    update: Bson,
    many: bool,
    upsert: bool,
}

fn statement(form: &Document) -> Outcome<Statement> {
    for (name, value) in form {
        let idle = matches!(value, Bson::Null) || value.as_array().is_some_and(Vec::is_empty);
        match name.as_str() {
            "q" | "u" | "multi" | "upsert" | "hint" => {}
            "arrayFilters" | "collation" | "c" if idle => {}
            "arrayFilters" | "collation" | "c" => {
                return Err(Failure::unsupported(&format!(
                    "the field '{name}' of an update"
                )));
            }
            _ => {
                return Err(Failure::new(
                    40415,
                    format!("BSON field 'update.updates.{name}' is an unknown field."),
                ));
            }
        }
    }
    let missing = |name: &str| {
        Failure::new(
            40414,
            format!("BSON field 'update.updates.{name}' is missing but a required field"),
        )
    };
    Ok(Statement {
        query: form.get_document("q").map_err(|_| missing("q"))?.clone(),
        update: form.get("u").ok_or_else(|| missing("u"))?.clone(),
        many: form.get_bool("multi").unwrap_or(false),
        upsert: form.get_bool("upsert").unwrap_or(false),
    })
}

pub(super) async fn update(call: Call) -> Outcome<Document> {
    call.check(
        &["updates", "ordered", "bypassDocumentValidation"],
        &["let"],
    )?;
    let namespace = call.namespace()?;
    let statements: Vec<Statement> = call
        .documents("updates")?
        .iter()
        .map(statement)
        .collect::<Outcome<_>>()?;
    let ordered = call.flag("ordered", true)?;
    let server = Arc::clone(&call.server);
    server
        .storage
        .write(move |transaction| {
            let (mut found, mut changed, mut upserted) = (0, 0, Vec::new());
            let errors = each(statements, ordered, |index, statement| {
                let done = update_one(&call, transaction, &namespace, &statement)?;
                found += done.found;
                changed += done.changed;
                if let Some(id) = done.upserted {
                    found += 1;
                    upserted.push(doc! { "index": number::count(index), "_id": id });
                }
                Ok(())
            })?;
            call.note_documents(changed + upserted.len());
            let mut reply = doc! { "n": number::count(found) };
            if !errors.is_empty() {
                reply.insert("writeErrors", errors);
            }
            if !upserted.is_empty() {
                reply.insert("upserted", upserted);
            }
            reply.extend(doc! { "nModified": number::count(changed), "ok": 1.0 });
            Ok(reply)
        })
        .await
}

#[derive(Default)]
struct Done {
    found: usize,
    changed: usize,
    upserted: Option<Bson>,
}

fn update_one(
    call: &Call,
    transaction: &WriteTransaction,
    namespace: &str,
    statement: &Statement,
) -> Outcome<Done> {
    let update = Update::parse(&statement.update)?;
    if statement.many && update.is_replacement() {
        return Err(Failure::parse(
            "multi update is not supported for replacement-style update",
        ));
    }
    let filter = Filter::parse(&statement.query)?;
    let mut done = Done::default();
    if let Some(collection) = Collection::find_for_write(transaction, namespace)? {
        let mut writing = Writing::open(transaction, collection)?;
        let target = Target {
            filter,
            sort: None,
            many: statement.many,
        };
        let result = records(call, &writing, target).and_then(|records| {
            for (record, old) in records {
                let new = update.apply(&old, false)?;
                done.found += 1;
                if !same(&old, &new) {
                    writing.replace(record, &old, &new)?;
                    done.changed += 1;
                }
            }
            Ok(())
        });
        writing.close()?;
        result?;
    }
    if done.found == 0 && statement.upsert {
        let new = with_id(update.upsert(&statement.query)?)?;
        let (collection, _) = Collection::ensure(transaction, namespace)?;
        let mut writing = Writing::open(transaction, collection)?;
        let result = writing.insert(&new);
        writing.close()?;
        result?;
        done.upserted = new.get("_id").cloned();
    }
    Ok(done)
}

/// Whether an update changed nothing, types and order of fields included.
pub(super) fn same(old: &Document, new: &Document) -> bool {
    matches!((old.to_vec(), new.to_vec()), (Ok(old), Ok(new)) if old == new)
}

pub(super) async fn delete(call: Call) -> Outcome<Document> {
    call.check(&["deletes", "ordered"], &["let"])?;
    let namespace = call.namespace()?;
    let mut statements = Vec::new();
    for form in call.documents("deletes")? {
        let query = match form.get("q") {
            Some(Bson::Document(query)) => query.clone(),
            _ => {
                return Err(Failure::new(
                    40414,
                    "BSON field 'delete.deletes.q' is missing but a required field",
                ));
            }
        };
        if form.contains_key("collation") {
            return Err(Failure::unsupported("the field 'collation' of a delete"));
        }
        let limit = form.get("limit").and_then(number::exact);
        let many = match limit {
            Some(0) => true,
            Some(1) => false,
            Some(_) => {
                return Err(Failure::parse(format!(
                    "The limit field in delete objects must be 0 or 1. Got {}",
                    form.get("limit").map_or_else(String::new, show::value)
                )));
            }
            None => {
                return Err(Failure::new(
                    40414,
                    "BSON field 'delete.deletes.limit' is missing but a required field",
                ));
            }
        };
        statements.push((query, many));
    }
    let ordered = call.flag("ordered", true)?;
    let server = Arc::clone(&call.server);
    server
        .storage
        .write(move |transaction| {
            let mut count = 0;
            let errors = each(statements, ordered, |_, (query, many)| {
                let filter = Filter::parse(&query)?;
                let Some(collection) = Collection::find_for_write(transaction, &namespace)? else {
                    return Ok(());
                };
                let mut writing = Writing::open(transaction, collection)?;
                for (record, document) in records(
                    &call,
                    &writing,
                    Target {
                        filter,
                        sort: None,
                        many,
                    },
                )? {
                    writing.delete(record, &document)?;
                    count += 1;
                }
                writing.close()
            })?;
            call.note_documents(count);
            Ok(with_errors(doc! { "n": number::count(count) }, errors))
        })
        .await
}
