//! Pipelines and expressions.

use bson::{Bson, DateTime, Document, doc};

use super::{Case, insert};

fn servers() -> Document {
    insert(vec![
        doc! { "_id": 1, "provider": "aws", "region": "seoul", "cpu": 2, "cost": 1.5, "tags": [{ "k": "env", "v": "dev" }, { "k": "team", "v": "a" }], "at": DateTime::from_millis(1_700_000_000_000), "data": { "os": "linux" } },
        doc! { "_id": 2, "provider": "aws", "region": "tokyo", "cpu": 4_i64, "cost": 2, "tags": [], "at": DateTime::from_millis(1_700_086_400_123), "data": { "os": "windows", "n": 1 } },
        doc! { "_id": 3, "provider": "google", "region": "seoul", "cpu": 8, "tags": Bson::Null, "name": "Web-1" },
        doc! { "_id": 4, "provider": "azure", "cpu": Bson::Null, "cost": "free", "tags": "one" },
        doc! { "_id": 5, "region": "seoul", "cpu": 2.5, "cost": 3, "tags": ["x", "y"] },
    ])
}

fn pipelines() -> Vec<(&'static str, Vec<Document>)> {
    let by_id = || doc! { "$sort": { "_id": 1 } };
    let computed = |expression: Bson| vec![by_id(), doc! { "$project": { "r": expression } }];
    let group = |fields: Document| {
        let mut form = doc! { "_id": "$provider" };
        form.extend(fields);
        vec![
            doc! { "$sort": { "_id": 1 } },
            doc! { "$group": form },
            doc! { "$sort": { "_id": 1 } },
        ]
    };
    vec![
        ("empty pipeline", vec![]),
        ("match", vec![doc! { "$match": { "provider": "aws" } }]),
        (
            "match twice",
            vec![
                doc! { "$match": { "provider": "aws" } },
                doc! { "$match": { "cpu": { "$gt": 2 } } },
            ],
        ),
        (
            "sort limit skip",
            vec![
                doc! { "$sort": { "cpu": -1 } },
                doc! { "$limit": 4 },
                doc! { "$skip": 1 },
            ],
        ),
        (
            "skip then sort",
            vec![
                by_id(),
                doc! { "$skip": 2 },
                doc! { "$sort": { "cpu": 1 } },
                doc! { "$limit": 2 },
            ],
        ),
        (
            "group sum",
            group(
                doc! { "n": { "$sum": 1 }, "cpu": { "$sum": "$cpu" }, "cost": { "$sum": "$cost" } },
            ),
        ),
        (
            "group avg",
            group(doc! { "cpu": { "$avg": "$cpu" }, "cost": { "$avg": "$cost" } }),
        ),
        (
            "group min max",
            group(doc! { "min": { "$min": "$cpu" }, "max": { "$max": "$cost" } }),
        ),
        (
            "group first last",
            group(doc! { "first": { "$first": "$region" }, "last": { "$last": "$cost" } }),
        ),
        (
            "group push",
            group(
                doc! { "ids": { "$push": "$_id" }, "regions": { "$push": "$region" }, "pairs": { "$push": { "i": "$_id", "c": "$cost" } } },
            ),
        ),
        (
            "group addToSet",
            vec![
                by_id(),
                doc! { "$limit": 1 },
                doc! { "$group": { "_id": 1, "set": { "$addToSet": "$region" } } },
            ],
        ),
        ("group count", group(doc! { "n": { "$count": {} } })),
        (
            "group mergeObjects",
            group(doc! { "m": { "$mergeObjects": "$data" } }),
        ),
        (
            "group all",
            vec![doc! { "$group": { "_id": Bson::Null, "n": { "$sum": 1 } } }],
        ),
        (
            "group by a document",
            vec![
                doc! { "$group": { "_id": { "p": "$provider", "r": "$region" }, "n": { "$sum": 1 } } },
                by_id(),
            ],
        ),
        (
            "group expression",
            group(doc! { "n": { "$sum": { "$cond": [{ "$gt": ["$cpu", 2] }, 1, 0] } } }),
        ),
        (
            "project include",
            vec![
                by_id(),
                doc! { "$project": { "provider": 1, "data.os": 1 } },
            ],
        ),
        (
            "project exclude",
            vec![by_id(), doc! { "$project": { "tags": 0, "data.os": 0 } }],
        ),
        (
            "project rename",
            vec![
                by_id(),
                doc! { "$project": { "_id": 0, "p": "$provider", "x": { "y": "$cpu" } } },
            ],
        ),
        (
            "addFields",
            vec![
                by_id(),
                doc! { "$addFields": { "double": { "$multiply": ["$_id", 2] }, "data.more": "$region", "cpu": "one" } },
            ],
        ),
        ("set", vec![by_id(), doc! { "$set": { "a": "$provider" } }]),
        (
            "unset",
            vec![
                by_id(),
                doc! { "$unset": ["tags", "data.os"] },
                doc! { "$unset": "at" },
            ],
        ),
        ("unwind", vec![by_id(), doc! { "$unwind": "$tags" }]),
        (
            "unwind with options",
            vec![
                by_id(),
                doc! { "$unwind": { "path": "$tags", "includeArrayIndex": "at", "preserveNullAndEmptyArrays": true } },
            ],
        ),
        (
            "unwind and group",
            vec![
                doc! { "$unwind": "$tags" },
                doc! { "$group": { "_id": "$tags.k", "n": { "$sum": 1 } } },
                by_id(),
            ],
        ),
        (
            "count",
            vec![
                doc! { "$match": { "cpu": { "$gt": 2 } } },
                doc! { "$count": "n" },
            ],
        ),
        (
            "count of nothing",
            vec![doc! { "$match": { "cpu": 99 } }, doc! { "$count": "n" }],
        ),
        (
            "sortByCount",
            vec![
                doc! { "$match": { "_id": { "$lt": 4 } } },
                doc! { "$sortByCount": "$provider" },
            ],
        ),
        (
            "replaceRoot",
            vec![
                doc! { "$match": { "data": { "$exists": true } } },
                by_id(),
                doc! { "$replaceRoot": { "newRoot": "$data" } },
            ],
        ),
        (
            "replaceRoot by none",
            vec![doc! { "$replaceRoot": { "newRoot": "$data" } }],
        ),
        (
            "replaceWith",
            vec![by_id(), doc! { "$replaceWith": { "id": "$_id" } }],
        ),
        (
            "cond",
            computed(
                doc! { "$cond": { "if": { "$gte": ["$cpu", 4] }, "then": "big", "else": "small" } }
                    .into(),
            ),
        ),
        (
            "ifNull",
            computed(doc! { "$ifNull": ["$cost", "$region", "none"] }.into()),
        ),
        (
            "comparisons",
            computed(
                vec![
                    Bson::from(doc! { "$eq": ["$cpu", 2] }),
                    doc! { "$ne": ["$cpu", 2] }.into(),
                    doc! { "$lt": ["$cost", "$cpu"] }.into(),
                    doc! { "$cmp": ["$region", "$name"] }.into(),
                ]
                .into(),
            ),
        ),
        (
            "logic",
            computed(
                vec![
                    Bson::from(doc! { "$and": ["$cpu", "$cost"] }),
                    doc! { "$or": ["$cpu", "$nothing"] }.into(),
                    doc! { "$not": ["$tags"] }.into(),
                ]
                .into(),
            ),
        ),
        (
            "in",
            computed(doc! { "$in": ["$provider", ["aws", "google"]] }.into()),
        ),
        (
            "concat",
            computed(doc! { "$concat": ["$provider", "/", "$region"] }.into()),
        ),
        (
            "case",
            computed(
                vec![
                    Bson::from(doc! { "$toLower": "$name" }),
                    doc! { "$toUpper": "$provider" }.into(),
                ]
                .into(),
            ),
        ),
        ("add", computed(doc! { "$add": ["$_id", "$cpu", 1] }.into())),
        (
            "add to a date",
            vec![
                doc! { "$match": { "_id": 1 } },
                doc! { "$project": { "r": { "$add": ["$at", 1000] } } },
            ],
        ),
        (
            "subtract",
            computed(doc! { "$subtract": ["$cpu", "$_id"] }.into()),
        ),
        (
            "subtract dates",
            vec![
                doc! { "$match": { "_id": 1 } },
                doc! { "$project": { "r": { "$subtract": ["$at", DateTime::from_millis(5)] } } },
            ],
        ),
        (
            "multiply",
            computed(doc! { "$multiply": ["$cpu", 2, "$_id"] }.into()),
        ),
        (
            "divide",
            computed(doc! { "$divide": ["$cpu", "$_id"] }.into()),
        ),
        (
            "size",
            vec![
                doc! { "$match": { "_id": { "$in": [1, 2, 5] } } },
                by_id(),
                doc! { "$project": { "r": { "$size": "$tags" } } },
            ],
        ),
        (
            "arrayElemAt",
            vec![
                doc! { "$match": { "_id": { "$ne": 4 } } },
                by_id(),
                doc! { "$project": { "r": { "$arrayElemAt": ["$tags", 0] }, "l": { "$arrayElemAt": ["$tags", -1] }, "n": { "$arrayElemAt": ["$tags", 9] } } },
            ],
        ),
        (
            "first and last",
            vec![
                doc! { "$match": { "_id": 5 } },
                doc! { "$project": { "f": { "$first": "$tags" }, "l": { "$last": "$tags" } } },
            ],
        ),
        (
            "dateToString",
            vec![
                doc! { "$match": { "at": { "$exists": true } } },
                by_id(),
                doc! { "$project": { "r": { "$dateToString": { "date": "$at", "format": "%Y-%m-%d %H:%M:%S.%L %j" } }, "d": { "$dateToString": { "date": "$at" } } } },
            ],
        ),
        (
            "dateToString of nothing",
            computed(doc! { "$dateToString": { "date": "$nothing", "onNull": "never" } }.into()),
        ),
        (
            "objectToArray",
            computed(doc! { "$objectToArray": "$data" }.into()),
        ),
        (
            "arrayToObject",
            vec![
                doc! { "$match": { "_id": 1 } },
                doc! { "$project": { "r": { "$arrayToObject": "$tags" } } },
            ],
        ),
        (
            "mergeObjects",
            computed(doc! { "$mergeObjects": ["$data", { "x": 1 }] }.into()),
        ),
        (
            "filter",
            vec![
                doc! { "$match": { "_id": 1 } },
                doc! { "$project": { "r": { "$filter": { "input": "$tags", "as": "tag", "cond": { "$eq": ["$$tag.k", "env"] } } } } },
            ],
        ),
        (
            "map",
            vec![
                doc! { "$match": { "_id": 5 } },
                doc! { "$project": { "r": { "$map": { "input": "$tags", "in": { "$toUpper": "$$this" } } } } },
            ],
        ),
        ("path through arrays", computed("$tags.k".into())),
        (
            "root",
            vec![
                doc! { "$match": { "_id": 5 } },
                doc! { "$project": { "r": "$$ROOT", "c": "$$CURRENT.cpu" } },
            ],
        ),
        ("literal", computed(doc! { "$literal": "$x" }.into())),
        (
            "remove",
            computed(doc! { "$cond": [{ "$eq": ["$_id", 1] }, "$$REMOVE", "kept"] }.into()),
        ),
        ("type", computed(doc! { "$type": "$cpu" }.into())),
        ("isArray", computed(doc! { "$isArray": "$tags" }.into())),
        (
            "sum of fields",
            computed(doc! { "$sum": ["$cpu", "$cost"] }.into()),
        ),
        // errors
        ("unknown stage", vec![doc! { "$foo": {} }]),
        ("stage of two", vec![doc! { "$match": {}, "$limit": 1 }]),
        ("unknown accumulator", group(doc! { "n": { "$foo": 1 } })),
        ("field that is no accumulator", group(doc! { "n": 1 })),
        (
            "group without id",
            vec![doc! { "$group": { "n": { "$sum": 1 } } }],
        ),
        ("unknown expression", computed(doc! { "$foo": 1 }.into())),
        ("limit zero", vec![doc! { "$limit": 0 }]),
        ("limit of a string", vec![doc! { "$limit": "x" }]),
        ("skip negative", vec![doc! { "$skip": -1 }]),
        ("match of a number", vec![doc! { "$match": 1 }]),
        ("sort of nothing", vec![doc! { "$sort": {} }]),
        ("sort by a string", vec![doc! { "$sort": { "a": "x" } }]),
        ("project of nothing", vec![doc! { "$project": {} }]),
        ("unwind without a dollar", vec![doc! { "$unwind": "tags" }]),
        ("unwind of a number", vec![doc! { "$unwind": 1 }]),
        ("count with a dollar", vec![doc! { "$count": "$n" }]),
        ("count of an empty name", vec![doc! { "$count": "" }]),
        (
            "size of a string",
            computed(doc! { "$size": "$provider" }.into()),
        ),
        (
            "divide by zero",
            computed(doc! { "$divide": [1, 0] }.into()),
        ),
        (
            "concat of a number",
            computed(doc! { "$concat": ["$cpu"] }.into()),
        ),
        (
            "multiply of a string",
            computed(doc! { "$multiply": ["$provider", 1] }.into()),
        ),
        (
            "subtract of a string",
            computed(doc! { "$subtract": ["$provider", 1] }.into()),
        ),
        (
            "divide of a string",
            computed(doc! { "$divide": ["$provider", 1] }.into()),
        ),
        (
            "unknown expression inside",
            computed(doc! { "$add": [{ "$foo": 1 }] }.into()),
        ),
        (
            "unknown expression in addFields",
            vec![doc! { "$addFields": { "r": { "$foo": 1 } } }],
        ),
        (
            "size of missing",
            computed(doc! { "$size": "$nothing" }.into()),
        ),
        ("undefined upper variable", computed("$$NOPE".into())),
        ("cond of two", computed(doc! { "$cond": [1, 2] }.into())),
        (
            "cond without else",
            computed(doc! { "$cond": { "if": 1, "then": 2 } }.into()),
        ),
        (
            "filter without a condition",
            computed(doc! { "$filter": { "input": [] } }.into()),
        ),
        (
            "map over a string",
            computed(doc! { "$map": { "input": "$provider", "in": 1 } }.into()),
        ),
        (
            "arrayElemAt of a string",
            computed(doc! { "$arrayElemAt": ["$provider", 0] }.into()),
        ),
        (
            "objectToArray of a string",
            computed(doc! { "$objectToArray": "$provider" }.into()),
        ),
        (
            "mergeObjects of a string",
            computed(doc! { "$mergeObjects": ["$provider"] }.into()),
        ),
        (
            "dateToString of a string",
            computed(doc! { "$dateToString": { "date": "$provider" } }.into()),
        ),
        (
            "toLower of a document",
            computed(doc! { "$toLower": "$data" }.into()),
        ),
        (
            "ifNull of one",
            computed(doc! { "$ifNull": ["$cost"] }.into()),
        ),
        (
            "add of a string",
            computed(doc! { "$add": ["$provider", 1] }.into()),
        ),
        ("undefined variable", computed("$$nope".into())),
        ("dollar alone", computed("$".into())),
        (
            "expression of two",
            computed(doc! { "$add": [1], "$sum": [1] }.into()),
        ),
        ("eq of three", computed(doc! { "$eq": [1, 2, 3] }.into())),
        (
            "in of no array",
            computed(doc! { "$in": [1, "$provider"] }.into()),
        ),
    ]
}

