//! Commands on lists: the ends, ranges, and moves. `blocking` holds those that wait, `positions` those
//! that look inside.

use std::collections::VecDeque;

use bytes::Bytes;

use super::{BLOCKING, Call, Group, ONE_KEY, READ, WRITE, blocking, command, positions};
use crate::stores::redis::arguments::{is, number, positive};
use crate::stores::redis::reply::{Answer, Refusal, Reply};
use crate::stores::redis::waiting::End;

const TWO_KEYS: (i64, i64, i64) = (1, 2, 1);
/// The last argument is the timeout.
const KEYS_BEFORE_LAST: (i64, i64, i64) = (1, -2, 1);

pub(super) const GROUP: Group = Group {
    name: "list",
    commands: &[
        command("lpush", -3, ONE_KEY, WRITE, "1.0.0", |call| {
            push(call, End::Left, true)
        }),
        command("rpush", -3, ONE_KEY, WRITE, "1.0.0", |call| {
            push(call, End::Right, true)
        }),
        command("lpushx", -3, ONE_KEY, WRITE, "2.2.0", |call| {
            push(call, End::Left, false)
        }),
        command("rpushx", -3, ONE_KEY, WRITE, "2.2.0", |call| {
            push(call, End::Right, false)
        }),
        command("lpop", -2, ONE_KEY, WRITE, "1.0.0", |call| {
            pop(call, End::Left, "lpop")
        }),
        command("rpop", -2, ONE_KEY, WRITE, "1.0.0", |call| {
            pop(call, End::Right, "rpop")
        }),
        command("llen", 2, ONE_KEY, READ, "1.0.0", |call| {
            let list = call.keyspace.list(&call.place(1))?;
            Ok(Reply::count(list.map_or(0, VecDeque::len)))
        }),
        command("lrange", 4, ONE_KEY, READ, "1.0.0", range),
        command("ltrim", 4, ONE_KEY, WRITE, "1.0.0", trim),
        command("lindex", 3, ONE_KEY, READ, "1.0.0", positions::index),
        command("lset", 4, ONE_KEY, WRITE, "1.0.0", positions::set),
        command("lrem", 4, ONE_KEY, WRITE, "1.0.0", positions::remove),
        command("linsert", 5, ONE_KEY, WRITE, "2.2.0", positions::insert),
        command("lpos", -3, ONE_KEY, READ, "6.0.6", positions::find),
        command("lmove", 5, TWO_KEYS, WRITE, "6.2.0", |call| {
            let (from, at) = (end(call.argument(3))?, end(call.argument(4))?);
            shift(call, from, at)
        }),
        command("rpoplpush", 3, TWO_KEYS, WRITE, "1.2.0", |call| {
            shift(call, End::Right, End::Left)
        }),
        command("blpop", -3, KEYS_BEFORE_LAST, BLOCKING, "2.0.0", |call| {
            blocking::pop(call, End::Left)
        }),
        command("brpop", -3, KEYS_BEFORE_LAST, BLOCKING, "2.0.0", |call| {
            blocking::pop(call, End::Right)
        }),
        command("blmove", 6, TWO_KEYS, BLOCKING, "6.2.0", |call| {
            let (from, at) = (end(call.argument(3))?, end(call.argument(4))?);
            blocking::shift(call, from, at, 5)
        }),
        command("brpoplpush", 4, TWO_KEYS, BLOCKING, "2.2.0", |call| {
            blocking::shift(call, End::Right, End::Left, 3)
        }),
    ],
};

fn push(call: &mut Call<'_>, end: End, make: bool) -> Answer {
    let place = call.place(1);
    if call.keyspace.list(&place)?.is_none() && !make {
        return Ok(Reply::Integer(0));
    }
    let mut length = 0;
    for item in &call.arguments[2..] {
        length = call.keyspace.push(&place, end, item.clone())?;
    }
    Ok(Reply::count(length))
}

fn pop(call: &mut Call<'_>, end: End, name: &str) -> Answer {
    let place = call.place(1);
    let count = match call.arguments {
        [_, _] => None,
        [_, _, count] => Some(positive(count)?),
        _ => return Err(Refusal::arity(name)),
    };
    let Some(list) = call.keyspace.list(&place)? else {
        return Ok(count.map_or(Reply::Null, |_| Reply::NullArray));
    };
    let Some(count) = count else {
        return Ok(Reply::bulk(call.keyspace.pop(&place, end)?));
    };
    let mut items = Vec::new();
    for _ in 0..count.min(list.len()) {
        items.extend(call.keyspace.pop(&place, end)?);
    }
    Ok(Reply::bulks(items))
}

/// Negative numbers count from the end; what is outside is cut off.
fn within(call: &Call<'_>, length: usize) -> Result<std::ops::Range<usize>, Refusal> {
    let (start, stop) = (number(call.argument(2))?, number(call.argument(3))?);
    let length_signed = i64::try_from(length).unwrap_or(i64::MAX);
    let from_start = |index: i64| {
        if index < 0 {
            index.saturating_add(length_signed)
        } else {
            index
        }
    };
    let start = usize::try_from(from_start(start).max(0)).unwrap_or(usize::MAX);
    let stop = from_start(stop).min(length_signed - 1);
    // Behind the last one.
    let end = usize::try_from(stop.saturating_add(1)).unwrap_or(0);
    Ok(start.min(end)..end)
}

fn range(call: &mut Call<'_>) -> Answer {
    // A number that is none is told before a key of another type.
    within(call, 0)?;
    let Some(list) = call.keyspace.list(&call.place(1))? else {
        return Ok(Reply::Array(Vec::new()));
    };
    let range = within(call, list.len())?;
    Ok(Reply::bulks(list.range(range).cloned()))
}

fn trim(call: &mut Call<'_>) -> Answer {
    within(call, 0)?;
    let place = call.place(1);
    let Some(list) = call.keyspace.list(&place)? else {
        return Ok(Reply::OK);
    };
    let (length, kept) = (list.len(), within(call, list.len())?);
    // From the ends, so that trimming a long list by a little costs a little.
    let (left, right) = if kept.is_empty() {
        (length, 0)
    } else {
        (kept.start, length - kept.end)
    };
    for _ in 0..left {
        call.keyspace.pop(&place, End::Left)?;
    }
    for _ in 0..right {
        call.keyspace.pop(&place, End::Right)?;
    }
    Ok(Reply::OK)
}

fn end(word: &Bytes) -> Result<End, Refusal> {
    if is(word, "LEFT") {
        Ok(End::Left)
    } else if is(word, "RIGHT") {
        Ok(End::Right)
    } else {
        Err(Refusal::SYNTAX)
    }
}

fn shift(call: &mut Call<'_>, from: End, at: End) -> Answer {
    let (source, target) = (call.place(1), call.place(2));
    call.keyspace.shift(&source, from, &target, at)
}
