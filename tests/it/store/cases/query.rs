//! Filters, projections, sorts, batches.

use bson::{Bson, DateTime, Document, Regex, doc, oid::ObjectId};

use super::{Case, array, index, insert};

fn zoo() -> Vec<Document> {
    let id = ObjectId::from_bytes([7; 12]);
    vec![
        doc! { "_id": 1, "a": 1, "s": "alpha", "t": ["x", "y"], "n": { "b": 1, "c": "q" } },
        doc! { "_id": 2, "a": 2_i64, "s": "Beta", "t": [], "n": { "b": 2 } },
        doc! { "_id": 3, "a": 2.5, "s": "gamma\nline", "t": "x", "n": [{ "b": 1 }, { "b": 3, "c": "z" }] },
        doc! { "_id": 4, "a": Bson::Null, "s": "", "t": ["x", ["y", "z"]] },
        doc! { "_id": 5, "s": 7, "t": [1, 5, 9], "n": 5 },
        doc! { "_id": 6, "a": [1, 4], "s": true, "n": [] },
        doc! { "_id": 7, "a": "1", "d": DateTime::from_millis(1000), "o": id },
        doc! { "_id": 8, "a": f64::NAN, "d": DateTime::from_millis(2000), "n": { "b": [1, 2] } },
        doc! { "_id": 9, "a": { "x": 1, "y": 2 }, "s": Bson::RegularExpression(regex("^al", "")), "t": [Bson::Null] },
        doc! { "_id": 10, "a": i64::MAX, "s": Bson::MinKey, "t": [{ "k": 1, "v": 2 }, { "k": 2, "v": 1 }] },
        doc! { "_id": 11, "a": -0.0, "s": Bson::MaxKey, "t": [[1, 2], [3]] },
        doc! { "_id": 12, "a": false, "s": Bson::Timestamp(bson::Timestamp { time: 1, increment: 2 }), "n": { "b": Bson::Null } },
    ]
}

fn regex(pattern: &str, options: &str) -> Regex {
    Regex {
        pattern: pattern.try_into().unwrap(),
        options: options.try_into().unwrap(),
    }
}

