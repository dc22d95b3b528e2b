//! A traced command tells its span; an untraced one tells nothing.

use bson::{Document, doc};
use lab::model::{Event, SpanKind};

use super::server::Store;

const SAMPLED: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

#[tokio::test]
async fn a_sampled_comment_makes_a_span() {
    let store = Store::start(None).await;
    let collection = store
        .client()
        .await
        .database("inventory")
        .collection::<Document>("cloud_service");
    collection
        .insert_one(doc! { "_id": 1, "a": 2 })
        .await
        .unwrap();
    collection
        .find_one(doc! { "_id": 1 })
        .comment(SAMPLED.replace("-01", "-00"))
        .await
        .unwrap();
    assert!(store.events.lock().unwrap().is_empty());
    collection
        .find_one(doc! { "_id": 1 })
        .comment(SAMPLED)
        .await
        .unwrap();
    let events = std::mem::take(&mut *store.events.lock().unwrap());
    let [Event::Span(span)] = events.as_slice() else {
        panic!("{events:?}");
    };
    assert_eq!(span.kind, SpanKind::MongoServer);
    assert_eq!(span.name, "find cloud_service");
    assert_eq!(span.parent.unwrap().to_string(), "00f067aa0ba902b7");
    assert_eq!(span.attributes["plan"], "IXSCAN _id_");
    assert_eq!(span.attributes["examined"], 1);
    assert_eq!(span.attributes["documents"], 1);
    assert_eq!(span.inbound.unwrap().local, store.address);
    store.stop().await;
}
