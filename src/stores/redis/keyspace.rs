//! The sixteen databases, and what of them changed since it was last told to the file.
//!
//! Invariants: every change goes through here and is recorded in the order in which it happened; a
//! key whose time is over is gone before a command looks; no list, hash or set is empty.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;

use super::reply::Refusal;
use super::storage::Change;
use super::value::Value;
use super::waiting::Waiting;

/// As many as Redis has by default.
pub(super) const DATABASES: u8 = 16;

/// A key of a database.
pub(super) type Place = (u8, Bytes);

#[derive(Debug)]
pub(super) struct Entry {
    /// Rises with every new key, so that SCAN can go on where it was.
    number: u64,
    /// Milliseconds since 1970; `None` for ever.
    expires: Option<i64>,
    pub(super) value: Value,
}

#[derive(Debug, Default)]
struct Database {
    entries: HashMap<Bytes, Entry>,
    order: BTreeMap<u64, Bytes>,
}

/// All keys.
#[derive(Debug)]
pub(super) struct Keyspace {
    databases: Vec<Database>,
    due: BTreeSet<(i64, Place)>,
    last_number: u64,
    changes: Vec<Change>,
    watches: HashMap<Place, Vec<Arc<AtomicBool>>>,
    /// Clients that wait for elements.
    pub(super) waiting: Waiting,
}

impl Default for Keyspace {
    fn default() -> Self {
        Self {
            databases: (0..DATABASES).map(|_| Database::default()).collect(),
            due: BTreeSet::new(),
            last_number: 0,
            changes: Vec::new(),
            watches: HashMap::new(),
            waiting: Waiting::default(),
        }
    }
}

impl Keyspace {
    /// Takes in what the file holds; nothing of it counts as a change.
    pub(super) fn restore(&mut self, place: &Place, value: Value, expires: Option<i64>) {
        self.insert(place, value, expires);
    }