fn filters() -> Vec<(&'static str, Document)> {
    vec![
        ("equal number of any type", doc! { "a": 2 }),
        ("equal zero", doc! { "a": 0 }),
        ("equal string", doc! { "s": "Beta" }),
        ("equal null finds missing", doc! { "a": Bson::Null }),
        ("equal null at a dotted path", doc! { "n.b": Bson::Null }),
        ("equal NaN", doc! { "a": f64::NAN }),
        ("equal document", doc! { "a": { "x": 1, "y": 2 } }),
        (
            "equal document in another order",
            doc! { "a": { "y": 2, "x": 1 } },
        ),
        ("equal array", doc! { "t": ["x", "y"] }),
        ("equal item", doc! { "t": "x" }),
        ("equal inner array", doc! { "t": ["y", "z"] }),
        ("equal empty array", doc! { "t": array(Vec::<i32>::new()) }),
        ("equal date", doc! { "d": DateTime::from_millis(1000) }),
        (
            "equal object id",
            doc! { "o": ObjectId::from_bytes([7; 12]) },
        ),
        ("equal min key", doc! { "s": Bson::MinKey }),
        ("dotted path", doc! { "n.b": 1 }),
        ("array position", doc! { "t.0": "x" }),
        ("array position and field", doc! { "n.1.b": 3 }),
        ("array position of an inner array", doc! { "t.0": 1 }),
        ("array position whole", doc! { "t.0": [1, 2] }),
        ("two positions", doc! { "t.0.1": 2 }),
        ("ne", doc! { "a": { "$ne": 2 } }),
        ("ne null", doc! { "a": { "$ne": Bson::Null } }),
        ("gt", doc! { "a": { "$gt": 1 } }),
        ("gte", doc! { "a": { "$gte": 2 } }),
        ("lt", doc! { "a": { "$lt": 2 } }),
        ("lte", doc! { "a": { "$lte": 1 } }),
        ("gte null", doc! { "a": { "$gte": Bson::Null } }),
        ("gt string", doc! { "s": { "$gt": "a" } }),
        (
            "gt date",
            doc! { "d": { "$gt": DateTime::from_millis(1000) } },
        ),
        ("gt boolean", doc! { "a": { "$gte": false } }),
        ("gt min key", doc! { "s": { "$gt": Bson::MinKey } }),
        ("lt max key", doc! { "s": { "$lt": Bson::MaxKey } }),
        ("gte NaN", doc! { "a": { "$gte": f64::NAN } }),
        ("gt array", doc! { "t": { "$gt": ["x"] } }),
        ("range over an array", doc! { "t": { "$gt": 5, "$lt": 8 } }),
        ("in", doc! { "a": { "$in": [1, "1"] } }),
        ("in null", doc! { "a": { "$in": [Bson::Null] } }),
        (
            "in regex",
            doc! { "s": { "$in": [Bson::RegularExpression(regex("^b", "i")), ""] } },
        ),
        ("in arrays", doc! { "t": { "$in": [["x", "y"], 9] } }),
        ("in nothing", doc! { "a": { "$in": [] } }),
        ("nin", doc! { "a": { "$nin": [1, Bson::Null] } }),
        (
            "and",
            doc! { "$and": [{ "a": { "$gt": 0 } }, { "s": "Beta" }] },
        ),
        ("or", doc! { "$or": [{ "a": 1 }, { "s": 7 }] }),
        ("nor", doc! { "$nor": [{ "a": 1 }, { "s": 7 }] }),
        ("not", doc! { "a": { "$not": { "$gt": 1 } } }),
        (
            "not regex",
            doc! { "s": { "$not": Bson::RegularExpression(regex("a", "")) } },
        ),
        ("exists", doc! { "a": { "$exists": true } }),
        ("does not exist", doc! { "a": { "$exists": false } }),
        (
            "exists at a dotted path",
            doc! { "n.c": { "$exists": true } },
        ),
        (
            "does not exist at a dotted path",
            doc! { "n.b": { "$exists": 0 } },
        ),
        ("type by name", doc! { "a": { "$type": "number" } }),
        ("type by number", doc! { "a": { "$type": 2 } }),
        ("type array", doc! { "t": { "$type": "array" } }),
        ("type of items", doc! { "t": { "$type": ["int", "null"] } }),
        ("type min key", doc! { "s": { "$type": -1 } }),
        ("all", doc! { "t": { "$all": ["x", "y"] } }),
        (
            "all of one inner array",
            doc! { "t": { "$all": [["y", "z"]] } },
        ),
        ("all of nothing", doc! { "t": { "$all": [] } }),
        (
            "all with elemMatch",
            doc! { "t": { "$all": [{ "$elemMatch": { "k": 1 } }, { "$elemMatch": { "v": 1 } }] } },
        ),
        (
            "elemMatch of documents",
            doc! { "t": { "$elemMatch": { "k": 1, "v": 2 } } },
        ),
        (
            "elemMatch of documents that has none",
            doc! { "t": { "$elemMatch": { "k": 1, "v": 1 } } },
        ),
        (
            "elemMatch of values",
            doc! { "t": { "$elemMatch": { "$gt": 4, "$lt": 6 } } },
        ),
        (
            "elemMatch at a dotted path",
            doc! { "n": { "$elemMatch": { "b": { "$gt": 2 } } } },
        ),
        (
            "elemMatch with or",
            doc! { "t": { "$elemMatch": { "$or": [{ "k": 2 }, { "k": 7 }] } } },
        ),
        ("size", doc! { "t": { "$size": 2 } }),
        ("size zero", doc! { "t": { "$size": 0 } }),
        ("mod", doc! { "a": { "$mod": [2, 0] } }),
        ("mod of items", doc! { "t": { "$mod": [4, 1] } }),
        ("regex", doc! { "s": { "$regex": "^al" } }),
        (
            "regex without case",
            doc! { "s": { "$regex": "BETA", "$options": "i" } },
        ),
        (
            "regex by lines",
            doc! { "s": { "$regex": "^line$", "$options": "m" } },
        ),
        (
            "regex with dots for newlines",
            doc! { "s": { "$regex": "a.l", "$options": "s" } },
        ),
        (
            "regex extended",
            doc! { "s": { "$regex": "a l p", "$options": "x" } },
        ),
        (
            "regex value",
            doc! { "s": Bson::RegularExpression(regex("^al", "")) },
        ),
        ("regex over items", doc! { "t": { "$regex": "^[xy]$" } }),
        ("expr", doc! { "$expr": { "$gt": ["$a", "$_id"] } }),
        (
            "expr over missing",
            doc! { "$expr": { "$eq": ["$nothing", "$neither"] } },
        ),
        ("comment in the query", doc! { "a": 1, "$comment": "hello" }),
        ("empty query", doc! {}),
        // errors
        ("unknown operator", doc! { "a": { "$foo": 1 } }),
        ("unknown top level operator", doc! { "$foo": [] }),
        ("and of nothing", doc! { "$and": [] }),
        ("and of a value", doc! { "$and": 1 }),
        ("or of values", doc! { "$or": [1] }),
        ("in of a value", doc! { "a": { "$in": 1 } }),
        ("in of an operator", doc! { "a": { "$in": [{ "$gt": 1 }] } }),
        ("all of a value", doc! { "a": { "$all": 1 } }),
        ("elemMatch of a value", doc! { "a": { "$elemMatch": 1 } }),
        ("size of a string", doc! { "a": { "$size": "x" } }),
        ("size negative", doc! { "a": { "$size": -1 } }),
        ("mod by zero", doc! { "a": { "$mod": [0, 1] } }),
        ("mod of one", doc! { "a": { "$mod": [2] } }),
        ("mod of three", doc! { "a": { "$mod": [2, 1, 3] } }),
        ("not of a value", doc! { "a": { "$not": 1 } }),
        ("not of nothing", doc! { "a": { "$not": {} } }),
        ("type unknown", doc! { "a": { "$type": "foo" } }),
        ("type unknown number", doc! { "a": { "$type": 99 } }),
        ("options without regex", doc! { "a": { "$options": "i" } }),
        ("regex of a number", doc! { "a": { "$regex": 1 } }),
        ("regex that is none", doc! { "a": { "$regex": "(" } }),
        (
            "regex with an unknown option",
            doc! { "a": { "$regex": "a", "$options": "q" } },
        ),
        (
            "ne regex",
            doc! { "a": { "$ne": Bson::RegularExpression(regex("a", "")) } },
        ),
    ]
}

