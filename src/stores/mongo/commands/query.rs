//! Commands that read documents.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bson::{Bson, Document, doc};

use super::super::catalog::Collection;
use super::super::cursors::Cursor;
use super::super::failure::{Failure, Outcome};
use super::super::filter::Filter;
use super::super::path::{self, Pattern};
use super::super::pipeline::{Flow, Stage};
use super::super::plan::{self, Plan};
use super::super::projection::Projection;
use super::super::records::{Records, Snapshot};
use super::super::scan::Scan;
use super::super::{key, number, order, show};
use super::Call;

/// The first batch of a cursor when the client says nothing, as in MongoDB.
const FIRST_BATCH: usize = 101;

/// Whether the command is a lookup by `_id` and nothing else.
pub(super) fn is_light(call: &Call) -> bool {
    call.command == "find"
        && call.body.get_document("filter").is_ok_and(|filter| {
            filter.len() == 1
                && matches!(
                    filter.get("_id"),
                    Some(Bson::ObjectId(_) | Bson::String(_) | Bson::Int32(_) | Bson::Int64(_))
                )
        })
}

impl Call {
    /// Notes for the span how documents are found.
    pub(super) fn note(&self, plan: &Plan, collection: &Collection) {
        let text = match plan.index {
            Some(at) => format!("IXSCAN {}", collection.indexes[at].name),
            None => "COLLSCAN".to_owned(),
        };
        // A command with several statements tells of the first.
        let _ = self.report.plan.set(text);
    }

    pub(super) fn note_documents(&self, count: usize) {
        self.report
            .documents
            .fetch_add(count as u64, Ordering::Relaxed);
    }

    /// Documents of a query in order; the sort is done by the index where one gives it.
    fn flow(
        &self,
        namespace: &str,
        filter: Filter,
        sort: Option<&Pattern>,
        most: Option<usize>,
    ) -> Outcome<Flow> {
        let Some(snapshot) = Snapshot::open(&self.server.storage.read()?, namespace)? else {
            return Ok(Box::new(std::iter::empty()));
        };
        let plan = plan::choose(&snapshot, &filter, sort, most.is_some())?;
        self.note(&plan, snapshot.collection());
        let sorted = plan.sorted || sort.is_none();
        let mut scan = Scan::new(snapshot, plan, filter)?;
        scan.examined = Arc::clone(&self.report.examined);
        let flow = scan.map(|item| item.map(|(_, document)| document));
        match sort {
            Some(pattern) if !sorted => {
                let sorted = order::sort(flow, pattern, most, |document| document)?;
                Ok(Box::new(sorted.into_iter().map(Ok)))
            }
            _ => Ok(Box::new(flow)),
        }
    }

    /// How many documents a query accepts, at most `most`.
    fn count(&self, namespace: &str, filter: Filter, most: usize) -> Outcome<usize> {
        let Some(snapshot) = Snapshot::open(&self.server.storage.read()?, namespace)? else {
            return Ok(0);
        };
        let plan = plan::choose(&snapshot, &filter, None, false)?;
        self.note(&plan, snapshot.collection());
        let mut scan = Scan::new(snapshot, plan, filter)?;
        scan.examined = Arc::clone(&self.report.examined);
        scan.count(most)
    }

    /// A hint must name an index that is there; the planner chooses for itself all the same.
    fn check_hint(&self, namespace: &str) -> Outcome<()> {
        let Some(hint) = self.body.get("hint") else {
            return Ok(());
        };
        let found = Collection::find(&self.server.storage.read()?, namespace)?;
        let Some(collection) = found else {
            return Ok(());
        };
        let known = match hint {
            Bson::String(name) => collection.indexes.iter().any(|index| index.name == *name),
            Bson::Document(form) if form.is_empty() || form.contains_key("$natural") => true,
            Bson::Document(form) => collection.indexes.iter().any(|index| {
                key::equal(
                    &Bson::Document(index.key.clone()),
                    &Bson::Document(form.clone()),
                )
            }),
            _ => return Err(Failure::parse("Hint must be a string or an object")),
        };
        if known {
            Ok(())
        } else {
            Err(Failure::bad_value(
                "error processing query: planner returned error :: caused by :: hint provided does not correspond to an existing index",
            ))
        }
    }

    fn session(&self) -> Option<Bson> {
        self.body.get("lsid").cloned()
    }
}

