//! The elements of lists, hashes and sets: one comes or goes without the others being written again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use bytes::Bytes;

use super::keyspace::{Keyspace, Place};
use super::reply::Refusal;
use super::value::{List, Value, place as place_of};
use super::waiting::End;

impl Keyspace {
    /// Puts an element at an end of a list, which is made if need be; how long it is then.
    pub(super) fn push(&mut self, place: &Place, end: End, item: Bytes) -> Result<usize, Refusal> {
        if self.entry(place).is_none() {
            let list = Value::List(List::of(VecDeque::from([item])));
            self.put(place, list, None);
            return Ok(1);
        }
        let Some(Value::List(list)) = self.value(place) else {
            return Err(Refusal::WRONG_TYPE);
        };
        let position = match end {
            End::Left => {
                list.first -= 1;
                list.items.push_front(item.clone());
                list.first
            }
            End::Right => {
                list.items.push_back(item.clone());
                list.first + signed(list.items.len()) - 1
            }
        };
        let length = list.items.len();
        self.element(place, place_of(position), Some(item));
        self.waiting.signal(place);
        Ok(length)
    }

    /// Takes the element at an end of a list; with the last one the key goes.
    pub(super) fn pop(&mut self, place: &Place, end: End) -> Result<Option<Bytes>, Refusal> {
        let list = match self.value(place) {
            None => return Ok(None),
            Some(Value::List(list)) => list,
            Some(_) => return Err(Refusal::WRONG_TYPE),
        };
        let (position, item) = match end {
            End::Left => {
                list.first += 1;
                (list.first - 1, list.items.pop_front())
            }
            End::Right => (
                list.first + signed(list.items.len()) - 1,
                list.items.pop_back(),
            ),
        };
        if list.items.is_empty() {
            self.remove(place);
        } else {
            self.element(place, place_of(position), None);
        }
        Ok(item)
    }

    /// Replaces a list's elements; the key goes if none is left.
    pub(super) fn put_list(&mut self, place: &Place, items: VecDeque<Bytes>) {
        if items.is_empty() {
            self.remove(place);
            return;
        }
        let expires = self.expires(place);
        self.put(place, Value::List(List::of(items)), expires);
    }

    /// Sets a field of a hash, which is made if need be; whether the field is new.
    pub(super) fn put_field(
        &mut self,
        place: &Place,
        field: Bytes,
        value: Bytes,
    ) -> Result<bool, Refusal> {
        if self.entry(place).is_none() {
            let hash = Value::Hash(BTreeMap::from([(field, value)]));
            self.put(place, hash, None);
            return Ok(true);
        }
        let Some(Value::Hash(fields)) = self.value(place) else {
            return Err(Refusal::WRONG_TYPE);
        };
        let new = fields.insert(field.clone(), value.clone()).is_none();
        self.element(place, field, Some(value));
        Ok(new)
    }

    /// Adds a member to a set, which is made if need be; whether it is new.
    pub(super) fn put_member(&mut self, place: &Place, member: Bytes) -> Result<bool, Refusal> {
        if self.entry(place).is_none() {
            let set = Value::Set(BTreeSet::from([member]));
            self.put(place, set, None);
            return Ok(true);
        }
        let Some(Value::Set(members)) = self.value(place) else {
            return Err(Refusal::WRONG_TYPE);
        };
        let new = members.insert(member.clone());
        if new {
            self.element(place, member, Some(Bytes::new()));
        }
        Ok(new)
    }

    /// Removes a field of a hash or a member of a set; whether it was there.
    pub(super) fn remove_element(&mut self, place: &Place, element: &Bytes) -> bool {
        let (found, empty) = match self.value(place) {
            Some(Value::Hash(fields)) => (fields.remove(element).is_some(), fields.is_empty()),
            Some(Value::Set(members)) => (members.remove(element), members.is_empty()),
            _ => return false,
        };
        if empty {
            self.remove(place);
        } else if found {
            self.element(place, element.clone(), None);
        }
        found
    }
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).unwrap_or(i64::MAX)
}