/// Words that name the parser's internals are not compared.
const OTHER_WORDS: [&str; 9] = [
    "regex that is none",
    "regex with an unknown option",
    "size of a string",
    "size negative",
    "type unknown number",
    "in of a value",
    "in of an operator",
    "and of a value",
    "mod of three",
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for indexed in [false, true] {
        for (name, filter) in filters() {
            let mut commands = vec![insert(zoo())];
            if indexed {
                // One of them holds arrays, and one is descending.
                for (field, direction) in [("a", 1), ("s", -1), ("t", 1), ("n.b", 1), ("d", -1)] {
                    commands.push(index(doc! { field: direction }, field));
                }
            }
            commands.push(doc! { "find": "c", "filter": filter.clone(), "sort": { "_id": 1 } });
            commands.push(doc! { "count": "c", "query": filter });
            let name = if indexed {
                format!("{name}, indexed")
            } else {
                name.to_owned()
            };
            let case = Case::new(&name, commands);
            let plain = OTHER_WORDS.iter().any(|other| name.starts_with(other));
            cases.push(if plain { case } else { case.words() });
        }
    }
    cases.extend(
        finds()
            .into_iter()
            .map(|(name, commands)| Case::new(name, [vec![insert(zoo())], commands].concat())),
    );
    cases.extend(sorts());
    cases
}

