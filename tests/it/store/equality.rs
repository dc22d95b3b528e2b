//! One suite, two servers: every case's answers must be equal.

use bson::{Bson, Document, doc};
use mongodb::Client;
use mongodb::error::ErrorKind;

use super::cases::{Case, cases};
use super::server::{Store, client};
use crate::support::mongod::Mongod;

/// The answer, or the error with its code and name.
async fn ask(client: &Client, database: &str, command: Document) -> Document {
    match client.database(database).run_command(command).await {
        Ok(answer) => answer,
        Err(error) => match *error.kind {
            ErrorKind::Command(error) => {
                doc! { "error": { "code": error.code, "name": error.code_name, "message": error.message } }
            }
            other => doc! { "failed": other.to_string() },
        },
    }
}

/// Takes out what is different by nature: ids of cursors, and words of errors where the case says so.
fn normalise(value: &mut Bson, words: bool) {
    match value {
        Bson::Document(document) => {
            // The order of these is not even the same in all answers of one mongod.
            if let Some(batch) = document.remove("firstBatch") {
                document.insert("firstBatch", batch);
            }
            for name in [
                "$clusterTime",
                "operationTime",
                "localTime",
                "connectionId",
                "topologyVersion",
                "sizeOnDisk",
                "totalSize",
                "totalSizeMb",
                "uuid",
                "errInfo",
            ] {
                document.remove(name);
            }
            if !words {
                document.remove("message");
                document.remove("errmsg");
            }
            for (name, value) in document.iter_mut() {
                match value {
                    Bson::Int64(id) if name == "id" && *id != 0 => *id = 1,
                    value => normalise(value, words),
                }
            }
        }
        Bson::Array(items) => items.iter_mut().for_each(|item| normalise(item, words)),
        _ => {}
    }
}

async fn run(client: &Client, number: usize, case: &Case) -> Vec<Document> {
    let database = format!("case_{number}");
    let mut answers = Vec::new();
    for command in &case.commands {
        let mut answer = Bson::Document(ask(client, &database, command.clone()).await);
        normalise(&mut answer, case.words);
        if case.unordered {
            sort_batches(&mut answer);
        }
        answers.push(answer.as_document().unwrap().clone());
    }
    answers
}

fn sort_batches(answer: &mut Bson) {
    if let Some(Ok(cursor)) = answer
        .as_document_mut()
        .map(|answer| answer.get_document_mut("cursor"))
        && let Ok(batch) = cursor.get_array_mut("firstBatch")
    {
        batch.sort_by_key(ToString::to_string);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_equal_those_of_mongod() {
    let (store, mongod) = tokio::join!(Store::start(None), Mongod::start());
    let (built_in, real) = (store.client().await, client(mongod.address()).await);
    let cases = cases();
    let commands: usize = cases.iter().map(|case| case.commands.len()).sum();
    assert!(commands >= 150, "only {commands} commands");
    let mut different = Vec::new();
    for (number, case) in cases.iter().enumerate() {
        let (ours, theirs) = (
            run(&built_in, number, case).await,
            run(&real, number, case).await,
        );
        for ((command, ours), theirs) in case.commands.iter().zip(&ours).zip(&theirs) {
            // As bytes: the order of fields counts, and NaN equals itself.
            if ours.to_vec().unwrap() != theirs.to_vec().unwrap() {
                different.push(format!(
                    "{}\n  asked  {command}\n  store  {ours}\n  mongod {theirs}",
                    case.name
                ));
            }
        }
    }
    store.stop().await;
    assert!(
        different.is_empty(),
        "{} of {commands} answers differ:\n{}",
        different.len(),
        different.join("\n")
    );
}
