//! Commands that look inside lists. Those that change something there write the list anew.

use std::collections::VecDeque;

use bytes::Bytes;

use super::Call;
use crate::stores::redis::arguments::{integer, is, number};
use crate::stores::redis::keyspace::Place;
use crate::stores::redis::reply::{Answer, Refusal, Reply};

/// Negative numbers count from the end.
fn position(list: &VecDeque<Bytes>, index: i64) -> Option<usize> {
    let from_start = if index < 0 {
        index + i64::try_from(list.len()).ok()?
    } else {
        index
    };
    let position = usize::try_from(from_start).ok()?;
    (position < list.len()).then_some(position)
}

fn edited(call: &Call<'_>, place: &Place) -> Result<Option<VecDeque<Bytes>>, Refusal> {
    Ok(call.keyspace.list(place)?.cloned())
}

pub(super) fn index(call: &mut Call<'_>) -> Answer {
    let Some(list) = call.keyspace.list(&call.place(1))? else {
        return Ok(Reply::Null);
    };
    let position = position(list, number(call.argument(2))?);
    Ok(Reply::bulk(
        position.and_then(|position| list.get(position).cloned()),
    ))
}

pub(super) fn set(call: &mut Call<'_>) -> Answer {
    let place = call.place(1);
    let Some(mut list) = edited(call, &place)? else {
        return Err(Refusal::NO_SUCH_KEY);
    };
    let position = position(&list, number(call.argument(2))?);
    let position = position.ok_or(Refusal::of("ERR index out of range"))?;
    list[position] = call.argument(3).clone();
    call.keyspace.put_list(&place, list);
    Ok(Reply::OK)
}

/// As many as the number says, from the start or, when it is negative, from the end; 0 for all.
pub(super) fn remove(call: &mut Call<'_>) -> Answer {
    let count = number(call.argument(2))?;
    let (place, item) = (call.place(1), call.argument(3));
    let Some(list) = call.keyspace.list(&place)? else {
        return Ok(Reply::Integer(0));
    };
    let most = match count {
        0 => usize::MAX,
        count => usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX),
    };
    let mut removed = 0;
    let mut keep = |other: &&Bytes| {
        let goes = *other == item && removed < most;
        removed += usize::from(goes);
        !goes
    };
    let kept: VecDeque<Bytes> = if count < 0 {
        let mut kept: VecDeque<_> = list.iter().rev().filter(&mut keep).cloned().collect();
        kept.make_contiguous().reverse();
        kept
    } else {
        list.iter().filter(&mut keep).cloned().collect()
    };
    if removed > 0 {
        call.keyspace.put_list(&place, kept);
    }
    Ok(Reply::count(removed))
}

pub(super) fn insert(call: &mut Call<'_>) -> Answer {
    let side = call.argument(2);
    let behind = if is(side, "AFTER") {
        1
    } else if is(side, "BEFORE") {
        0
    } else {
        return Err(Refusal::SYNTAX);
    };
    let place = call.place(1);
    let Some(mut list) = edited(call, &place)? else {
        return Ok(Reply::Integer(0));
    };
    let pivot = list.iter().position(|item| item == call.argument(3));
    let Some(pivot) = pivot else {
        return Ok(Reply::Integer(-1));
    };
    list.insert(pivot + behind, call.argument(4).clone());
    let length = list.len();
    call.keyspace.put_list(&place, list);
    Ok(Reply::count(length))
}

/// How LPOS looks.
struct Search {
    /// The first, second … match; negative from the end.
    rank: i64,
    /// How many matches; `None` for one that is told alone.
    count: Option<usize>,
    /// How many elements are compared.
    most: usize,
}

impl Search {
    fn read(mut options: &[Bytes]) -> Result<Self, Refusal> {
        let mut search = Self {
            rank: 1,
            count: None,
            most: usize::MAX,
        };
        // 0 stands for all.
        let limit = |value: &Bytes, refusal: Refusal| match integer(value).map(usize::try_from) {
            Some(Ok(0)) => Ok(usize::MAX),
            Some(Ok(limit)) => Ok(limit),
            _ => Err(refusal),
        };
        while let [option, value, rest @ ..] = options {
            if is(option, "RANK") {
                search.rank = number(value)?;
                if search.rank == 0 {
                    return Err(Refusal::of(
                        "ERR RANK can't be zero: use 1 to start from the first match, 2 from the second ... or use negative to start from the end of the list",
                    ));
                }
            } else if is(option, "COUNT") {
                let refusal = Refusal::of("ERR COUNT can't be negative");
                search.count = Some(limit(value, refusal)?);
            } else if is(option, "MAXLEN") {
                search.most = limit(value, Refusal::of("ERR MAXLEN can't be negative"))?;
            } else {
                return Err(Refusal::SYNTAX);
            }
            options = rest;
        }
        if options.is_empty() {
            Ok(search)
        } else {
            Err(Refusal::SYNTAX)
        }
    }

    fn run(&self, list: &VecDeque<Bytes>, item: &Bytes) -> Vec<Reply> {
        let skipped = usize::try_from(self.rank.unsigned_abs() - 1).unwrap_or(usize::MAX);
        let found = |(_, other): &(usize, &Bytes)| *other == item;
        let told = |(position, _)| Reply::count(position);
        let wanted = self.count.unwrap_or(1);
        let positions = list.iter().enumerate();
        if self.rank < 0 {
            let positions = positions.rev().take(self.most).filter(found);
            positions.skip(skipped).take(wanted).map(told).collect()
        } else {
            let positions = positions.take(self.most).filter(found);
            positions.skip(skipped).take(wanted).map(told).collect()
        }
    }
}

pub(super) fn find(call: &mut Call<'_>) -> Answer {
    let search = Search::read(&call.arguments[3..])?;
    let list = call.keyspace.list(&call.place(1))?;
    let mut found = list.map_or_else(Vec::new, |list| search.run(list, call.argument(2)));
    if search.count.is_some() {
        return Ok(Reply::Array(found));
    }
    Ok(found.pop().unwrap_or(Reply::Null))
}
