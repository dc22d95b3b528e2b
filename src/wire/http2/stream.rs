//! A stream's handle: what a request handler holds.
//!
//! All methods take `&self`, so that both directions can be used at once. Dropping the handle ends
//! the stream, with a reset if something was left open.

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::HeaderMap;

use super::error::StreamError;
use super::frame::Reason;
use super::head;
use super::state::{Entry, Role, State};
use crate::wire::interim::Hinted;

/// One request and its response.
#[derive(Debug)]
pub(crate) struct Stream {
    state: Rc<RefCell<State>>,
    id: u32,
}

impl Stream {
    pub(super) fn new(state: Rc<RefCell<State>>, id: u32) -> Self {
        Self { state, id }
    }

    /// The next response head; interim ones (1xx) come before the final one.
    pub(crate) async fn head(&self) -> Result<http::response::Parts, StreamError> {
        poll_fn(|context| {
            self.with(|entry| {
                if let Some(head) = entry.heads.pop_front() {
                    return Poll::Ready(Ok(head));
                }
                if let Some(error) = &entry.failed {
                    return Poll::Ready(Err(error.clone()));
                }
                entry.reader = Some(context.waker().clone());
                Poll::Pending
            })
        })
        .await
    }

    /// The next piece of the body; `None` when it has ended.
    pub(crate) fn poll_data(
        &self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, StreamError>>> {
        let mut state = self.state.borrow_mut();
        let Some(entry) = state.streams.get_mut(&self.id) else {
            return Poll::Ready(None);
        };
        if let Some(bytes) = entry.received.pop_front() {
            state.release(self.id, bytes.len());
            return Poll::Ready(Some(Ok(bytes)));
        }
        if entry.received_end {
            return Poll::Ready(None);
        }
        if let Some(error) = &entry.failed {
            return Poll::Ready(Some(Err(error.clone())));
        }
        entry.reader = Some(context.waker().clone());
        Poll::Pending
    }

    /// Whether there is nothing more: no body, and no trailers.
    pub(crate) fn is_ended(&self) -> bool {
        self.with(|entry| {
            entry.received_end && entry.received.is_empty() && entry.trailers.is_none()
        })
    }

    /// What `content-length` says is still to come.
    pub(crate) fn length(&self) -> Option<u64> {
        self.with(|entry| {
            let waiting: usize = entry.received.iter().map(Bytes::len).sum();
            let waiting = waiting as u64;
            match entry.remaining {
                Some(left) => Some(left + waiting),
                None => entry.received_end.then_some(waiting),
            }
        })
    }

    /// Trailers, once [`Self::poll_data`] has returned `None`.
    pub(crate) fn trailers(&self) -> Option<HeaderMap> {
        self.with(|entry| entry.trailers.take())
    }

    /// Why the stream cannot go on, once it cannot.
    pub(crate) fn poll_failed(&self, context: &mut Context<'_>) -> Poll<StreamError> {
        self.with(|entry| {
            if let Some(error) = &entry.failed {
                return Poll::Ready(error.clone());
            }
            entry.watcher = Some(context.waker().clone());
            Poll::Pending
        })
    }

    /// Sends a response's head; with `end` that is all.
    pub(crate) fn respond(&self, parts: &http::response::Parts, end: bool) {
        let mut state = self.state.borrow_mut();
        state.send_block(self.id, end, |out| head::write_response(out, parts));
    }

    /// Sends a request's head; with `end` that is all.
    pub(super) fn request(&self, parts: &http::request::Parts, end: bool) {
        let mut state = self.state.borrow_mut();
        state.send_block(self.id, end, |out| head::write_request(out, parts));
    }

    /// Sends a piece of the body, as fast as the other side reads.
    pub(crate) async fn send(&self, mut bytes: Bytes, end: bool) -> Result<(), StreamError> {
        poll_fn(|context| {
            let mut state = self.state.borrow_mut();
            match state.send_data(self.id, &mut bytes, end, context.waker()) {
                Ok(true) => Poll::Ready(Ok(())),
                Ok(false) => Poll::Pending,
                Err(error) => Poll::Ready(Err(error)),
            }
        })
        .await
    }

    /// Sends trailers, which are the end.
    pub(crate) fn send_trailers(&self, trailers: &HeaderMap) {
        let mut state = self.state.borrow_mut();
        state.send_block(self.id, true, |out| head::write_headers(out, trailers));
    }

    /// Ends the stream for a reason.
    pub(crate) fn reset(&self, reason: Reason) {
        let mut state = self.state.borrow_mut();
        if let Some(entry) = state.streams.get_mut(&self.id)
            && entry.failed.is_none()
        {
            entry.failed = Some(StreamError::Reset(reason));
            state.reset(self.id, reason);
        }
    }

    /// The stream's entry, which is there as long as the handle.
    fn with<T>(&self, look: impl FnOnce(&mut Entry) -> T) -> T {
        let mut state = self.state.borrow_mut();
        let entry = state.streams.get_mut(&self.id);
        look(entry.expect("a stream's entry goes with its handle"))
    }
}

impl Hinted for Stream {
    fn hint(&self, parts: &http::response::Parts, _: &mut Context<'_>) {
        let mut state = self.state.borrow_mut();
        if state.has_room() {
            state.send_block(self.id, false, |out| head::write_response(out, parts));
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let mut state = self.state.borrow_mut();
        let role = state.role;
        let Some(entry) = state.streams.remove(&self.id) else {
            return;
        };
        let unread: usize = entry.received.iter().map(Bytes::len).sum();
        if unread > 0 {
            state.release_connection(u32::try_from(unread).unwrap_or(u32::MAX));
        }
        if entry.failed.is_none() && !(entry.received_end && entry.sent_end) {
            let reason = match (role, entry.sent_end) {
                // The answer is complete; the rest of the request is not needed.
                (Role::Server, true) => Reason::NO_ERROR,
                (Role::Server, false) => Reason::INTERNAL_ERROR,
                (Role::Client, _) => Reason::CANCEL,
            };
            state.reset(self.id, reason);
        }
        // A stream more may be opened, or the connection may be over.
        state.wake_waiting();
        state.wake();
    }
}
