//! The news that a thread's connections are to end, at no cost until it comes.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::task::{Context, Waker};

/// Shared by all connections of a thread.
#[derive(Debug, Default)]
pub struct Stop {
    given: Cell<bool>,
    next: Cell<u64>,
    waiting: RefCell<HashMap<u64, Option<Waker>>>,
}

/// One connection's place among those who are told.
#[derive(Debug)]
pub struct Listener {
    stop: Rc<Stop>,
    key: u64,
}

impl Stop {
    /// Tells everybody.
    pub fn give(&self) {
        self.given.set(true);
        for waker in self.waiting.borrow_mut().values_mut() {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        }
    }

    /// A place for a connection.
    pub fn listen(self: &Rc<Self>) -> Listener {
        let key = self.next.get();
        self.next.set(key + 1);
        self.waiting.borrow_mut().insert(key, None);
        Listener {
            stop: Rc::clone(self),
            key,
        }
    }
}

impl Listener {
    /// Whether the news has come. If not, the task is woken when it comes.
    pub fn given(&self, context: &Context<'_>) -> bool {
        if self.stop.given.get() {
            return true;
        }
        if let Some(place) = self.stop.waiting.borrow_mut().get_mut(&self.key)
            && !place
                .as_ref()
                .is_some_and(|known| known.will_wake(context.waker()))
        {
            *place = Some(context.waker().clone());
        }
        false
    }

    /// Whether the news has come by now.
    pub fn is_given(&self) -> bool {
        self.stop.given.get()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.stop.waiting.borrow_mut().remove(&self.key);
    }
}