pub(super) fn find(call: &Call) -> Outcome<Document> {
    let namespace = call.namespace()?;
    call.check(
        &[
            "filter",
            "projection",
            "sort",
            "skip",
            "limit",
            "batchSize",
            "singleBatch",
            "hint",
            "allowDiskUse",
            "noCursorTimeout",
            "allowPartialResults",
        ],
        &[
            "collation",
            "let",
            "min",
            "max",
            "returnKey",
            "showRecordId",
            "tailable",
            "awaitData",
            "oplogReplay",
        ],
    )?;
    let filter = Filter::parse(&call.document("filter")?)?;
    let projection = call.document("projection")?;
    let projection = if projection.is_empty() {
        None
    } else {
        Some(Projection::parse(&projection, true)?)
    };
    let sort = call.document("sort")?;
    let sort = match sort.is_empty() || sort.contains_key("$natural") {
        true if sort
            .get("$natural")
            .and_then(number::exact)
            .is_some_and(|direction| direction < 0) =>
        {
            return Err(Failure::unsupported("a backward natural sort"));
        }
        true => None,
        false => Some(order::parse(&sort, true)?),
    };
    let skip = call.size("skip")?.unwrap_or(0);
    let limit = call.size("limit")?.filter(|limit| *limit > 0);
    let size = call.size("batchSize")?;
    let single = call.flag("singleBatch", false)?;
    call.check_hint(&namespace)?;
    let most = limit.map(|limit| limit.saturating_add(skip));
    let flow = call.flow(&namespace, filter, sort.as_ref(), most)?;
    let flow = flow.skip(skip).take(limit.unwrap_or(usize::MAX));
    let flow: Flow = match projection {
        Some(projection) => Box::new(flow.map(move |item| projection.apply(&item?))),
        None => Box::new(flow),
    };
    let cursor = Cursor::new(namespace, flow, call.session());
    let (reply, returned) =
        call.server
            .cursors
            .open(cursor, size.unwrap_or(FIRST_BATCH), single)?;
    call.note_documents(returned);
    Ok(reply)
}

pub(super) fn aggregate(call: &Call) -> Outcome<Document> {
    call.check(
        &[
            "pipeline",
            "cursor",
            "allowDiskUse",
            "hint",
            "bypassDocumentValidation",
        ],
        &["collation", "let", "explain"],
    )?;
    if number::exact(call.body.get("aggregate").unwrap_or(&Bson::Null)) == Some(1) {
        return Err(Failure::unsupported("an aggregation without a collection"));
    }
    let namespace = call.namespace()?;
    let stages = match call.body.get("pipeline") {
        Some(Bson::Array(pipeline)) => Stage::parse_all(pipeline)?,
        Some(_) => {
            return Err(Failure::type_mismatch(
                "'pipeline' option must be specified as an array",
            ));
        }
        None => {
            return Err(Failure::new(
                40414,
                "BSON field 'aggregate.pipeline' is missing but a required field",
            ));
        }
    };
    let size = match call.body.get("cursor") {
        Some(Bson::Document(cursor)) => match cursor.get("batchSize") {
            Some(size) => number::exact(size)
                .and_then(|size| usize::try_from(size).ok())
                .ok_or_else(|| {
                    Failure::type_mismatch(
                        "BSON field 'batchSize' must be a number that is not negative",
                    )
                })?,
            None => FIRST_BATCH,
        },
        Some(_) => {
            return Err(Failure::type_mismatch(
                "BSON field 'cursor' is the wrong type, expected type 'object'",
            ));
        }
        None => {
            return Err(Failure::parse(
                "The 'cursor' option is required, except for aggregate with the explain argument",
            ));
        }
    };
    call.check_hint(&namespace)?;
    // The first stages are a query, and the planner answers it.
    let mut stages = stages.into_iter().peekable();
    let mut filters = Vec::new();
    while let Some(Stage::Match(..)) = stages.peek() {
        if let Some(Stage::Match(filter)) = stages.next() {
            filters.push(filter);
        }
    }
    let sort = match stages.next_if(|stage| matches!(stage, Stage::Sort(_))) {
        Some(Stage::Sort(pattern)) => Some(pattern),
        _ => None,
    };
    let counting = stages.next_if(|stage| sort.is_none() && stage.only_counts());
    let mut flow: Flow = if let Some(counting) = counting {
        let count = call.count(&namespace, Filter::And(filters), usize::MAX)?;
        Box::new(counting.of_count(count).map(Ok).into_iter())
    } else {
        let most = limit_ahead(&mut stages);
        call.flow(&namespace, Filter::And(filters), sort.as_ref(), most)?
    };
    while let Some(stage) = stages.next() {
        let limit = match stage {
            Stage::Sort(_) => limit_ahead(&mut stages),
            _ => None,
        };
        flow = stage.attach(flow, limit)?;
    }
    let cursor = Cursor::new(namespace, flow, call.session());
    let (reply, returned) = call.server.cursors.open(cursor, size, false)?;
    call.note_documents(returned);
    Ok(reply)
}

