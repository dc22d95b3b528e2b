//! Commands that tell about the server and the session.

use std::net::SocketAddr;

use bson::{Binary, Bson, Document, doc, spec::BinarySubtype};

use super::super::failure::{Failure, Outcome};
use super::super::wire::LARGEST_MESSAGE;
use super::super::writing::LARGEST_DOCUMENT;
use super::Call;

/// The MongoDB release whose answers these are.
const VERSION: &str = "6.0.5";
/// The wire versions of that release.
const WIRE_VERSION: i32 = 17;
/// Writes in one message, as MongoDB has it.
const LARGEST_BATCH: i32 = 100_000;

pub(super) fn hello(call: &Call, client: SocketAddr) -> Document {
    let size = |bytes: usize| i32::try_from(bytes).unwrap_or(i32::MAX);
    let primary = if call.command == "hello" {
        "isWritablePrimary"
    } else {
        "ismaster"
    };
    let mut reply = doc! {};
    if call.body.get_bool("helloOk").unwrap_or(false) {
        reply.insert("helloOk", true);
    }
    reply.extend(doc! {
        primary: true,
        "maxBsonObjectSize": size(LARGEST_DOCUMENT),
        "maxMessageSizeBytes": size(LARGEST_MESSAGE),
        "maxWriteBatchSize": LARGEST_BATCH,
        "localTime": bson::DateTime::now(),
        "logicalSessionTimeoutMinutes": 30,
        "connectionId": i32::from(client.port()),
        "minWireVersion": 0,
        "maxWireVersion": WIRE_VERSION,
        "readOnly": false,
        "ok": 1.0,
    });
    reply
}

pub(super) fn build_info() -> Document {
    doc! {
        "version": VERSION,
        "gitVersion": env!("CARGO_PKG_VERSION"),
        "modules": ["cloudforet-lab built-in store"],
        "versionArray": [6, 0, 5, 0],
        "bits": 64,
        "debug": cfg!(debug_assertions),
        "maxBsonObjectSize": i32::try_from(LARGEST_DOCUMENT).unwrap_or(i32::MAX),
        "storageEngines": ["redb"],
        "ok": 1.0,
    }
}

pub(super) fn connection_status() -> Document {
    doc! {
        "authInfo": { "authenticatedUsers": [], "authenticatedUserRoles": [] },
        "ok": 1.0,
    }
}

pub(super) fn parameter(call: &Call) -> Outcome<Document> {
    if call.body.contains_key("featureCompatibilityVersion") {
        return Ok(doc! { "featureCompatibilityVersion": { "version": "6.0" }, "ok": 1.0 });
    }
    Err(Failure::new(72, "no option found to get"))
}

pub(super) fn server_status(call: &Call) -> Document {
    let uptime = call.server.started.elapsed();
    doc! {
        "host": format!("{}:{}", call.server.pod, call.server.port),
        "version": VERSION,
        "process": "lab",
        "pid": i64::from(std::process::id()),
        "uptime": uptime.as_secs_f64().floor(),
        "uptimeMillis": i64::try_from(uptime.as_millis()).unwrap_or(i64::MAX),
        "localTime": bson::DateTime::now(),
        "storageEngine": { "name": "redb", "persistent": true },
        "ok": 1.0,
    }
}

pub(super) fn start_session() -> Document {
    let id = Binary {
        subtype: BinarySubtype::Uuid,
        bytes: fastrand::u128(..).to_be_bytes().to_vec(),
    };
    doc! { "id": { "id": id }, "timeoutMinutes": 30, "ok": 1.0 }
}

pub(super) fn end_sessions(call: &Call) -> Document {
    if let Some(Bson::Array(sessions)) = call.body.get(&call.command) {
        for session in sessions {
            call.server.cursors.kill_session(session);
        }
    }
    doc! { "ok": 1.0 }
}
