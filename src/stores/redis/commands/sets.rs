//! Commands on sets.

use std::collections::BTreeSet;

use super::{Call, Command, Group, READ, WRITE};
use crate::stores::redis::reply::{Answer, Reply};

pub(super) const GROUP: Group = Group {
    name: "set",
    commands: &[
        command("sadd", -3, WRITE, add),
        command("srem", -3, WRITE, remove),
        command("scard", 2, READ, |call| {
            let members = call.keyspace.set(&call.place(1))?;
            Ok(Reply::count(members.map_or(0, BTreeSet::len)))
        }),
        command("sismember", 3, READ, |call| {
            let members = call.keyspace.set(&call.place(1))?;
            let found = members.is_some_and(|members| members.contains(call.argument(2)));
            Ok(Reply::Integer(found.into()))
        }),
        command("smembers", 2, READ, |call| {
            let members = call.keyspace.set(&call.place(1))?;
            let members = members.into_iter().flatten();
            Ok(Reply::Set(members.cloned().map(Reply::Bulk).collect()))
        }),
    ],
};

/// All of them came with the first Redis.
const fn command(
    name: &'static str,
    arity: i32,
    flags: &'static [&'static str],
    run: fn(&mut Call<'_>) -> Answer,
) -> Command {
    super::of_key(name, arity, flags, "1.0.0", run)
}

fn add(call: &mut Call<'_>) -> Answer {
    let place = call.place(1);
    let mut new = 0;
    for member in &call.arguments[2..] {
        new += i64::from(call.keyspace.put_member(&place, member.clone())?);
    }
    Ok(Reply::Integer(new))
}

fn remove(call: &mut Call<'_>) -> Answer {
    let place = call.place(1);
    call.keyspace.set(&place)?;
    let mut removed = 0;
    for member in &call.arguments[2..] {
        removed += i64::from(call.keyspace.remove_element(&place, member));
    }
    Ok(Reply::Integer(removed))
}
