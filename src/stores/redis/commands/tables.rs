//! COMMAND: the table of commands as clients and `redis-cli` read it.

use super::{ALL, Call, Command, GROUPS};
use crate::stores::redis::arguments::lower;
use crate::stores::redis::reply::Reply;

/// Commands without the parts of others, by name.
fn commands() -> Vec<&'static Command> {
    let whole = ALL.values().filter(|command| !command.name.contains('|'));
    let mut commands: Vec<_> = whole.copied().collect();
    commands.sort_by_key(|command| command.name);
    commands
}

/// How many there are.
pub(super) fn count() -> usize {
    commands().len()
}

/// All rows.
pub(super) fn rows() -> Reply {
    Reply::Array(commands().into_iter().map(row).collect())
}

/// The rows of those that are named; none for what is no command.
pub(super) fn info(call: &mut Call<'_>) -> Reply {
    if call.arguments.len() == 2 {
        return rows();
    }
    let rows = call.arguments[2..].iter().map(|name| {
        let found = ALL.get(lower(name).as_str());
        found.map_or(Reply::NullArray, |command| row(command))
    });
    Reply::Array(rows.collect())
}

/// What `redis-cli` shows as help.
pub(super) fn docs(call: &mut Call<'_>) -> Reply {
    let names: Vec<String> = call.arguments[2..].iter().map(|name| lower(name)).collect();
    let asked = commands()
        .into_iter()
        .filter(|command| names.is_empty() || names.iter().any(|name| name == command.name));
    let docs = asked.map(|command| {
        let facts = [
            (
                "summary",
                format!("{} of Redis", command.name.to_uppercase()),
            ),
            ("since", command.since.to_owned()),
            ("group", group(command).to_owned()),
        ];
        let facts = facts.map(|(name, fact)| (Reply::text(name), Reply::text(fact)));
        (Reply::text(command.name), Reply::Map(facts.into()))
    });
    Reply::Map(docs.collect())
}

fn group(command: &Command) -> &'static str {
    let holds = |group: &&super::Group| {
        let mut commands = group.commands.iter();
        commands.any(|other| other.name == command.name)
    };
    GROUPS
        .iter()
        .find(holds)
        .map_or("generic", |group| group.name)
}

/// Name, arity, flags, keys; this store has no ACL categories, tips and parts to tell of.
fn row(command: &Command) -> Reply {
    let flags = command.flags.iter().map(|flag| Reply::Status(flag));
    let (first, last, step) = command.keys;
    let mut row = vec![
        Reply::text(command.name),
        Reply::Integer(command.arity.into()),
        Reply::Set(flags.collect()),
        Reply::Integer(first),
        Reply::Integer(last),
        Reply::Integer(step),
        Reply::Set(Vec::new()),
    ];
    row.extend(std::iter::repeat_n(Reply::Array(Vec::new()), 3));
    Reply::Array(row)
}