pub(super) fn cases() -> Vec<Case> {
    let run =
        |pipeline: Vec<Document>| doc! { "aggregate": "c", "pipeline": pipeline, "cursor": {} };
    let mut cases: Vec<Case> = pipelines()
        .into_iter()
        .map(|(name, pipeline)| {
            Case::new(format!("aggregate {name}"), vec![servers(), run(pipeline)])
        })
        .collect();
    cases.push(
        Case::new(
            "aggregate without order",
            vec![
                servers(),
                run(vec![doc! { "$group": { "_id": "$region" } }]),
            ],
        )
        .unordered(),
    );
    cases.push(Case::new(
        "aggregate a missing collection",
        vec![run(vec![doc! { "$match": {} }])],
    ));
    cases.push(Case::new(
        "aggregate without a cursor",
        vec![doc! { "aggregate": "c", "pipeline": [] }],
    ));
    cases.push(Case::new(
        "aggregate without a pipeline",
        vec![doc! { "aggregate": "c", "cursor": {} }],
    ));
    cases.push(Case::new(
        "aggregate of a number",
        vec![doc! { "aggregate": "c", "pipeline": [1], "cursor": {} }],
    ));
    cases.push(Case::new("aggregate in batches", vec![servers(), doc! { "aggregate": "c", "pipeline": [{ "$sort": { "_id": 1 } }], "cursor": { "batchSize": 2 } }]));
    cases
}
