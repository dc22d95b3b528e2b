//! Collections, databases, indexes, and commands that there are not.

use bson::{Document, doc};

use super::{Case, all, array, index, insert};

fn unique(key: Document, name: &str) -> Document {
    doc! { "createIndexes": "c", "indexes": [{ "key": key, "name": name, "unique": true }] }
}

pub(super) fn cases() -> Vec<Case> {
    let list = || doc! { "listIndexes": "c" };
    let one = || insert(vec![doc! { "_id": 1, "a": 1 }]);
    vec![
        Case::new("ping", vec![doc! { "ping": 1 }]),
        Case::new("unknown command", vec![doc! { "foo": 1 }]).words(),
        Case::new(
            "create an index",
            vec![
                index(doc! { "a": 1 }, "a_1"),
                index(doc! { "a": 1 }, "a_1"),
                list(),
            ],
        ),
        Case::new(
            "create an index on data",
            vec![one(), index(doc! { "a": 1, "b": -1 }, "ab"), list()],
        ),
        Case::new(
            "create an index of another name",
            vec![
                index(doc! { "a": 1 }, "a_1"),
                index(doc! { "a": 1 }, "other"),
            ],
        ),
        Case::new(
            "create an index of another key",
            vec![index(doc! { "a": 1 }, "a_1"), index(doc! { "b": 1 }, "a_1")],
        ),
        Case::new(
            "create an index of the id",
            vec![one(), index(doc! { "_id": 1 }, "_id_"), list()],
        ),
        Case::new("create an index by zero", vec![index(doc! { "a": 0 }, "a")]),
        Case::new("create an index by nothing", vec![index(doc! {}, "a")]),
        Case::new(
            "create an index by a boolean",
            vec![index(doc! { "a": true }, "a")],
        ),
        Case::new(
            "create an index without a name",
            vec![doc! { "createIndexes": "c", "indexes": [{ "key": { "a": 1 } }] }],
        ),
        Case::new(
            "create an index without a key",
            vec![doc! { "createIndexes": "c", "indexes": [{ "name": "a" }] }],
        ),
        Case::new(
            "create no indexes",
            vec![
                doc! { "createIndexes": "c", "indexes": [] },
                doc! { "createIndexes": "c" },
            ],
        ),
        Case::new(
            "create an index with an unknown option",
            vec![
                doc! { "createIndexes": "c", "indexes": [{ "key": { "a": 1 }, "name": "a", "foo": 1 }] },
            ],
        ),
        Case::new(
            "create a sparse index",
            vec![
                doc! { "createIndexes": "c", "indexes": [{ "key": { "a": 1 }, "name": "a", "sparse": true, "unique": true }] },
                insert(vec![
                    doc! { "_id": 1 },
                    doc! { "_id": 2 },
                    doc! { "_id": 3, "a": 1 },
                    doc! { "_id": 4, "a": 1 },
                ]),
                all(),
                list(),
            ],
        ),
        Case::new(
            "unique",
            vec![
                unique(doc! { "a": 1 }, "a_1"),
                one(),
                insert(vec![doc! { "_id": 2, "a": 1 }]),
                insert(vec![doc! { "_id": 3, "a": 2 }]),
                all(),
            ],
        )
        .words(),
        Case::new(
            "unique null",
            vec![
                unique(doc! { "a": 1 }, "a_1"),
                insert(vec![doc! { "_id": 1 }]),
                insert(vec![doc! { "_id": 2 }]),
            ],
        )
        .words(),
        Case::new(
            "unique compound",
            vec![
                unique(doc! { "a": 1, "b.c": -1 }, "ab"),
                insert(vec![
                    doc! { "_id": 1, "a": "x", "b": { "c": 1 } },
                    doc! { "_id": 2, "a": "x", "b": { "c": 2 } },
                ]),
                insert(vec![doc! { "_id": 3, "a": "x", "b": { "c": 2.0 } }]),
            ],
        )
        .words(),
        Case::new(
            "unique items",
            vec![
                unique(doc! { "a": 1 }, "a_1"),
                insert(vec![doc! { "_id": 1, "a": [1, 2, 2] }]),
                insert(vec![doc! { "_id": 2, "a": [3] }]),
                insert(vec![doc! { "_id": 4, "a": 5 }]),
                all(),
            ],
        ),
        Case::new(
            "unique by update",
            vec![
                unique(doc! { "a": 1 }, "a_1"),
                insert(vec![doc! { "_id": 1, "a": 1 }, doc! { "_id": 2, "a": 2 }]),
                doc! { "update": "c", "updates": [{ "q": { "_id": 2 }, "u": { "$set": { "a": 1 } } }] },
                doc! { "update": "c", "updates": [{ "q": { "_id": 1 }, "u": { "$set": { "a": 1.0, "b": 1 } } }] },
                all(),
            ],
        ),
        Case::new(
            "unique by findAndModify",
            vec![
                unique(doc! { "a": 1 }, "a_1"),
                insert(vec![doc! { "_id": 1, "a": 1 }, doc! { "_id": 2, "a": 2 }]),
                doc! { "findAndModify": "c", "query": { "_id": 2 }, "update": { "$set": { "a": 1 } } },
            ],
        ),
        Case::new(
            "unique over existing duplicates",
            vec![
                insert(vec![doc! { "_id": 1, "a": 1 }, doc! { "_id": 2, "a": 1 }]),
                unique(doc! { "a": 1 }, "a_1"),
                list(),
            ],
        ),
        Case::new(
            "unique frees a deleted key",
            vec![
                unique(doc! { "a": 1 }, "a_1"),
                one(),
                doc! { "delete": "c", "deletes": [{ "q": { "a": 1 }, "limit": 1 }] },
                one(),
                all(),
            ],
        ),
        Case::new(
            "parallel arrays",
            vec![
                index(doc! { "a": 1, "b": 1 }, "ab"),
                insert(vec![
                    doc! { "_id": 1, "a": array(vec![1]), "b": array(vec![2]) },
                ]),
                all(),
            ],
        ),
        Case::new(
            "drop an index",
            vec![
                one(),
                index(doc! { "a": 1 }, "a_1"),
                doc! { "dropIndexes": "c", "index": "a_1" },
                list(),
            ],
        ),
        Case::new(
            "drop an index by key",
            vec![
                one(),
                index(doc! { "a": 1 }, "a_1"),
                doc! { "dropIndexes": "c", "index": { "a": 1 } },
                list(),
            ],
        ),
        Case::new(
            "drop all indexes",
            vec![
                one(),
                index(doc! { "a": 1 }, "a_1"),
                index(doc! { "b": 1 }, "b_1"),
                doc! { "dropIndexes": "c", "index": "*" },
                list(),
            ],
        ),
        Case::new(
            "drop the index of the id",
            vec![one(), doc! { "dropIndexes": "c", "index": "_id_" }],
        ),
        Case::new(
            "drop an index that is not there",
            vec![
                one(),
                doc! { "dropIndexes": "c", "index": "x" },
                doc! { "dropIndexes": "c", "index": { "x": 1 } },
                doc! { "dropIndexes": "nothing", "index": "x" },
            ],
        ),
        Case::new("list indexes of nothing", vec![list()]),
        Case::new(
            "create",
            vec![doc! { "create": "c" }, all(), doc! { "listCollections": 1 }],
        ),
        Case::new("create twice", vec![one(), doc! { "create": "c" }]),
        Case::new(
            "create with an unknown field",
            vec![doc! { "create": "c", "foo": 1 }],
        ),
        Case::new(
            "list collections",
            vec![
                one(),
                doc! { "listCollections": 1 },
                doc! { "listCollections": 1, "nameOnly": true },
                doc! { "listCollections": 1, "filter": { "name": "x" } },
            ],
        ),
        Case::new(
            "drop",
            vec![
                one(),
                index(doc! { "a": 1 }, "a_1"),
                doc! { "drop": "c" },
                all(),
                doc! { "listCollections": 1 },
            ],
        ),
        Case::new("drop nothing", vec![doc! { "drop": "c" }]),
        Case::new(
            "drop and make again",
            vec![one(), doc! { "drop": "c" }, one(), all()],
        ),
        Case::new(
            "drop a database",
            vec![
                one(),
                doc! { "dropDatabase": 1 },
                all(),
                doc! { "dropDatabase": 1 },
            ],
        ),
        Case::new("end sessions", vec![doc! { "endSessions": [] }]),
        Case::new(
            "a transaction",
            vec![
                doc! { "insert": "c", "documents": [{ "_id": 1 }], "txnNumber": 1_i64, "autocommit": false, "startTransaction": true },
            ],
        ),
    ]
}