/// How many documents the next stage lets through.
fn limit_ahead(stages: &mut std::iter::Peekable<impl Iterator<Item = Stage>>) -> Option<usize> {
    match stages.peek() {
        Some(Stage::Limit(limit)) => Some(*limit),
        _ => None,
    }
}

pub(super) fn count(call: &Call) -> Outcome<Document> {
    let namespace = call.namespace()?;
    call.check(
        &["query", "limit", "skip", "hint", "fields"],
        &["collation"],
    )?;
    let filter = Filter::parse(&call.document("query")?)?;
    let skip = call.size("skip")?.unwrap_or(0);
    let limit = match call.body.get("limit").and_then(number::exact) {
        Some(0) | None => usize::MAX,
        Some(limit) => usize::try_from(limit.unsigned_abs()).unwrap_or(usize::MAX),
    };
    call.check_hint(&namespace)?;
    let all = if filter.is_trivial() {
        match Snapshot::open(&call.server.storage.read()?, &namespace)? {
            Some(snapshot) => usize::try_from(snapshot.count()?).unwrap_or(usize::MAX),
            None => 0,
        }
    } else {
        call.count(&namespace, filter, limit.saturating_add(skip))?
    };
    let count = all.saturating_sub(skip).min(limit);
    Ok(doc! { "n": number::count(count), "ok": 1.0 })
}

pub(super) fn distinct(call: &Call) -> Outcome<Document> {
    let namespace = call.namespace()?;
    call.check(&["key", "query", "hint"], &["collation"])?;
    let field = match call.body.get("key") {
        Some(Bson::String(field)) => path::split(field),
        Some(other) => {
            return Err(Failure::type_mismatch(format!(
                "BSON field 'distinct.key' is the wrong type '{}', expected type 'string'",
                show::type_name(Some(other))
            )));
        }
        None => {
            return Err(Failure::new(
                40414,
                "BSON field 'distinct.key' is missing but a required field",
            ));
        }
    };
    let filter = Filter::parse(&call.document("query")?)?;
    let mut values = std::collections::BTreeMap::new();
    for item in call.flow(&namespace, filter, None, None)? {
        path::any(&item?, &field, false, &mut |value| {
            // An array is told by its items.
            let found = match value {
                Some(Bson::Array(items)) => items.as_slice(),
                Some(value) => std::slice::from_ref(value),
                None => &[],
            };
            for value in found {
                values
                    .entry(key::encoded(value))
                    .or_insert_with(|| value.clone());
            }
            false
        });
    }
    let values: Vec<Bson> = values.into_values().collect();
    call.note_documents(values.len());
    Ok(doc! { "values": values, "ok": 1.0 })
}

pub(super) fn get_more(call: &Call) -> Outcome<Document> {
    call.check(
        &["collection", "batchSize"],
        &["term", "lastKnownCommittedOpTime"],
    )?;
    let namespace = call.namespace_from("collection")?;
    let Some(Bson::Int64(id)) = call.body.get("getMore") else {
        return Err(Failure::type_mismatch(format!(
            "BSON field 'getMore.getMore' is the wrong type '{}', expected type 'long'",
            show::type_name(call.body.get("getMore"))
        )));
    };
    let size = call
        .size("batchSize")?
        .filter(|size| *size > 0)
        .unwrap_or(usize::MAX);
    let (reply, returned) = call.server.cursors.more(*id, &namespace, size)?;
    call.note_documents(returned);
    Ok(reply)
}

pub(super) fn kill_cursors(call: &Call) -> Outcome<Document> {
    call.check(&["cursors"], &[])?;
    let Some(Bson::Array(ids)) = call.body.get("cursors") else {
        return Err(Failure::new(
            40414,
            "BSON field 'killCursors.cursors' is missing but a required field",
        ));
    };
    let (mut killed, mut missing) = (Vec::new(), Vec::new());
    for id in ids {
        match id {
            Bson::Int64(number) if call.server.cursors.kill(*number) => killed.push(id.clone()),
            id => missing.push(id.clone()),
        }
    }
    Ok(
        doc! { "cursorsKilled": killed, "cursorsNotFound": missing, "cursorsAlive": [], "cursorsUnknown": [], "ok": 1.0 },
    )
}
