//! List commands that wait: BLPOP, BRPOP, BLMOVE, BRPOPLPUSH.

use super::{Call, Pause};
use crate::stores::redis::arguments::timeout;
use crate::stores::redis::reply::{Answer, Reply};
use crate::stores::redis::waiting::{End, Wish};

/// The first list that has elements, in the order of the keys.
pub(super) fn pop(call: &mut Call<'_>, from: End) -> Answer {
    let last = call.arguments.len() - 1;
    let timeout = timeout(call.argument(last))?;
    let keys = (1..last).map(|index| call.place(index)).collect();
    let wish = Wish {
        keys,
        from,
        to: None,
    };
    wait_for(call, wish, timeout, Reply::NullArray)
}

pub(super) fn shift(call: &mut Call<'_>, from: End, at: End, timeout_at: usize) -> Answer {
    let timeout = timeout(call.argument(timeout_at))?;
    let wish = Wish {
        keys: vec![call.place(1)],
        from,
        to: Some((call.place(2), at)),
    };
    wait_for(call, wish, timeout, Reply::Null)
}

fn wait_for(
    call: &mut Call<'_>,
    wish: Wish,
    timeout: Option<std::time::Duration>,
    none: Reply,
) -> Answer {
    for key in &wish.keys {
        if call.keyspace.list(key)?.is_none() {
            continue;
        }
        if let Some((answer, _)) = call.keyspace.fulfil(key, &wish) {
            return answer;
        }
    }
    call.pause = Some(Pause { wish, timeout });
    // For a transaction, which does not wait.
    Ok(none)
}
