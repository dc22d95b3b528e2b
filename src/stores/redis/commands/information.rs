//! What the server tells of itself, and commands on whole databases.

use std::fmt::Write;
use std::sync::atomic::Ordering;

use super::{Call, Command, Group, NO_KEYS, OTHER, READ, WRITE, tables};
use crate::stores::redis::arguments::{is, lower};
use crate::stores::redis::glob;
use crate::stores::redis::keyspace::DATABASES;
use crate::stores::redis::protocol::LARGEST_BULK;
use crate::stores::redis::reply::{Answer, Refusal, Reply};

/// The Redis whose behaviour is the measure.
pub(super) const VERSION: &str = "7.0.15";

pub(super) const GROUP: Group = Group {
    name: "server",
    commands: &[
        command("info", -1, OTHER, "1.0.0", |call| Ok(info(call))),
        command("time", 1, OTHER, "2.6.0", |call| Ok(time(call))),
        command("dbsize", 1, READ, "1.0.0", |call| {
            Ok(Reply::count(call.keyspace.len(call.session.database)))
        }),
        command("flushdb", -1, WRITE, "1.0.0", |call| {
            let database = call.session.database;
            flush(call, Some(database))
        }),
        command("flushall", -1, WRITE, "1.0.0", |call| flush(call, None)),
        // Always with a part; this row is for the arity.
        command("config", -2, OTHER, "2.0.0", |_| Ok(Reply::OK)),
        command("config|get", -3, OTHER, "2.0.0", |call| {
            Ok(config_get(call))
        }),
        command("command", -1, OTHER, "2.8.13", |_| Ok(tables::rows())),
        command("command|count", 2, OTHER, "2.8.13", |_| {
            Ok(Reply::count(tables::count()))
        }),
        command("command|info", -2, OTHER, "2.8.13", |call| {
            Ok(tables::info(call))
        }),
        command("command|docs", -2, OTHER, "7.0.0", |call| {
            Ok(tables::docs(call))
        }),
    ],
};

const fn command(
    name: &'static str,
    arity: i32,
    flags: &'static [&'static str],
    since: &'static str,
    run: fn(&mut Call<'_>) -> Answer,
) -> Command {
    super::command(name, arity, NO_KEYS, flags, since, run)
}

fn time(call: &mut Call<'_>) -> Reply {
    let micros = (call.now % 1000) * 1000;
    let parts = [call.now / 1000, micros].map(|part| Reply::text(part.to_string()));
    Reply::Array(parts.into())
}

fn flush(call: &mut Call<'_>, database: Option<u8>) -> Answer {
    match call.arguments {
        [_] => {}
        [_, how] if is(how, "SYNC") || is(how, "ASYNC") => {}
        _ => return Err(Refusal::SYNTAX),
    }
    call.keyspace.clear(database);
    Ok(Reply::OK)
}

/// What clients and tools ask for before they do anything else.
fn config_get(call: &mut Call<'_>) -> Reply {
    let durable = call.server.durable;
    let values = [
        ("appendonly", if durable { "yes" } else { "no" }.to_owned()),
        ("appendfsync", "always".to_owned()),
        ("databases", DATABASES.to_string()),
        ("maxmemory", "0".to_owned()),
        ("maxmemory-policy", "noeviction".to_owned()),
        ("port", call.server.port.to_string()),
        ("proto-max-bulk-len", LARGEST_BULK.to_string()),
        ("requirepass", String::new()),
        ("save", String::new()),
        ("timeout", "0".to_owned()),
    ];
    let patterns: Vec<String> = call.arguments[2..].iter().map(|text| lower(text)).collect();
    let asked = |name: &str| {
        let mut patterns = patterns.iter();
        patterns.any(|pattern| glob::fits(pattern.as_bytes(), name.as_bytes()))
    };
    let told = values.into_iter().filter(|(name, _)| asked(name));
    let told = told.map(|(name, value)| (Reply::text(name), Reply::text(value)));
    Reply::Map(told.collect())
}

fn info(call: &mut Call<'_>) -> Reply {
    let asked: Vec<String> = call.arguments[1..].iter().map(|text| lower(text)).collect();
    let every = asked.is_empty()
        || asked
            .iter()
            .any(|name| ["all", "default", "everything"].contains(&name.as_str()));
    let mut text = String::new();
    for (name, lines) in sections(call) {
        if !every && !asked.contains(&name.to_ascii_lowercase()) {
            continue;
        }
        if !text.is_empty() {
            text.push_str("\r\n");
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "# {name}\r\n");
        for (name, value) in lines {
            let _ = write!(text, "{name}:{value}\r\n");
        }
    }
    Reply::Text(text)
}

type Section = (&'static str, Vec<(String, String)>);

fn sections(call: &Call<'_>) -> Vec<Section> {
    let server = call.server;
    let uptime = server.started.elapsed().as_secs();
    let line = |name: &str, value: &dyn std::fmt::Display| (name.to_owned(), value.to_string());
    let connected = server.connections.load(Ordering::Relaxed);
    let databases = (0..DATABASES).filter(|number| call.keyspace.len(*number) > 0);
    let keys = databases.map(|number| {
        let (keys, expires) = (call.keyspace.len(number), call.keyspace.expiring(number));
        (
            format!("db{number}"),
            format!("keys={keys},expires={expires},avg_ttl=0"),
        )
    });
    vec![
        (
            "Server",
            vec![
                line("redis_version", &VERSION),
                line("redis_mode", &"standalone"),
                line("redis_build_id", &"cloudforet-lab"),
                line("process_id", &std::process::id()),
                line("tcp_port", &server.port),
                line("uptime_in_seconds", &uptime),
            ],
        ),
        (
            "Clients",
            vec![
                line("connected_clients", &connected),
                line("blocked_clients", &call.keyspace.waiting.len()),
            ],
        ),
        (
            "Persistence",
            vec![
                line("loading", &0),
                line("aof_enabled", &u8::from(server.durable)),
            ],
        ),
        (
            "Stats",
            vec![line(
                "total_commands_processed",
                &server.commands.load(Ordering::Relaxed),
            )],
        ),
        (
            "Replication",
            vec![line("role", &"master"), line("connected_slaves", &0)],
        ),
        ("Keyspace", keys.collect()),
    ]
}
