//! From a command's name to what does it.

use std::net::SocketAddr;
use std::sync::Arc;

use bson::{Bson, Document, doc};

use super::connection::Report;
use super::failure::{Failure, Outcome};
use super::server::Server;
use super::wire::Request;

mod administer;
mod arguments;
mod indexes;
mod modify;
mod query;
mod tell;
mod write;

/// What every command gets.
#[derive(Clone)]
pub(super) struct Call {
    server: Arc<Server>,
    database: String,
    command: String,
    body: Document,
    report: Arc<Report>,
}

/// Answers a request.
pub(super) async fn run(
    server: &Arc<Server>,
    request: &Request,
    client: SocketAddr,
    report: &Arc<Report>,
) -> Outcome<Document> {
    let body = &request.body;
    let Some(command) = body.keys().next().cloned() else {
        return Err(Failure::new(59, "no such command: ''"));
    };
    if request.legacy && !matches!(command.as_str(), "hello" | "isMaster" | "ismaster") {
        return Err(Failure::new(
            352,
            format!(
                "Unsupported OP_QUERY command: {command}. The client driver may require an upgrade."
            ),
        ));
    }
    let Some(Bson::String(database)) = body.get("$db") else {
        return Err(Failure::new(
            40571,
            "OP_MSG requests require a $db argument",
        ));
    };
    let database = database.clone();
    if body.contains_key("txnNumber") {
        return Err(Failure::new(
            20,
            "Transaction numbers are only allowed on a replica set member or mongos",
        ));
    }
    let call = Call {
        server: Arc::clone(server),
        database,
        command: command.clone(),
        body: body.clone(),
        report: Arc::clone(report),
    };
    match command.as_str() {
        "hello" | "isMaster" | "ismaster" => Ok(tell::hello(&call, client)),
        "ping" | "refreshSessions" => Ok(doc! { "ok": 1.0 }),
        "buildInfo" | "buildinfo" => Ok(tell::build_info()),
        "whatsmyuri" => Ok(doc! { "you": super::connection::uri(client), "ok": 1.0 }),
        "connectionStatus" => Ok(tell::connection_status()),
        "getParameter" => tell::parameter(&call),
        "serverStatus" => Ok(tell::server_status(&call)),
        "startSession" => Ok(tell::start_session()),
        "endSessions" | "killSessions" => Ok(tell::end_sessions(&call)),
        "find" => blocking(call, query::find).await,
        "aggregate" => blocking(call, query::aggregate).await,
        "count" => blocking(call, query::count).await,
        "distinct" => blocking(call, query::distinct).await,
        "getMore" => blocking(call, query::get_more).await,
        "killCursors" => query::kill_cursors(&call),
        "insert" => write::insert(call).await,
        "update" => write::update(call).await,
        "delete" => write::delete(call).await,
        "findAndModify" | "findandmodify" => modify::find_and_modify(call).await,
        "create" => administer::create(call).await,
        "drop" => administer::drop(call).await,
        "dropDatabase" => administer::drop_database(call).await,
        "createIndexes" => indexes::create_indexes(call).await,
        "dropIndexes" => indexes::drop_indexes(call).await,
        "listIndexes" => blocking(call, indexes::list_indexes).await,
        "listCollections" => blocking(call, administer::list_collections).await,
        "listDatabases" => blocking(call, administer::list_databases).await,
        "commitTransaction" | "abortTransaction" => Err(Failure::new(
            125,
            format!("{command} may only be run within a transaction"),
        )),
        _ => Err(Failure::new(59, format!("no such command: '{command}'"))),
    }
}

/// Runs what may take long, beside the tasks that serve sockets.
async fn blocking(call: Call, work: fn(&Call) -> Outcome<Document>) -> Outcome<Document> {
    if query::is_light(&call) {
        // A point lookup takes less time than handing it to another thread.
        return work(&call);
    }
    match tokio::task::spawn_blocking(move || work(&call)).await {
        Ok(result) => result,
        Err(_) => Err(Failure::new(1, "the command failed inside the store")),
    }
}