    /// What changed since the last call.
    pub(super) fn take_changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.changes)
    }

    /// Removes the keys whose time is over.
    pub(super) fn expire(&mut self, now: i64) {
        while let Some((time, place)) = self.due.first()
            && *time < now
        {
            let place = place.clone();
            self.remove(&place);
        }
    }

    /// The value of a key.
    pub(super) fn get(&self, place: &Place) -> Option<&Value> {
        self.entry(place).map(|entry| &entry.value)
    }

    /// A string.
    pub(super) fn string(&self, place: &Place) -> Result<Option<&Bytes>, Refusal> {
        match self.get(place) {
            None => Ok(None),
            Some(Value::String(value)) => Ok(Some(value)),
            Some(_) => Err(Refusal::WRONG_TYPE),
        }
    }

    /// A list's elements.
    pub(super) fn list(&self, place: &Place) -> Result<Option<&VecDeque<Bytes>>, Refusal> {
        match self.get(place) {
            None => Ok(None),
            Some(Value::List(list)) => Ok(Some(&list.items)),
            Some(_) => Err(Refusal::WRONG_TYPE),
        }
    }

    /// A hash.
    pub(super) fn hash(&self, place: &Place) -> Result<Option<&BTreeMap<Bytes, Bytes>>, Refusal> {
        match self.get(place) {
            None => Ok(None),
            Some(Value::Hash(fields)) => Ok(Some(fields)),
            Some(_) => Err(Refusal::WRONG_TYPE),
        }
    }

    /// A set.
    pub(super) fn set(&self, place: &Place) -> Result<Option<&BTreeSet<Bytes>>, Refusal> {
        match self.get(place) {
            None => Ok(None),
            Some(Value::Set(members)) => Ok(Some(members)),
            Some(_) => Err(Refusal::WRONG_TYPE),
        }
    }

    /// When the key goes; `None` if it stays, or if there is none.
    pub(super) fn expires(&self, place: &Place) -> Option<i64> {
        self.entry(place).and_then(|entry| entry.expires)
    }

    /// How many keys a database has.
    pub(super) fn len(&self, database: u8) -> usize {
        self.databases[usize::from(database)].entries.len()
    }

    /// How many of them go at some time.
    pub(super) fn expiring(&self, database: u8) -> usize {
        let entries = self.databases[usize::from(database)].entries.values();
        entries.filter(|entry| entry.expires.is_some()).count()
    }

    /// The keys from a number on, oldest first, each with its number.
    pub(super) fn keys(
        &self,
        database: u8,
        from: u64,
    ) -> impl Iterator<Item = (u64, &Bytes, &Value)> {
        let database = &self.databases[usize::from(database)];
        let order = database.order.range(from..);
        order.filter_map(|(number, key)| {
            let entry = database.entries.get(key)?;
            Some((*number, key, &entry.value))
        })
    }

    /// Sets a key, whatever it held.
    pub(super) fn put(&mut self, place: &Place, value: Value, expires: Option<i64>) {
        let old = self.entry(place);
        if old.is_some_and(|entry| !matches!(entry.value, Value::String(_))) {
            self.changes.push(Change::Elements(place.clone()));
        }
        self.changes
            .push(Change::Key(place.clone(), Some(value.header(expires))));
        for (at, element) in value.elements() {
            self.changes
                .push(Change::Element(place.clone(), at, Some(element)));
        }
        if matches!(value, Value::List(_)) {
            self.waiting.signal(place);
        }
        self.insert(place, value, expires);
        self.touch(place);
    }

    /// Removes a key; whether there was one.
    pub(super) fn remove(&mut self, place: &Place) -> bool {
        self.take(place).is_some()
    }

    /// Gives a key another time to go; nothing if there is no such key.
    pub(super) fn set_expires(&mut self, place: &Place, expires: Option<i64>) {
        let database = &mut self.databases[usize::from(place.0)];
        let Some(entry) = database.entries.get_mut(&place.1) else {
            return;
        };
        let old = std::mem::replace(&mut entry.expires, expires);
        let header = entry.value.header(expires);
        if let Some(time) = old {
            self.due.remove(&(time, place.clone()));
        }
        if let Some(time) = expires {
            self.due.insert((time, place.clone()));
        }
        self.changes.push(Change::Key(place.clone(), Some(header)));
        self.touch(place);
    }

    /// Gives a key another name, whatever was there; false if there is no such key.
    pub(super) fn rename(&mut self, from: &Place, to: &Place) -> bool {
        if from == to {
            return self.entry(from).is_some();
        }
        let Some(entry) = self.take(from) else {
            return false;
        };
        self.put(to, entry.value, entry.expires);
        true
    }

    /// Empties a database, or all.
    pub(super) fn clear(&mut self, database: Option<u8>) {
        for number in 0..DATABASES {
            if database.is_some_and(|only| only != number) {
                continue;
            }
            let emptied = std::mem::take(&mut self.databases[usize::from(number)]);
            for key in emptied.entries.into_keys() {
                self.touch(&(number, key));
            }
            self.due.retain(|(_, place)| place.0 != number);
            self.changes.push(Change::Database(number));
        }
    }

    /// Raises the flag when the key changes.
    pub(super) fn watch(&mut self, place: Place, flag: &Arc<AtomicBool>) {
        self.watches
            .entry(place)
            .or_default()
            .push(Arc::clone(flag));
    }

    /// Ends that.
    pub(super) fn unwatch(&mut self, place: &Place, flag: &Arc<AtomicBool>) {
        if let Some(flags) = self.watches.get_mut(place) {
            flags.retain(|other| !Arc::ptr_eq(other, flag));
            if flags.is_empty() {
                self.watches.remove(place);
            }
        }
    }

    pub(super) fn entry(&self, place: &Place) -> Option<&Entry> {
        self.databases[usize::from(place.0)].entries.get(&place.1)
    }

    pub(super) fn value(&mut self, place: &Place) -> Option<&mut Value> {
        let database = &mut self.databases[usize::from(place.0)];
        let entry = database.entries.get_mut(&place.1);
        entry.map(|entry| &mut entry.value)
    }

    fn touch(&self, place: &Place) {
        for flag in self.watches.get(place).into_iter().flatten() {
            flag.store(true, Ordering::Relaxed);
        }
    }

    pub(super) fn element(&mut self, place: &Place, at: Bytes, element: Option<Bytes>) {
        self.changes
            .push(Change::Element(place.clone(), at, element));
        self.touch(place);
    }

    fn insert(&mut self, place: &Place, value: Value, expires: Option<i64>) {
        let database = &mut self.databases[usize::from(place.0)];
        let number = if let Some(old) = database.entries.get(&place.1) {
            if let Some(time) = old.expires {
                self.due.remove(&(time, place.clone()));
            }
            old.number
        } else {
            self.last_number += 1;
            database.order.insert(self.last_number, place.1.clone());
            self.last_number
        };
        if let Some(time) = expires {
            self.due.insert((time, place.clone()));
        }
        let entry = Entry {
            number,
            expires,
            value,
        };
        database.entries.insert(place.1.clone(), entry);
    }

    fn take(&mut self, place: &Place) -> Option<Entry> {
        let database = &mut self.databases[usize::from(place.0)];
        let entry = database.entries.remove(&place.1)?;
        database.order.remove(&entry.number);
        if let Some(time) = entry.expires {
            self.due.remove(&(time, place.clone()));
        }
        if !matches!(entry.value, Value::String(_)) {
            self.changes.push(Change::Elements(place.clone()));
        }
        self.changes.push(Change::Key(place.clone(), None));
        self.touch(place);
        Some(entry)
    }
}