fn find(more: Document) -> Document {
    let mut command = doc! { "find": "c" };
    command.extend(more);
    command
}

fn projected(projection: Document) -> Vec<Document> {
    vec![find(
        doc! { "sort": { "_id": 1 }, "projection": projection },
    )]
}

fn finds() -> Vec<(&'static str, Vec<Document>)> {
    vec![
        ("include", projected(doc! { "s": 1, "a": 1 })),
        ("include without id", projected(doc! { "s": 1, "_id": 0 })),
        ("include dotted", projected(doc! { "n.b": 1 })),
        (
            "include nested",
            projected(doc! { "n": { "b": 1, "c": true } }),
        ),
        ("include only the id", projected(doc! { "_id": 1 })),
        ("exclude", projected(doc! { "s": 0, "t": 0 })),
        ("exclude dotted", projected(doc! { "n.b": 0 })),
        ("exclude only the id", projected(doc! { "_id": 0 })),
        ("slice", projected(doc! { "t": { "$slice": 1 } })),
        (
            "slice from the end",
            projected(doc! { "t": { "$slice": -1 } }),
        ),
        (
            "slice of the middle",
            projected(doc! { "t": { "$slice": [1, 1] } }),
        ),
        (
            "slice beside inclusion",
            projected(doc! { "a": 1, "t": { "$slice": 1 } }),
        ),
        (
            "project elemMatch",
            projected(doc! { "t": { "$elemMatch": { "k": 2 } } }),
        ),
        (
            "computed",
            projected(doc! { "double": { "$multiply": ["$_id", 2] }, "s": 1 }),
        ),
        ("mixed inclusion", projected(doc! { "a": 1, "s": 0 })),
        ("mixed exclusion", projected(doc! { "a": 0, "s": 1 })),
        ("colliding paths", projected(doc! { "n": 1, "n.b": 1 })),
        (
            "skip and limit",
            vec![find(doc! { "sort": { "_id": -1 }, "skip": 2, "limit": 3 })],
        ),
        (
            "natural order",
            vec![find(doc! {}), find(doc! { "sort": { "$natural": 1 } })],
        ),
        (
            "limit zero",
            vec![find(doc! { "limit": 0, "sort": { "_id": 1 } })],
        ),
        (
            "single batch",
            vec![find(doc! { "batchSize": 2, "singleBatch": true })],
        ),
        ("first batch of two", vec![find(doc! { "batchSize": 2 })]),
        ("first batch of none", vec![find(doc! { "batchSize": 0 })]),
        ("negative limit", vec![find(doc! { "limit": -1 })]),
        ("negative skip", vec![find(doc! { "skip": -1 })]),
        ("limit of a string", vec![find(doc! { "limit": "x" })]),
        ("filter of a number", vec![find(doc! { "filter": 1 })]),
        ("unknown field", vec![find(doc! { "foo": 1 })]),
        (
            "sort of a string",
            vec![find(doc! { "sort": { "a": "x" } })],
        ),
        ("sort by two", vec![find(doc! { "sort": { "a": 2 } })]),
        ("sort by zero", vec![find(doc! { "sort": { "a": 0 } })]),
        (
            "hint that is not there",
            vec![find(doc! { "hint": "nope" })],
        ),
        (
            "hint of the id",
            vec![
                find(doc! { "hint": "_id_" }),
                find(doc! { "hint": { "_id": 1 } }),
            ],
        ),
        (
            "missing collection",
            vec![
                doc! { "find": "nothing" },
                doc! { "count": "nothing" },
                doc! { "distinct": "nothing", "key": "a" },
            ],
        ),
        (
            "empty collection name",
            vec![doc! { "find": "" }, doc! { "count": "" }],
        ),
        (
            "collection name of a number",
            vec![
                doc! { "find": 1 },
                doc! { "count": 1 },
                doc! { "drop": 1 },
                doc! { "insert": 1, "documents": [{ "_id": 1 }] },
                doc! { "delete": 1, "deletes": [{ "q": {}, "limit": 0 }] },
            ],
        ),
        (
            "distinct",
            vec![
                doc! { "distinct": "c", "key": "a" },
                doc! { "distinct": "c", "key": "n.b" },
                doc! { "distinct": "c", "key": "t", "query": { "_id": { "$lt": 6 } } },
            ],
        ),
        ("distinct without a key", vec![doc! { "distinct": "c" }]),
        (
            "count with skip and limit",
            vec![
                doc! { "count": "c", "skip": 3, "limit": 4 },
                doc! { "count": "c", "limit": -2 },
                doc! { "count": "c", "query": { "_id": { "$gt": 2 } }, "limit": 100, "skip": 1 },
            ],
        ),
        (
            "get more of nothing",
            vec![doc! { "getMore": 123_i64, "collection": "c" }],
        ),
        (
            "get more by a string",
            vec![doc! { "getMore": "x", "collection": "c" }],
        ),
        (
            "kill cursors that are not there",
            vec![doc! { "killCursors": "c", "cursors": [123_i64] }],
        ),
    ]
}

