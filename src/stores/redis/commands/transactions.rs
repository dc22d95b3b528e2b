//! MULTI, EXEC, DISCARD, WATCH, UNWATCH.

use bytes::Bytes;

use super::{ALL_KEYS, Call, Command, Group, NO_KEYS, OTHER};
use crate::stores::redis::reply::{Answer, Refusal, Reply};
use crate::stores::redis::session::Transaction;

/// Commands that are not queued.
pub(super) const AT_ONCE: [&str; 6] = ["exec", "discard", "multi", "watch", "quit", "reset"];

pub(super) const GROUP: Group = Group {
    name: "transactions",
    commands: &[
        command("multi", 1, NO_KEYS, "1.2.0", multi),
        command("exec", 1, NO_KEYS, "1.2.0", exec),
        command("discard", 1, NO_KEYS, "2.0.0", discard),
        command("watch", -2, ALL_KEYS, "2.2.0", watch),
        command("unwatch", 1, NO_KEYS, "2.2.0", |call| {
            call.session.unwatch(call.keyspace);
            Ok(Reply::OK)
        }),
    ],
};

const fn command(
    name: &'static str,
    arity: i32,
    keys: (i64, i64, i64),
    since: &'static str,
    run: fn(&mut Call<'_>) -> Answer,
) -> Command {
    super::command(name, arity, keys, OTHER, since, run)
}

impl Transaction {
    /// Queues a command.
    pub(super) fn add(&mut self, command: &'static Command, request: Vec<Bytes>) {
        let arguments = request
            .iter()
            .map(|argument| argument.len() + size_of::<Bytes>());
        self.bytes += arguments.sum::<usize>();
        self.queued.push((command, request));
    }
}

fn multi(call: &mut Call<'_>) -> Answer {
    if call.session.transaction.is_some() {
        return Err(Refusal::of("ERR MULTI calls can not be nested"));
    }
    call.session.transaction = Some(Transaction::default());
    Ok(Reply::OK)
}

fn exec(call: &mut Call<'_>) -> Answer {
    let Some(transaction) = call.session.transaction.take() else {
        return Err(Refusal::of("ERR EXEC without MULTI"));
    };
    let changed = call.session.unwatch(call.keyspace);
    if transaction.failed {
        return Err(Refusal::of(
            "EXECABORT Transaction discarded because of previous errors.",
        ));
    }
    if changed {
        return Ok(Reply::NullArray);
    }
    let mut replies = Vec::with_capacity(transaction.queued.len());
    for (command, request) in transaction.queued {
        let mut queued = Call {
            server: call.server,
            keyspace: call.keyspace,
            session: call.session,
            arguments: &request,
            now: call.now,
            pause: None,
        };
        // Nobody waits inside a transaction: its wish to pause is not looked at.
        let answer = (command.run)(&mut queued);
        replies.push(answer.unwrap_or_else(Reply::Error));
    }
    Ok(Reply::Array(replies))
}

fn discard(call: &mut Call<'_>) -> Answer {
    if call.session.transaction.take().is_none() {
        return Err(Refusal::of("ERR DISCARD without MULTI"));
    }
    call.session.unwatch(call.keyspace);
    Ok(Reply::OK)
}

fn watch(call: &mut Call<'_>) -> Answer {
    if call.session.transaction.is_some() {
        return Err(Refusal::of("ERR WATCH inside MULTI is not allowed"));
    }
    for key in &call.arguments[1..] {
        let place = call.session.place(key);
        call.session.watch(place, call.keyspace);
    }
    Ok(Reply::OK)
}
