//! Commands on hashes.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::{Call, Group, READ, WRITE, of_key};
use crate::stores::redis::arguments::{integer, number};
use crate::stores::redis::reply::{Answer, Refusal, Reply};

pub(super) const GROUP: Group = Group {
    name: "hash",
    commands: &[
        of_key("hset", -4, WRITE, "2.0.0", set),
        of_key("hsetnx", 4, WRITE, "2.0.0", |call| {
            let (place, field) = (call.place(1), call.argument(2).clone());
            let fields = call.keyspace.hash(&place)?;
            if fields.is_some_and(|fields| fields.contains_key(&field)) {
                return Ok(Reply::Integer(0));
            }
            let value = call.argument(3).clone();
            call.keyspace.put_field(&place, field, value)?;
            Ok(Reply::Integer(1))
        }),
        of_key("hget", 3, READ, "2.0.0", |call| {
            Ok(Reply::bulk(field(call, 2)?.cloned()))
        }),
        of_key("hmget", -3, READ, "2.0.0", |call| {
            let fields = 2..call.arguments.len();
            let values = fields.map(|index| Ok(Reply::bulk(field(call, index)?.cloned())));
            Ok(Reply::Array(values.collect::<Result<_, Refusal>>()?))
        }),
        of_key("hexists", 3, READ, "2.0.0", |call| {
            Ok(Reply::Integer(field(call, 2)?.is_some().into()))
        }),
        of_key("hlen", 2, READ, "2.0.0", |call| {
            let fields = call.keyspace.hash(&call.place(1))?;
            Ok(Reply::count(fields.map_or(0, BTreeMap::len)))
        }),
        of_key("hgetall", 2, READ, "2.0.0", |call| {
            let fields = call.keyspace.hash(&call.place(1))?;
            let pairs = fields.into_iter().flatten();
            let pairs = pairs
                .map(|(field, value)| (Reply::Bulk(field.clone()), Reply::Bulk(value.clone())));
            Ok(Reply::Map(pairs.collect()))
        }),
        of_key("hkeys", 2, READ, "2.0.0", |call| {
            let fields = call.keyspace.hash(&call.place(1))?;
            let fields = fields.into_iter().flatten();
            Ok(Reply::bulks(fields.map(|(field, _)| field.clone())))
        }),
        of_key("hvals", 2, READ, "2.0.0", |call| {
            let fields = call.keyspace.hash(&call.place(1))?;
            let fields = fields.into_iter().flatten();
            Ok(Reply::bulks(fields.map(|(_, value)| value.clone())))
        }),
        of_key("hdel", -3, WRITE, "2.0.0", delete),
        of_key("hincrby", 4, WRITE, "2.0.0", add),
    ],
};

/// The field that this argument names.
fn field<'c>(call: &'c Call<'_>, index: usize) -> Result<Option<&'c Bytes>, Refusal> {
    let fields = call.keyspace.hash(&call.place(1))?;
    Ok(fields.and_then(|fields| fields.get(call.argument(index))))
}

fn set(call: &mut Call<'_>) -> Answer {
    let (pairs, []) = call.arguments[2..].as_chunks::<2>() else {
        return Err(Refusal::arity("hset"));
    };
    let place = call.place(1);
    let mut new = 0;
    for [field, value] in pairs {
        let (field, value) = (field.clone(), value.clone());
        new += i64::from(call.keyspace.put_field(&place, field, value)?);
    }
    Ok(Reply::Integer(new))
}

fn delete(call: &mut Call<'_>) -> Answer {
    let place = call.place(1);
    call.keyspace.hash(&place)?;
    let mut removed = 0;
    for field in &call.arguments[2..] {
        removed += i64::from(call.keyspace.remove_element(&place, field));
    }
    Ok(Reply::Integer(removed))
}

fn add(call: &mut Call<'_>) -> Answer {
    let amount = number(call.argument(3))?;
    let old = match field(call, 2)? {
        None => 0,
        Some(value) => integer(value).ok_or(Refusal::of("ERR hash value is not an integer"))?,
    };
    let new = old.checked_add(amount).ok_or(Refusal::OVERFLOW)?;
    let (place, field) = (call.place(1), call.argument(2).clone());
    call.keyspace
        .put_field(&place, field, new.to_string().into())?;
    Ok(Reply::Integer(new))
}
