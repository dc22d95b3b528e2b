//! What was acknowledged is there after the store ended without a drain.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use bson::{Document, doc};

use super::server::Store;

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_documents_survive_an_abort() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::start(Some(folder.path().to_owned())).await;
    let acknowledged = Arc::new(AtomicI32::new(0));
    let collection = store
        .client()
        .await
        .database("d")
        .collection::<Document>("c");
    collection.insert_one(doc! { "_id": 0 }).await.unwrap();
    let progress = Arc::clone(&acknowledged);
    let writer = tokio::spawn(async move {
        for id in 1.. {
            if collection
                .insert_one(doc! { "_id": id, "text": "x".repeat(500) })
                .await
                .is_err()
            {
                return;
            }
            progress.store(id, Ordering::SeqCst);
        }
    });
    while acknowledged.load(Ordering::SeqCst) < 50 {
        tokio::task::yield_now().await;
    }
    store.abort().await;
    writer.abort();
    let acknowledged = acknowledged.load(Ordering::SeqCst);
    let store = reopen(folder.path()).await;
    let collection = store
        .client()
        .await
        .database("d")
        .collection::<Document>("c");
    let found = collection
        .count_documents(doc! { "_id": { "$lte": acknowledged } })
        .await
        .unwrap();
    assert_eq!(found, u64::try_from(acknowledged).unwrap() + 1);
    store.stop().await;
}

/// The aborted store's connections and writer let go of the file a moment later.
async fn reopen(folder: &std::path::Path) -> Store {
    loop {
        let store = Store::start(Some(folder.to_owned())).await;
        let client = store.client().await;
        if client
            .database("d")
            .run_command(doc! { "ping": 1 })
            .await
            .is_ok()
        {
            return store;
        }
    }
}

#[tokio::test]
async fn a_second_store_on_the_same_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::start(Some(folder.path().to_owned())).await;
    store
        .client()
        .await
        .database("d")
        .run_command(doc! { "ping": 1 })
        .await
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (_trigger, shutdown) = lab::net::Trigger::new();
    let settings = lab::stores::mongo::Settings {
        data: Some(folder.path().to_owned()),
        pod: String::new(),
        emit: Box::new(|_| {}),
    };
    let error = lab::stores::mongo::serve(listener, settings, shutdown)
        .await
        .unwrap_err();
    assert!(
        error.to_string().contains("in use by another process"),
        "{error}"
    );
    store.stop().await;
}
