//! Commands on strings.

use bytes::Bytes;

use super::expiry::{Unit, deadline};
use super::{Call, Group, READ, WRITE, command, of_key};
use crate::stores::redis::arguments::{integer, is, number};
use crate::stores::redis::keyspace::Place;
use crate::stores::redis::protocol::LARGEST_BULK;
use crate::stores::redis::reply::{Answer, Refusal, Reply};
use crate::stores::redis::value::Value;

pub(super) const GROUP: Group = Group {
    name: "string",
    commands: &[
        of_key("get", 2, READ, "1.0.0", |call| {
            let value = call.keyspace.string(&call.place(1))?;
            Ok(Reply::bulk(value.cloned()))
        }),
        of_key("set", -3, WRITE, "1.0.0", set),
        of_key("setex", 4, WRITE, "2.0.0", |call| {
            set_for(call, Unit::SECONDS, "setex")
        }),
        of_key("psetex", 4, WRITE, "2.6.0", |call| {
            set_for(call, Unit::MILLISECONDS, "psetex")
        }),
        of_key("setnx", 3, WRITE, "1.0.0", |call| {
            let (place, value) = (call.place(1), call.argument(2).clone());
            if call.keyspace.get(&place).is_some() {
                return Ok(Reply::Integer(0));
            }
            call.keyspace.put(&place, Value::String(value), None);
            Ok(Reply::Integer(1))
        }),
        of_key("getdel", 2, WRITE, "6.2.0", |call| {
            let place = call.place(1);
            let value = call.keyspace.string(&place)?.cloned();
            call.keyspace.remove(&place);
            Ok(Reply::bulk(value))
        }),
        of_key("getset", 3, WRITE, "1.0.0", |call| {
            let (place, value) = (call.place(1), call.argument(2).clone());
            let old = call.keyspace.string(&place)?.cloned();
            call.keyspace.put(&place, Value::String(value), None);
            Ok(Reply::bulk(old))
        }),
        of_key("getex", -2, WRITE, "6.2.0", get_and_expire),
        command("mget", -2, (1, -1, 1), READ, "1.0.0", |call| Ok(mget(call))),
        command("mset", -3, (1, -1, 2), WRITE, "1.0.1", mset),
        of_key("incr", 2, WRITE, "1.0.0", |call| add(call, 1)),
        of_key("decr", 2, WRITE, "1.0.0", |call| add(call, -1)),
        of_key("incrby", 3, WRITE, "1.0.0", |call| {
            let amount = number(call.argument(2))?;
            add(call, amount)
        }),
        of_key("decrby", 3, WRITE, "1.0.0", |call| {
            let amount = number(call.argument(2))?.checked_neg();
            let amount = amount.ok_or(Refusal::of("ERR decrement would overflow"))?;
            add(call, amount)
        }),
        of_key("append", 3, WRITE, "2.0.0", append),
        of_key("strlen", 2, READ, "2.2.0", |call| {
            let value = call.keyspace.string(&call.place(1))?;
            Ok(Reply::count(value.map_or(0, Bytes::len)))
        }),
    ],
};

/// When a key goes after SET and GETEX.
enum Lasting<'a> {
    /// Nothing was said.
    Unsaid,
    /// KEEPTTL.
    Kept,
    /// PERSIST.
    Forever,
    /// EX, PX, EXAT, PXAT.
    Until(Unit, &'a Bytes),
}

impl<'a> Lasting<'a> {
    /// Reads one of them, which excludes the others; `None` if the option is another one.
    fn read(&mut self, option: &'a Bytes, rest: &mut &'a [Bytes]) -> Result<(), Refusal> {
        if !matches!(self, Self::Unsaid) {
            return Err(Refusal::SYNTAX);
        }
        let (Some(unit), [amount, after @ ..]) = (Unit::of_option(option), *rest) else {
            return Err(Refusal::SYNTAX);
        };
        *self = Self::Until(unit, amount);
        *rest = after;
        Ok(())
    }
}