fn sorts() -> Vec<Case> {
    let mut cases = Vec::new();
    for field in ["a", "s", "t", "n.b", "d", "n"] {
        for direction in [1, -1] {
            for indexed in [false, true] {
                let mut commands = vec![insert(zoo())];
                if indexed {
                    commands.push(index(doc! { field: 1, "_id": 1 }, "i"));
                }
                commands.push(find(doc! { "sort": { field: direction, "_id": direction }, "projection": { "_id": 1 } }));
                commands.push(find(doc! { "sort": { field: direction, "_id": direction }, "limit": 4, "projection": { "_id": 1 } }));
                cases.push(Case::new(
                    format!("sort by {field} {direction}, indexed {indexed}"),
                    commands,
                ));
            }
        }
    }
    let parallel = insert(vec![doc! { "_id": 1, "a": [1], "b": [2] }]);
    cases.push(Case::new(
        "sort by parallel arrays",
        vec![parallel, find(doc! { "sort": { "a": 1, "b": 1 } })],
    ));
    let states = ["ACTIVE", "DELETED", "OFF"];
    let services: Vec<Document> = (0..60)
        .map(|number| doc! { "_id": number, "domain": format!("d{}", number % 2), "state": states[usize::try_from(number).unwrap() % 3], "at": (number * 37) % 60 })
        .collect();
    let mut commands = vec![
        insert(services),
        index(doc! { "domain": 1, "state": 1, "at": -1 }, "list"),
    ];
    for filter in [
        doc! { "domain": "d1" },
        doc! { "domain": "d1", "state": "ACTIVE" },
        doc! { "domain": "d1", "state": { "$in": ["ACTIVE", "OFF"] } },
        doc! { "domain": "d1", "state": "ACTIVE", "at": { "$gt": 10, "$lte": 40 } },
        doc! { "domain": { "$gte": "d0", "$lt": "d1" }, "at": { "$gt": 30 } },
        doc! { "domain": "d0", "at": { "$in": [1, 2, 3, 4, 4] } },
        doc! { "state": "OFF" },
    ] {
        for sort in [
            doc! { "at": -1 },
            doc! { "at": 1 },
            doc! { "state": 1, "at": -1 },
            doc! { "state": -1, "at": 1 },
        ] {
            commands.push(find(
                doc! { "filter": filter.clone(), "sort": sort, "limit": 7 },
            ));
        }
    }
    cases.push(Case::new("a compound index", commands));
    cases
}
