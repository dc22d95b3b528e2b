//! The commands: a table of all, and how one is run.
//!
//! Invariant: a command runs alone, from looking for expired keys to handing over what it changed, with
//! everything that clients who waited got by it.

use std::collections::HashMap;
use std::sync::LazyLock;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use tokio::sync::oneshot;

use super::arguments::{lower, printed};
use super::keyspace::{Keyspace, Place};
use super::reply::{Answer, Refusal, Reply};
use super::server::{Server, State, now};
use super::session::Session;
use super::waiting::{Served, Turn, Wish};

mod blocking;
mod client;
mod expiry;
mod hashes;
mod information;
mod keys;
mod lists;
mod positions;
mod sets;
mod strings;
mod tables;
mod transactions;

/// One command as the table tells it.
#[derive(Debug)]
pub(super) struct Command {
    /// In small letters; `client|id` for a part of CLIENT.
    name: &'static str,
    /// Arguments with the name itself; negative for at least so many.
    arity: i32,
    /// First key, last key, step, as COMMAND tells them.
    keys: (i64, i64, i64),
    /// `readonly` or `write`, and what else a client may want to know.
    flags: &'static [&'static str],
    /// The version of Redis that had it first.
    since: &'static str,
    run: fn(&mut Call<'_>) -> Answer,
}

/// A line of the table.
const fn command(
    name: &'static str,
    arity: i32,
    keys: (i64, i64, i64),
    flags: &'static [&'static str],
    since: &'static str,
    run: fn(&mut Call<'_>) -> Answer,
) -> Command {
    Command {
        name,
        arity,
        keys,
        flags,
        since,
        run,
    }
}

/// A line of the table for a command with one key, its first argument.
const fn of_key(
    name: &'static str,
    arity: i32,
    flags: &'static [&'static str],
    since: &'static str,
    run: fn(&mut Call<'_>) -> Answer,
) -> Command {
    command(name, arity, ONE_KEY, flags, since, run)
}

/// Commands of one kind.
struct Group {
    /// As COMMAND DOCS tells it.
    name: &'static str,
    commands: &'static [Command],
}

const WRITE: &[&str] = &["write"];
const READ: &[&str] = &["readonly"];
const BLOCKING: &[&str] = &["write", "blocking"];
const OTHER: &[&str] = &["loading", "stale"];
const NO_KEYS: (i64, i64, i64) = (0, 0, 0);
const ONE_KEY: (i64, i64, i64) = (1, 1, 1);
const ALL_KEYS: (i64, i64, i64) = (1, -1, 1);

static GROUPS: [Group; 9] = [
    client::GROUP,
    information::GROUP,
    transactions::GROUP,
    keys::GROUP,
    expiry::GROUP,
    strings::GROUP,
    lists::GROUP,
    hashes::GROUP,
    sets::GROUP,
];

/// All commands by name.
static ALL: LazyLock<HashMap<&'static str, &'static Command>> = LazyLock::new(|| {
    let commands = GROUPS.iter().flat_map(|group| group.commands);
    commands.map(|command| (command.name, command)).collect()
});

/// A command that runs.
struct Call<'c> {
    server: &'c Server,
    keyspace: &'c mut Keyspace,
    session: &'c mut Session,
    /// With the name in front; as many as the arity demands.
    arguments: &'c [Bytes],
    /// Milliseconds since 1970, the same for a whole transaction.
    now: i64,
    /// Set by a command that found nothing and wants to wait.
    pause: Option<Pause>,
}

/// How a client waits.
#[derive(Debug)]
pub(super) struct Pause {
    pub(super) wish: Wish,
    /// `None` for ever.
    pub(super) timeout: Option<Duration>,
}

/// What comes of a request.
#[derive(Debug)]
pub(super) enum Step {
    /// The answer, to be given when the disk holds the ticket.
    Answer(Reply, u64),
    /// The client waits in the queues.
    Wait(Pause, Turn, oneshot::Receiver<Served>),
}

impl Call<'_> {
    fn argument(&self, index: usize) -> &Bytes {
        &self.arguments[index]
    }

    /// The key that is this argument.
    fn place(&self, index: usize) -> Place {
        self.session.place(self.argument(index))
    }
}

/// Runs a request, or queues it.
pub(super) fn run(server: &Server, session: &mut Session, request: Vec<Bytes>) -> Step {
    server.commands.fetch_add(1, Ordering::Relaxed);
    let command = match find(&request) {
        Ok(command) => command,
        Err(refusal) => {
            if let Some(transaction) = &mut session.transaction {
                transaction.failed = true;
            }
            return Step::Answer(Reply::Error(refusal), 0);
        }
    };
    if let Some(transaction) = &mut session.transaction
        && !transactions::AT_ONCE.contains(&command.name)
    {
        transaction.add(command, request);
        return Step::Answer(Reply::Status("QUEUED"), 0);
    }
    let mut state = server.state();
    let now = now();
    state.keyspace.expire(now);
    let mut call = Call {
        server,
        keyspace: &mut state.keyspace,
        session,
        arguments: &request,
        now,
        pause: None,
    };
    let answer = (command.run)(&mut call);
    let pause = call.pause;
    let ticket = settle(&mut state);
    if let Some(pause) = pause {
        let (turn, receiver) = state.keyspace.waiting.add(pause.wish.clone());
        return Step::Wait(pause, turn, receiver);
    }
    Step::Answer(answer.unwrap_or_else(Reply::Error), ticket)
}

/// Serves those who waited for what a command brought, and hands all changes over.
pub(super) fn settle(state: &mut State) -> u64 {
    state.keyspace.serve_waiting();
    let ticket = state.storage.submit(state.keyspace.take_changes());
    state.keyspace.waiting.send(ticket);
    ticket
}

/// The command of a request, if there is one and its arguments are as many as it takes.
fn find(request: &[Bytes]) -> Result<&'static Command, Refusal> {
    let Some(name) = request.first() else {
        return Err(Refusal::error("no command"));
    };
    let lowered = lower(name);
    let mut command = *ALL.get(lowered.as_str()).ok_or_else(|| unknown(request))?;
    if let Some(part) = request.get(1)
        && client::WITH_PARTS.contains(&command.name)
    {
        let path = format!("{lowered}|{}", lower(part));
        command = ALL.get(path.as_str()).copied().ok_or_else(|| {
            Refusal::error(format_args!(
                "unknown subcommand '{}'. Try {} HELP.",
                printed(part, 128),
                lowered.to_ascii_uppercase()
            ))
        })?;
    }
    let given = i32::try_from(request.len()).unwrap_or(i32::MAX);
    let fits = if command.arity < 0 {
        given >= -command.arity
    } else {
        given == command.arity
    };
    if fits {
        Ok(command)
    } else {
        Err(Refusal::arity(command.name))
    }
}

/// Redis's words: the beginning of the name, and some 128 bytes of arguments.
fn unknown(request: &[Bytes]) -> Refusal {
    let mut arguments = String::new();
    for argument in &request[1..] {
        if arguments.len() >= 128 {
            break;
        }
        let most = 128 - arguments.len();
        arguments.push('\'');
        arguments.push_str(&printed(argument, most));
        arguments.push_str("' ");
    }
    Refusal::error(format_args!(
        "unknown command '{}', with args beginning with: {arguments}",
        printed(&request[0], 128)
    ))
}
