//! When keys go: EXPIRE and its relatives, and the expiry options of SET and GETEX.

use bytes::Bytes;

use super::{Call, Group, READ, WRITE, of_key};
use crate::stores::redis::arguments::{is, number, printed};
use crate::stores::redis::reply::{Answer, Refusal, Reply};

/// How a time is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    seconds: bool,
    /// From now on, rather than since 1970.
    relative: bool,
}

impl Unit {
    pub(super) const SECONDS: Self = Self::new(true, true);
    pub(super) const MILLISECONDS: Self = Self::new(false, true);
    const SECONDS_SINCE_1970: Self = Self::new(true, false);
    const MILLISECONDS_SINCE_1970: Self = Self::new(false, false);

    const fn new(seconds: bool, relative: bool) -> Self {
        Self { seconds, relative }
    }

    /// The unit of an option of SET and GETEX.
    pub(super) fn of_option(option: &Bytes) -> Option<Self> {
        let units = [
            ("EX", Self::SECONDS),
            ("PX", Self::MILLISECONDS),
            ("EXAT", Self::SECONDS_SINCE_1970),
            ("PXAT", Self::MILLISECONDS_SINCE_1970),
        ];
        let mut units = units.into_iter();
        units.find_map(|(name, unit)| is(option, name).then_some(unit))
    }

    /// The time in milliseconds since 1970; `None` if it is out of range.
    fn time(self, amount: i64, now: i64) -> Option<i64> {
        let amount = if self.seconds {
            amount.checked_mul(1000)?
        } else {
            amount
        };
        if self.relative {
            amount.checked_add(now)
        } else {
            Some(amount)
        }
    }
}

pub(super) const GROUP: Group = Group {
    name: "generic",
    commands: &[
        of_key("expire", -3, WRITE, "1.0.0", |call| {
            expire(call, Unit::SECONDS, "expire")
        }),
        of_key("pexpire", -3, WRITE, "2.6.0", |call| {
            expire(call, Unit::MILLISECONDS, "pexpire")
        }),
        of_key("expireat", -3, WRITE, "1.2.0", |call| {
            expire(call, Unit::SECONDS_SINCE_1970, "expireat")
        }),
        of_key("pexpireat", -3, WRITE, "2.6.0", |call| {
            expire(call, Unit::MILLISECONDS_SINCE_1970, "pexpireat")
        }),
        of_key("ttl", 2, READ, "1.0.0", |call| {
            Ok(told(call, |time, now| (time - now + 500) / 1000))
        }),
        of_key("pttl", 2, READ, "2.6.0", |call| {
            Ok(told(call, |time, now| time - now))
        }),
        of_key("expiretime", 2, READ, "7.0.0", |call| {
            Ok(told(call, |time, _| (time + 500) / 1000))
        }),
        of_key("pexpiretime", 2, READ, "7.0.0", |call| {
            Ok(told(call, |time, _| time))
        }),
        of_key("persist", 2, WRITE, "2.2.0", |call| {
            let place = call.place(1);
            let expires = call.keyspace.expires(&place).is_some();
            if expires {
                call.keyspace.set_expires(&place, None);
            }
            Ok(Reply::Integer(expires.into()))
        }),
    ],
};

/// The time that a new value is given; it must lie ahead when it is counted from now.
pub(super) fn deadline(
    amount: &Bytes,
    unit: Unit,
    now: i64,
    command: &str,
) -> Result<i64, Refusal> {
    let amount = number(amount)?;
    let time = (amount > 0).then(|| unit.time(amount, now)).flatten();
    time.ok_or_else(|| invalid(command))
}

fn invalid(command: &str) -> Refusal {
    Refusal::error(format_args!("invalid expire time in '{command}' command"))
}

/// Under which conditions EXPIRE acts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Condition {
    /// NX: the key has no expiry.
    Without,
    /// XX: it has one.
    With,
    /// GT: the new time is later.
    Later,
    /// LT: it is earlier.
    Earlier,
}

impl Condition {
    /// Which exclude each other is told as Redis does.
    fn read(options: &[Bytes]) -> Result<Vec<Self>, Refusal> {
        let mut read = Vec::new();
        for option in options {
            read.push(match option {
                option if is(option, "NX") => Self::Without,
                option if is(option, "XX") => Self::With,
                option if is(option, "GT") => Self::Later,
                option if is(option, "LT") => Self::Earlier,
                option => {
                    let option = printed(option, usize::MAX);
                    return Err(Refusal::error(format_args!("Unsupported option {option}")));
                }
            });
        }
        let other = |condition: &Self| *condition != Self::Without;
        if read.contains(&Self::Without) && read.iter().any(other) {
            return Err(Refusal::of(
                "ERR NX and XX, GT or LT options at the same time are not compatible",
            ));
        }
        if read.contains(&Self::Later) && read.contains(&Self::Earlier) {
            return Err(Refusal::of(
                "ERR GT and LT options at the same time are not compatible",
            ));
        }
        Ok(read)
    }

    /// A key without expiry counts as one that goes infinitely late.
    fn holds(self, current: Option<i64>, time: i64) -> bool {
        match self {
            Self::Without => current.is_none(),
            Self::With => current.is_some(),
            Self::Later => current.is_some_and(|current| time > current),
            Self::Earlier => current.is_none_or(|current| time < current),
        }
    }
}

fn expire(call: &mut Call<'_>, unit: Unit, name: &str) -> Answer {
    let conditions = Condition::read(&call.arguments[3..])?;
    let amount = number(call.argument(2))?;
    let time = unit.time(amount, call.now).ok_or_else(|| invalid(name))?;
    let place = call.place(1);
    if call.keyspace.get(&place).is_none() {
        return Ok(Reply::Integer(0));
    }
    let current = call.keyspace.expires(&place);
    let mut conditions = conditions.into_iter();
    if !conditions.all(|condition| condition.holds(current, time)) {
        return Ok(Reply::Integer(0));
    }
    if time <= call.now {
        call.keyspace.remove(&place);
    } else {
        call.keyspace.set_expires(&place, Some(time));
    }
    Ok(Reply::Integer(1))
}

/// -2 without a key, -1 without expiry.
fn told(call: &Call<'_>, tell: fn(i64, i64) -> i64) -> Reply {
    let place = call.place(1);
    Reply::Integer(match call.keyspace.expires(&place) {
        Some(time) => tell(time, call.now),
        None if call.keyspace.get(&place).is_some() => -1,
        None => -2,
    })
}
