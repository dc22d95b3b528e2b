//! What concerns the connection: PING, HELLO, AUTH, SELECT, CLIENT, QUIT, RESET.

use bytes::Bytes;

use super::{Call, Command, Group, NO_KEYS, OTHER};
use crate::stores::redis::arguments::{integer, is, number, printed};
use crate::stores::redis::keyspace::DATABASES;
use crate::stores::redis::reply::{Answer, Refusal, Reply};

/// Commands whose first argument names what is really asked.
pub(super) const WITH_PARTS: [&str; 3] = ["client", "command", "config"];

pub(super) const GROUP: Group = Group {
    name: "connection",
    commands: &[
        command("ping", -1, "1.0.0", ping),
        command("echo", 2, "1.0.0", |call| {
            Ok(Reply::Bulk(call.argument(1).clone()))
        }),
        command("select", 2, "1.0.0", select),
        command("auth", -2, "1.0.0", auth),
        command("hello", -1, "6.0.0", hello),
        command("quit", -1, "1.0.0", |call| {
            call.session.closing = true;
            Ok(Reply::OK)
        }),
        command("reset", 1, "6.2.0", |call| {
            call.session.reset(call.keyspace);
            Ok(Reply::Status("RESET"))
        }),
        // Always with a part; this row is for the arity.
        command("client", -2, "2.4.0", |_| Ok(Reply::OK)),
        command("client|id", 2, "5.0.0", |call| {
            Ok(Reply::Integer(
                i64::try_from(call.session.id).unwrap_or(i64::MAX),
            ))
        }),
        command("client|getname", 2, "2.6.9", |call| {
            let name = &call.session.name;
            Ok(Reply::bulk((!name.is_empty()).then(|| name.clone())))
        }),
        command("client|setname", 3, "2.6.9", |call| {
            call.session.name = name(call.argument(2))?;
            Ok(Reply::OK)
        }),
        command("client|setinfo", 4, "7.2.0", set_info),
    ],
};

const fn command(
    name: &'static str,
    arity: i32,
    since: &'static str,
    run: fn(&mut Call<'_>) -> Answer,
) -> Command {
    super::command(name, arity, NO_KEYS, OTHER, since, run)
}

fn ping(call: &mut Call<'_>) -> Answer {
    match call.arguments {
        [_] => Ok(Reply::Status("PONG")),
        [_, text] => Ok(Reply::Bulk(text.clone())),
        _ => Err(Refusal::arity("ping")),
    }
}

fn select(call: &mut Call<'_>) -> Answer {
    let number = number(call.argument(1))?;
    let database = u8::try_from(number)
        .ok()
        .filter(|number| *number < DATABASES);
    call.session.database = database.ok_or(Refusal::of("ERR DB index is out of range"))?;
    Ok(Reply::OK)
}

fn auth(call: &mut Call<'_>) -> Answer {
    match call.arguments {
        [_, _] => Err(Refusal::of(
            "ERR AUTH <password> called without any password configured for the default user. Are you sure your configuration is correct?",
        )),
        [_, user, _] => authenticate(user),
        _ => Err(Refusal::SYNTAX),
    }
}

/// The one user needs no password, so any is right.
fn authenticate(user: &Bytes) -> Answer {
    if user.as_ref() == b"default" {
        return Ok(Reply::OK);
    }
    Err(Refusal::of(
        "WRONGPASS invalid username-password pair or user is disabled.",
    ))
}

fn hello(call: &mut Call<'_>) -> Answer {
    let mut resp3 = call.session.resp3;
    if let Some(version) = call.arguments.get(1) {
        let version = integer(version).ok_or(Refusal::of(
            "ERR Protocol version is not an integer or out of range",
        ))?;
        resp3 = match version {
            2 => false,
            3 => true,
            _ => return Err(Refusal::of("NOPROTO unsupported protocol version")),
        };
    }
    let mut named = None;
    let mut options = call.arguments.get(2..).unwrap_or_default();
    while let [option, rest @ ..] = options {
        options = match rest {
            [user, _, rest @ ..] if is(option, "AUTH") => {
                authenticate(user)?;
                rest
            }
            [text, rest @ ..] if is(option, "SETNAME") => {
                named = Some(name(text)?);
                rest
            }
            _ => {
                let option = printed(option, usize::MAX);
                return Err(Refusal::error(format_args!(
                    "Syntax error in HELLO option '{option}'"
                )));
            }
        };
    }
    if let Some(name) = named {
        call.session.name = name;
    }
    call.session.resp3 = resp3;
    let id = i64::try_from(call.session.id).unwrap_or(i64::MAX);
    let facts = [
        ("server", Reply::text("redis")),
        ("version", Reply::text(super::information::VERSION)),
        ("proto", Reply::Integer(if resp3 { 3 } else { 2 })),
        ("id", Reply::Integer(id)),
        ("mode", Reply::text("standalone")),
        ("role", Reply::text("master")),
        ("modules", Reply::Array(Vec::new())),
    ];
    let facts = facts.map(|(name, fact)| (Reply::text(name), fact));
    Ok(Reply::Map(facts.into()))
}

/// What a client library tells of itself; the lab has no use for it.
fn set_info(call: &mut Call<'_>) -> Answer {
    let attribute = call.argument(2);
    if !is(attribute, "LIB-NAME") && !is(attribute, "LIB-VER") {
        let attribute = printed(attribute, usize::MAX);
        return Err(Refusal::error(format_args!(
            "Unrecognized option '{attribute}'"
        )));
    }
    if !is_printable(call.argument(3)) {
        return Err(Refusal::error(format_args!(
            "{} cannot contain spaces, newlines or special characters.",
            printed(attribute, usize::MAX).to_ascii_lowercase()
        )));
    }
    Ok(Reply::OK)
}

fn name(text: &Bytes) -> Result<Bytes, Refusal> {
    if is_printable(text) {
        return Ok(text.clone());
    }
    Err(Refusal::of(
        "ERR Client names cannot contain spaces, newlines or special characters.",
    ))
}

fn is_printable(text: &Bytes) -> bool {
    text.iter().all(u8::is_ascii_graphic)
}