fn set(call: &mut Call<'_>) -> Answer {
    let (mut only_new, mut only_old, mut tell) = (false, false, false);
    let mut lasting = Lasting::Unsaid;
    let mut options = &call.arguments[3..];
    while let [option, rest @ ..] = options {
        options = rest;
        if is(option, "NX") && !only_old {
            only_new = true;
        } else if is(option, "XX") && !only_new {
            only_old = true;
        } else if is(option, "GET") {
            tell = true;
        } else if is(option, "KEEPTTL") && matches!(lasting, Lasting::Unsaid | Lasting::Kept) {
            lasting = Lasting::Kept;
        } else {
            lasting.read(option, &mut options)?;
        }
    }
    let place = call.place(1);
    let mut expires = match lasting {
        Lasting::Until(unit, amount) => Some(deadline(amount, unit, call.now, "set")?),
        _ => None,
    };
    let old = if tell {
        Reply::bulk(call.keyspace.string(&place)?.cloned())
    } else {
        Reply::OK
    };
    let exists = call.keyspace.get(&place).is_some();
    if only_new && exists || only_old && !exists {
        return Ok(if tell { old } else { Reply::Null });
    }
    if matches!(lasting, Lasting::Kept) {
        expires = call.keyspace.expires(&place);
    }
    let value = Value::String(call.argument(2).clone());
    call.keyspace.put(&place, value, expires);
    Ok(old)
}

fn set_for(call: &mut Call<'_>, unit: Unit, name: &str) -> Answer {
    let expires = deadline(call.argument(2), unit, call.now, name)?;
    let value = Value::String(call.argument(3).clone());
    call.keyspace.put(&call.place(1), value, Some(expires));
    Ok(Reply::OK)
}

fn get_and_expire(call: &mut Call<'_>) -> Answer {
    let mut lasting = Lasting::Unsaid;
    let mut options = &call.arguments[2..];
    while let [option, rest @ ..] = options {
        options = rest;
        if is(option, "PERSIST") && matches!(lasting, Lasting::Unsaid | Lasting::Forever) {
            lasting = Lasting::Forever;
        } else {
            lasting.read(option, &mut options)?;
        }
    }
    let place = call.place(1);
    let Some(value) = call.keyspace.string(&place)?.cloned() else {
        return Ok(Reply::Null);
    };
    match lasting {
        Lasting::Until(unit, amount) => {
            let time = deadline(amount, unit, call.now, "getex")?;
            if time <= call.now {
                call.keyspace.remove(&place);
            } else {
                call.keyspace.set_expires(&place, Some(time));
            }
        }
        Lasting::Forever => call.keyspace.set_expires(&place, None),
        Lasting::Unsaid | Lasting::Kept => {}
    }
    Ok(Reply::Bulk(value))
}

/// What is not a string counts as nothing.
fn mget(call: &mut Call<'_>) -> Reply {
    let places = (1..call.arguments.len()).map(|index| call.place(index));
    let values = places.map(|place| {
        let value = call.keyspace.string(&place);
        Reply::bulk(value.ok().flatten().cloned())
    });
    Reply::Array(values.collect())
}

fn mset(call: &mut Call<'_>) -> Answer {
    let (pairs, []) = call.arguments[1..].as_chunks::<2>() else {
        return Err(Refusal::arity("mset"));
    };
    for [key, value] in pairs {
        let place = call.session.place(key);
        let value = Value::String(value.clone());
        call.keyspace.put(&place, value, None);
    }
    Ok(Reply::OK)
}

fn add(call: &mut Call<'_>, amount: i64) -> Answer {
    let place = call.place(1);
    let old = match call.keyspace.string(&place)? {
        None => 0,
        Some(value) => integer(value).ok_or(Refusal::NOT_AN_INTEGER)?,
    };
    let new = old.checked_add(amount).ok_or(Refusal::OVERFLOW)?;
    replace(call, &place, new.to_string().into());
    Ok(Reply::Integer(new))
}

fn append(call: &mut Call<'_>) -> Answer {
    let (place, end) = (call.place(1), call.argument(2));
    let old = call.keyspace.string(&place)?.cloned().unwrap_or_default();
    if old.len() + end.len() > LARGEST_BULK {
        return Err(Refusal::of(
            "ERR string exceeds maximum allowed size (proto-max-bulk-len)",
        ));
    }
    let new = Bytes::from([old.as_ref(), end.as_ref()].concat());
    let length = new.len();
    replace(call, &place, new);
    Ok(Reply::count(length))
}

/// A changed string keeps its expiry.
fn replace(call: &mut Call<'_>, place: &Place, value: Bytes) {
    let expires = call.keyspace.expires(place);
    call.keyspace.put(place, Value::String(value), expires);
}
