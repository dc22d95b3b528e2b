//! Counts that an index can answer alone, and those that only look so.

use bson::{Bson, Document, doc};

use super::{Case, array, index, insert};

fn rows() -> Vec<Document> {
    let state = |number: i32| if number % 3 == 0 { "gone" } else { "here" };
    let row = |number: i32| doc! { "_id": number, "d": "x", "w": format!("w{}", number % 2), "s": state(number), "b": number % 5 == 0 };
    let mut rows: Vec<Document> = (1..=40).map(row).collect();
    rows.push(doc! { "_id": 41, "d": "x", "w": "w1" });
    rows.push(doc! { "_id": 42, "d": "x", "w": "w1", "s": Bson::Null });
    rows.push(doc! { "_id": 43, "d": 7, "w": "w1", "s": "here" });
    rows
}

/// As `count`, as the drivers' `count_documents`, and as `$count`.
fn asked(filter: &Document) -> [Document; 4] {
    let aggregate = |stage: Document| doc! { "aggregate": "c", "pipeline": [{ "$match": filter }, stage], "cursor": {} };
    [
        doc! { "count": "c", "query": filter },
        doc! { "count": "c", "query": filter, "skip": 2, "limit": 3 },
        aggregate(doc! { "$group": { "_id": 1, "n": { "$sum": 1 } } }),
        aggregate(doc! { "$count": "n" }),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    let filters = [
        doc! { "d": "x", "w": "w1", "s": "here" },
        doc! { "$and": [{ "d": "x" }, { "w": "w1" }, { "s": "here" }] },
        doc! { "d": "x", "w": { "$in": ["w0", "w1", "w0"] }, "s": "here" },
        doc! { "d": "x", "w": { "$eq": "w0" } },
        doc! { "d": "x", "w": "w1", "s": Bson::Null },
        doc! { "d": "x", "w": "w1", "s": { "$ne": "here" } },
        doc! { "d": 7, "w": "w1", "s": "here" },
        doc! { "d": "x", "w": "w1", "s": "here", "b": true },
        doc! { "d": "x", "$and": [{ "d": "y" }], "w": "w1" },
        doc! { "d": "x", "w": "nowhere", "s": "here" },
        doc! { "b": true },
        doc! { "d": "x", "w": { "$gte": "w1" } },
    ];
    let counts: Vec<Document> = filters.iter().flat_map(asked).collect();
    let prepared = || {
        vec![
            insert(rows()),
            index(doc! { "d": 1, "w": 1, "s": 1, "_id": -1 }, "dws"),
            index(doc! { "b": -1 }, "b"),
        ]
    };
    let with_arrays = insert(vec![
        doc! { "_id": 50, "d": ["x", "y"], "w": "w1", "s": "here" },
        doc! { "_id": 51, "d": "x", "w": array(vec!["w0", "w1"]), "s": "here" },
    ]);
    vec![
        Case::new("counts of an index", [prepared(), counts.clone()].concat()),
        Case::new(
            "counts of an index with arrays",
            [prepared(), vec![with_arrays], counts.clone()].concat(),
        ),
        Case::new(
            "other groups of a whole query",
            vec![
                insert(rows()),
                index(doc! { "d": 1 }, "d"),
                doc! { "aggregate": "c", "pipeline": [{ "$match": { "d": "x" } }, { "$group": { "_id": Bson::Null, "n": { "$sum": 1 }, "m": { "$sum": 2 } } }], "cursor": {} },
                doc! { "aggregate": "c", "pipeline": [{ "$match": { "d": "x" } }, { "$group": { "_id": "$w", "n": { "$sum": 1 } } }, { "$sort": { "_id": 1 } }], "cursor": {} },
                doc! { "aggregate": "c", "pipeline": [{ "$match": { "d": "x" } }, { "$sort": { "_id": 1 } }, { "$limit": 5 }, { "$group": { "_id": 1, "n": { "$sum": 1 } } }], "cursor": {} },
            ],
        ),
    ]
}
