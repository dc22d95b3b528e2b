//! Clients that wait for an element of a list, each key's in the order in which they came.
//!
//! Invariant: an element is taken only for a client that still waits under the lock; a client that
//! went away takes itself out under the same lock.

use std::collections::{BTreeMap, HashMap, VecDeque};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::keyspace::{Keyspace, Place};
use super::reply::{Answer, Reply};

/// An end of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    Left,
    Right,
}

/// What a client waits for.
#[derive(Clone, Debug)]
pub(super) struct Wish {
    /// Any of these lists.
    pub(super) keys: Vec<Place>,
    /// The end that elements are taken from.
    pub(super) from: End,
    /// Where the element goes instead of to the client alone.
    pub(super) to: Option<(Place, End)>,
}

/// What a client that waited gets.
#[derive(Debug)]
pub(super) struct Served {
    pub(super) answer: Answer,
    /// Taken for this client alone: given back if it is gone.
    pub(super) popped: Option<(Place, Bytes)>,
    /// The answer may be given when the disk holds this.
    pub(super) ticket: u64,
}

#[derive(Debug)]
struct Waiter {
    wish: Wish,
    sender: oneshot::Sender<Served>,
}

/// A client's place in the queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Turn(u64);

/// All who wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    waiters: BTreeMap<Turn, Waiter>,
    queues: HashMap<Place, VecDeque<Turn>>,
    last: u64,
    /// Lists that got elements while somebody waits for them.
    ready: VecDeque<Place>,
    served: Vec<(oneshot::Sender<Served>, Served)>,
}

impl Waiting {
    /// Queues a client.
    pub(super) fn add(&mut self, wish: Wish) -> (Turn, oneshot::Receiver<Served>) {
        self.last += 1;
        let turn = Turn(self.last);
        for key in &wish.keys {
            let queue = self.queues.entry(key.clone()).or_default();
            // A key may be named twice.
            if queue.back() != Some(&turn) {
                queue.push_back(turn);
            }
        }
        let (sender, receiver) = oneshot::channel();
        self.waiters.insert(turn, Waiter { wish, sender });
        (turn, receiver)
    }

    /// Takes a client out; whether it still waited.
    pub(super) fn remove(&mut self, turn: Turn) -> bool {
        self.take(turn).is_some()
    }

    /// How many wait.
    pub(super) fn len(&self) -> usize {
        self.waiters.len()
    }

    /// A list got an element.
    pub(super) fn signal(&mut self, place: &Place) {
        if self.queues.contains_key(place) && !self.ready.contains(place) {
            self.ready.push_back(place.clone());
        }
    }

    /// Sends what was served, to be answered when the disk holds the ticket.
    pub(super) fn send(&mut self, ticket: u64) {
        for (sender, served) in self.served.drain(..) {
            // Its connection takes it out of the queues before it lets go of the receiver.
            let _ = sender.send(Served { ticket, ..served });
        }
    }

    fn first(&self, place: &Place) -> Option<(Turn, Wish)> {
        let turn = *self.queues.get(place)?.front()?;
        let waiter = self.waiters.get(&turn)?;
        Some((turn, waiter.wish.clone()))
    }

    fn take(&mut self, turn: Turn) -> Option<Waiter> {
        let waiter = self.waiters.remove(&turn)?;
        for key in &waiter.wish.keys {
            if let Some(queue) = self.queues.get_mut(key) {
                queue.retain(|other| *other != turn);
                if queue.is_empty() {
                    self.queues.remove(key);
                }
            }
        }
        Some(waiter)
    }
}

impl Keyspace {
    /// Gives the elements that came to those who wait for them.
    pub(super) fn serve_waiting(&mut self) {
        while let Some(place) = self.waiting.ready.pop_front() {
            while let Some((turn, wish)) = self.waiting.first(&place) {
                let Some((answer, popped)) = self.fulfil(&place, &wish) else {
                    break;
                };
                if let Some(waiter) = self.waiting.take(turn) {
                    let served = Served {
                        answer,
                        popped,
                        ticket: 0,
                    };
                    self.waiting.served.push((waiter.sender, served));
                }
            }
        }
    }

    /// Takes an element as a client wishes; `None` if the list has none.
    pub(super) fn fulfil(
        &mut self,
        place: &Place,
        wish: &Wish,
    ) -> Option<(Answer, Option<(Place, Bytes)>)> {
        if !matches!(self.list(place), Ok(Some(_))) {
            return None;
        }
        if let Some((to, end)) = &wish.to {
            return Some((self.shift(place, wish.from, to, *end), None));
        }
        let item = self.pop(place, wish.from).ok().flatten()?;
        let answer = Reply::bulks([place.1.clone(), item.clone()]);
        Some((Ok(answer), Some((place.clone(), item))))
    }

    /// Moves an element from one list to another, or within one.
    pub(super) fn shift(&mut self, from: &Place, end: End, to: &Place, at: End) -> Answer {
        if self.list(from)?.is_none() {
            return Ok(Reply::Null);
        }
        // Nothing is taken that cannot be put.
        self.list(to)?;
        let Some(item) = self.pop(from, end)? else {
            return Ok(Reply::Null);
        };
        self.push(to, at, item.clone())?;
        Ok(Reply::Bulk(item))
    }
}
