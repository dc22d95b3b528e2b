//! Inserts, updates, deletes, findAndModify.

use bson::{Bson, Document, doc};

use super::{Case, all, array, insert};

fn seed() -> Document {
    insert(vec![
        doc! { "_id": 1, "a": 1, "b": "x", "t": [1, 2, 3], "n": { "x": 1 } },
        doc! { "_id": 2, "a": 2, "b": "y", "t": [{ "k": 2, "v": 1 }, { "k": 1, "v": 2 }] },
        doc! { "_id": 3, "a": 3_i64, "b": "z", "t": "no" },
    ])
}

fn update(query: Document, change: impl Into<Bson>, more: Document) -> Document {
    let mut statement = doc! { "q": query, "u": change };
    statement.extend(more);
    doc! { "update": "c", "updates": [statement] }
}

/// Applied to the first document, told afterwards.
fn changes() -> Vec<(&'static str, i32, Document)> {
    vec![
        ("set", 1, doc! { "$set": { "a": 5, "z": 1, "c": 2 } }),
        ("set dotted", 1, doc! { "$set": { "n.y": 2, "p.q.r": 3 } }),
        ("set in an array", 1, doc! { "$set": { "t.1": 9 } }),
        ("set behind an array", 1, doc! { "$set": { "t.5": 9 } }),
        ("set the same", 1, doc! { "$set": { "a": 1 } }),
        ("set another type", 1, doc! { "$set": { "a": 1_i64 } }),
        ("set in a string", 3, doc! { "$set": { "b.c": 1 } }),
        ("set a field of an array", 1, doc! { "$set": { "t.x": 1 } }),
        ("set the id", 1, doc! { "$set": { "_id": 9 } }),
        ("set the same id", 1, doc! { "$set": { "_id": 1, "a": 2 } }),
        (
            "unset",
            1,
            doc! { "$unset": { "a": "", "n.x": 1, "nothing": 1 } },
        ),
        ("unset in an array", 1, doc! { "$unset": { "t.1": 1 } }),
        ("inc", 1, doc! { "$inc": { "a": 2, "new": 3 } }),
        ("inc by a double", 1, doc! { "$inc": { "a": 0.5 } }),
        ("inc a long", 3, doc! { "$inc": { "a": 1 } }),
        ("inc over int", 1, doc! { "$inc": { "a": i32::MAX } }),
        ("inc over long", 1, doc! { "$inc": { "a": i64::MAX } }),
        ("inc a string", 1, doc! { "$inc": { "b": 1 } }),
        ("inc by a string", 1, doc! { "$inc": { "a": "x" } }),
        ("mul", 1, doc! { "$mul": { "a": 3, "new": 3_i64 } }),
        ("min", 1, doc! { "$min": { "a": 0, "b": "zz", "new": 1 } }),
        ("max", 1, doc! { "$max": { "a": 7, "b": "a", "new": 1 } }),
        (
            "rename",
            1,
            doc! { "$rename": { "a": "renamed", "nothing": "more" } },
        ),
        ("rename over a field", 1, doc! { "$rename": { "a": "b" } }),
        ("rename to itself", 1, doc! { "$rename": { "a": "a" } }),
        ("push", 1, doc! { "$push": { "t": 4, "new": 1 } }),
        (
            "push each",
            1,
            doc! { "$push": { "t": { "$each": [9, 8] } } },
        ),
        (
            "push each with slice",
            1,
            doc! { "$push": { "t": { "$each": [9, 8], "$slice": -3 } } },
        ),
        (
            "push each with sort",
            1,
            doc! { "$push": { "t": { "$each": [9, 0], "$sort": -1 } } },
        ),
        (
            "push each sorted by field",
            2,
            doc! { "$push": { "t": { "$each": [{ "k": 0 }], "$sort": { "k": 1 } } } },
        ),
        (
            "push at a position",
            1,
            doc! { "$push": { "t": { "$each": [9, 8], "$position": 1 } } },
        ),
        ("push onto a string", 3, doc! { "$push": { "t": 1 } }),
        (
            "push with an unknown clause",
            1,
            doc! { "$push": { "t": { "$each": [], "$foo": 1 } } },
        ),
        ("addToSet", 1, doc! { "$addToSet": { "t": 2 } }),
        (
            "addToSet each",
            1,
            doc! { "$addToSet": { "t": { "$each": [2, 7, 7.0] }, "new": 1 } },
        ),
        ("addToSet to a string", 3, doc! { "$addToSet": { "t": 1 } }),
        ("pull", 1, doc! { "$pull": { "t": 2 } }),
        (
            "pull by condition",
            1,
            doc! { "$pull": { "t": { "$gte": 2 } } },
        ),
        ("pull documents", 2, doc! { "$pull": { "t": { "k": 1 } } }),
        ("pull in", 1, doc! { "$pull": { "t": { "$in": [1, 3] } } }),
        ("pull from a string", 3, doc! { "$pull": { "t": 1 } }),
        ("pullAll", 1, doc! { "$pullAll": { "t": [1, 3] } }),
        ("pullAll of a value", 1, doc! { "$pullAll": { "t": 1 } }),
        ("pop", 1, doc! { "$pop": { "t": 1 } }),
        ("pop the first", 1, doc! { "$pop": { "t": -1 } }),
        ("pop two", 1, doc! { "$pop": { "t": 2 } }),
        ("pop a string", 3, doc! { "$pop": { "t": 1 } }),
        (
            "setOnInsert without one",
            1,
            doc! { "$setOnInsert": { "a": 9 } },
        ),
        ("replace", 1, doc! { "new": true }),
        ("replace by nothing", 1, doc! {}),
        ("replace with the same id", 1, doc! { "x": 1, "_id": 1 }),
        ("replace with another id", 1, doc! { "_id": 9 }),
        ("unknown modifier", 1, doc! { "$foo": { "a": 1 } }),
        ("modifier and field", 1, doc! { "$set": { "a": 1 }, "b": 1 }),
        ("field and modifier", 1, doc! { "b": 1, "$set": { "a": 1 } }),
        ("modifier of a value", 1, doc! { "$set": 1 }),
        ("modifier of nothing", 1, doc! { "$set": {} }),
        (
            "conflict",
            1,
            doc! { "$set": { "a": 1 }, "$inc": { "a": 1 } },
        ),
        (
            "conflict with a parent",
            1,
            doc! { "$set": { "n": 1, "n.x": 2 } },
        ),
        ("empty path", 1, doc! { "$set": { "": 1 } }),
        ("empty part of a path", 1, doc! { "$set": { "a..b": 1 } }),
        (
            "currentDate of a number",
            1,
            doc! { "$currentDate": { "at": 1 } },
        ),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = changes()
        .into_iter()
        .map(|(name, id, change)| {
            Case::new(
                name,
                vec![seed(), update(doc! { "_id": id }, change, doc! {}), all()],
            )
        })
        .collect();
    cases.extend([
        Case::new("update many", vec![seed(), update(doc! { "a": { "$gt": 1 } }, doc! { "$set": { "m": 1 } }, doc! { "multi": true }), all()]),
        Case::new("update one of many", vec![seed(), update(doc! {}, doc! { "$set": { "m": 1 } }, doc! {}), all()]),
        Case::new("update nothing", vec![seed(), update(doc! { "_id": 99 }, doc! { "$set": { "m": 1 } }, doc! {}), all()]),
        Case::new("update in a missing collection", vec![update(doc! { "_id": 99 }, doc! { "$set": { "m": 1 } }, doc! {}), all()]),
        Case::new("replace many", vec![seed(), update(doc! {}, doc! { "m": 1 }, doc! { "multi": true }), all()]),
        Case::new("upsert", vec![update(doc! { "_id": 5, "a": { "$gt": 1 }, "n.x": 2 }, doc! { "$set": { "m": 1 }, "$setOnInsert": { "o": 2 } }, doc! { "upsert": true }), all()]),
        Case::new("upsert by and", vec![update(doc! { "$and": [{ "_id": 5 }, { "k": { "$eq": 3 } }] }, doc! { "$inc": { "m": 1 } }, doc! { "upsert": true }), all()]),
        Case::new("upsert a replacement", vec![update(doc! { "_id": 5, "k": 1 }, doc! { "m": 1 }, doc! { "upsert": true }), all()]),
        Case::new("upsert that finds", vec![seed(), update(doc! { "_id": 1 }, doc! { "$setOnInsert": { "o": 2 }, "$set": { "a": 8 } }, doc! { "upsert": true }), all()]),
        Case::new("upsert that conflicts", vec![update(doc! { "_id": 1, "a": 1 }, doc! { "$set": { "_id": 2 } }, doc! { "upsert": true }), all()]),
        Case::new("update by a broken query", vec![seed(), update(doc! { "a": { "$foo": 1 } }, doc! { "$set": { "a": 1 } }, doc! {})]),
        Case::new("several updates", vec![
            seed(),
            doc! { "update": "c", "updates": [
                { "q": { "_id": 1 }, "u": { "$inc": { "a": 1 } } },
                { "q": { "_id": 2 }, "u": { "$foo": { "a": 1 } } },
                { "q": { "_id": 3 }, "u": { "$inc": { "a": 1 } } },
            ] },
            all(),
        ]),
        Case::new("several updates in any order", vec![
            seed(),
            doc! { "update": "c", "ordered": false, "updates": [
                { "q": { "_id": 1 }, "u": { "$inc": { "b": 1 } } },
                { "q": { "_id": 3 }, "u": { "$inc": { "a": 1 } } },
                { "q": { "_id": 9 }, "u": { "$set": { "a": 1 } }, "upsert": true },
            ] },
            all(),
        ]),
        Case::new("no updates", vec![doc! { "update": "c", "updates": [] }, doc! { "update": "c" }]),
        Case::new("update with an unknown field", vec![update(doc! {}, doc! {}, doc! { "foo": 1 })]),
        Case::new("insert twice", vec![insert(vec![doc! { "_id": 1 }]), insert(vec![doc! { "_id": 1 }])]).words(),
        Case::new("insert equal numbers", vec![insert(vec![doc! { "_id": 1 }]), insert(vec![doc! { "_id": 1.0 }])]),
        Case::new("insert ordered", vec![insert(vec![doc! { "_id": 1 }, doc! { "_id": 1 }, doc! { "_id": 2 }]), all()]),
        Case::new("insert in any order", vec![doc! { "insert": "c", "ordered": false, "documents": [{ "_id": 1 }, { "_id": 1 }, { "_id": 2 }, { "_id": 1 }] }, all()]),
        Case::new("insert with the id behind", vec![insert(vec![doc! { "a": 1, "_id": 1, "b": 2 }]), all()]),
        Case::new("insert an array as id", vec![insert(vec![doc! { "_id": array(vec![1]) }])]),
        Case::new("insert nothing", vec![insert(vec![]), doc! { "insert": "c" }]),
        Case::new("insert a number", vec![doc! { "insert": "c", "documents": [1] }, doc! { "insert": "c", "documents": 1 }]),
        Case::new("insert with an unknown field", vec![doc! { "insert": "c", "documents": [{ "_id": 1 }], "foo": 1 }]),
        Case::new("insert ids of all kinds", vec![insert(vec![doc! { "_id": { "a": 1 } }, doc! { "_id": "x" }, doc! { "_id": Bson::Null }, doc! { "_id": true }, doc! { "_id": 2.5 }]), all()]),
        Case::new("delete one", vec![seed(), doc! { "delete": "c", "deletes": [{ "q": {}, "limit": 1 }] }, all()]),
        Case::new("delete many", vec![seed(), doc! { "delete": "c", "deletes": [{ "q": { "a": { "$gt": 1 } }, "limit": 0 }, { "q": { "_id": 1 }, "limit": 1 }] }, all()]),
        Case::new("delete nothing", vec![doc! { "delete": "c", "deletes": [{ "q": {}, "limit": 0 }] }]),
        Case::new("delete two", vec![doc! { "delete": "c", "deletes": [{ "q": {}, "limit": 2 }] }]),
        Case::new("delete without limit", vec![doc! { "delete": "c", "deletes": [{ "q": {} }] }]),
        Case::new("delete by a broken query", vec![seed(), doc! { "delete": "c", "deletes": [{ "q": { "$foo": 1 }, "limit": 0 }] }]),
    ]);
    cases.extend(find_and_modify());
    cases
}

fn find_and_modify() -> Vec<Case> {
    let run = |name: &str, more: Document| {
        let mut command = doc! { "findAndModify": "c" };
        command.extend(more);
        Case::new(
            format!("findAndModify {name}"),
            vec![seed(), command, all()],
        )
    };
    vec![
        run(
            "old",
            doc! { "query": { "_id": 1 }, "update": { "$inc": { "a": 1 } } },
        ),
        run(
            "new",
            doc! { "query": { "_id": 1 }, "update": { "$inc": { "a": 1 } }, "new": true },
        ),
        run(
            "sorted",
            doc! { "query": {}, "sort": { "a": -1 }, "update": { "$set": { "a": 0 } }, "new": true },
        ),
        run(
            "with fields",
            doc! { "query": { "_id": 1 }, "update": { "$set": { "a": 0 } }, "fields": { "b": 1, "_id": 0 } },
        ),
        run(
            "replace",
            doc! { "query": { "_id": 1 }, "update": { "r": 1 }, "new": true },
        ),
        run("remove", doc! { "query": { "_id": 1 }, "remove": true }),
        run(
            "remove nothing",
            doc! { "query": { "_id": 9 }, "remove": true },
        ),
        run(
            "nothing",
            doc! { "query": { "_id": 9 }, "update": { "$set": { "a": 0 } } },
        ),
        run(
            "upsert",
            doc! { "query": { "_id": 9 }, "update": { "$set": { "a": 0 } }, "upsert": true, "new": true },
        ),
        run(
            "upsert old",
            doc! { "query": { "_id": 9 }, "update": { "$set": { "a": 0 } }, "upsert": true },
        ),
        run("of nothing to do", doc! { "query": { "_id": 9 } }),
        run(
            "of both",
            doc! { "query": {}, "remove": true, "update": { "a": 1 } },
        ),
        run(
            "remove new",
            doc! { "query": {}, "remove": true, "new": true },
        ),
        run(
            "unknown modifier",
            doc! { "query": { "_id": 1 }, "update": { "$foo": { "a": 1 } } },
        ),
        run(
            "unknown operator",
            doc! { "query": { "a": { "$foo": 1 } }, "remove": true },
        ),
    ]
}
