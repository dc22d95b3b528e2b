//! Commands on keys of any type, without their expiry.

use bytes::Bytes;

use super::{ALL_KEYS, Call, Group, NO_KEYS, ONE_KEY, READ, WRITE, command};
use crate::stores::redis::arguments::{is, lower, number};
use crate::stores::redis::glob;
use crate::stores::redis::reply::{Answer, Refusal, Reply};

pub(super) const GROUP: Group = Group {
    name: "generic",
    commands: &[
        command("del", -2, ALL_KEYS, WRITE, "1.0.0", |call| Ok(delete(call))),
        command("unlink", -2, ALL_KEYS, WRITE, "4.0.0", |call| {
            Ok(delete(call))
        }),
        command("exists", -2, ALL_KEYS, READ, "1.0.0", |call| {
            Ok(exists(call))
        }),
        command("touch", -2, ALL_KEYS, READ, "3.2.1", |call| {
            Ok(exists(call))
        }),
        command("type", 2, ONE_KEY, READ, "1.0.0", |call| {
            let value = call.keyspace.get(&call.place(1));
            Ok(Reply::Status(
                value.map_or("none", |value| value.kind().name()),
            ))
        }),
        command("keys", 2, NO_KEYS, READ, "1.0.0", |call| Ok(keys(call))),
        command("scan", -2, NO_KEYS, READ, "2.8.0", scan),
        command("rename", 3, (1, 2, 1), WRITE, "1.0.0", |call| {
            if call.keyspace.rename(&call.place(1), &call.place(2)) {
                Ok(Reply::OK)
            } else {
                Err(Refusal::NO_SUCH_KEY)
            }
        }),
        command("renamenx", 3, (1, 2, 1), WRITE, "1.0.0", |call| {
            let (from, to) = (call.place(1), call.place(2));
            if call.keyspace.get(&from).is_none() {
                return Err(Refusal::NO_SUCH_KEY);
            }
            if call.keyspace.get(&to).is_some() {
                return Ok(Reply::Integer(0));
            }
            call.keyspace.rename(&from, &to);
            Ok(Reply::Integer(1))
        }),
    ],
};

fn delete(call: &mut Call<'_>) -> Reply {
    let mut removed = 0;
    for index in 1..call.arguments.len() {
        removed += i64::from(call.keyspace.remove(&call.place(index)));
    }
    Reply::Integer(removed)
}

fn exists(call: &mut Call<'_>) -> Reply {
    let places = (1..call.arguments.len()).map(|index| call.place(index));
    let found = places.filter(|place| call.keyspace.get(place).is_some());
    Reply::count(found.count())
}

fn keys(call: &mut Call<'_>) -> Reply {
    let pattern = call.argument(1);
    let keys = call.keyspace.keys(call.session.database, 0);
    let fitting = keys.filter(|(_, key, _)| glob::fits(pattern, key));
    Reply::bulks(fitting.map(|(_, key, _)| key.clone()))
}

/// Goes by the keys' numbers, so a key that is there all the time is told exactly once.
fn scan(call: &mut Call<'_>) -> Answer {
    let cursor = cursor(call.argument(1))?;
    let (mut pattern, mut kind, mut count) = (None, None, 10_usize);
    let mut options = &call.arguments[2..];
    while let [option, value, rest @ ..] = options {
        if is(option, "MATCH") {
            pattern = Some(value);
        } else if is(option, "TYPE") {
            kind = Some(lower(value));
        } else if is(option, "COUNT") {
            let wanted = number(value)?;
            count = match usize::try_from(wanted) {
                Ok(wanted) if wanted > 0 => wanted,
                _ => return Err(Refusal::SYNTAX),
            };
        } else {
            return Err(Refusal::SYNTAX);
        }
        options = rest;
    }
    if !options.is_empty() {
        return Err(Refusal::SYNTAX);
    }
    let mut found: Vec<Bytes> = Vec::new();
    let mut next = 0;
    let keys = call.keyspace.keys(call.session.database, cursor);
    for (looked_at, (number, key, value)) in keys.enumerate() {
        if looked_at == count {
            next = number;
            break;
        }
        let fits = pattern.is_none_or(|pattern| glob::fits(pattern, key));
        if fits && kind.as_ref().is_none_or(|kind| kind == value.kind().name()) {
            found.push(key.clone());
        }
    }
    let next = Reply::text(next.to_string());
    Ok(Reply::Array(vec![next, Reply::bulks(found)]))
}

/// Not as strict as other numbers: Redis reads it with `strtoul`.
fn cursor(text: &Bytes) -> Result<u64, Refusal> {
    let text = std::str::from_utf8(text).ok();
    text.and_then(|text| text.parse().ok())
        .ok_or(Refusal::of("ERR invalid cursor"))
}
