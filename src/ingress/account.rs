//! What is counted of a request, whether it has a film or not.

use std::cell::{Cell, OnceCell};
use std::rc::Rc;
use std::time::Instant;

use http::{Method, StatusCode};

use super::connection::Client;
use super::view::Backend;

/// A request that is not answered yet. A client that goes away drops it, and that counts too.
#[derive(Debug)]
pub(super) struct Account<'c> {
    client: &'c Client,
    method: Method,
    pub(super) begun: Instant,
    /// Where it was sent, once that is decided.
    backend: OnceCell<Rc<Backend>>,
    /// Which of its endpoints was tried last.
    pub(super) tried: Cell<Option<usize>>,
    open: bool,
}

impl<'c> Account<'c> {
    pub(super) fn open(client: &'c Client, method: &Method) -> Self {
        Self {
            client,
            method: method.clone(),
            begun: Instant::now(),
            backend: OnceCell::new(),
            tried: Cell::new(None),
            open: true,
        }
    }

    /// The Service that is to get it.
    pub(super) fn is_for(&self, backend: &Rc<Backend>) {
        // Only one backend is ever decided on.
        let _ = self.backend.set(Rc::clone(backend));
    }

    /// The Service that was to get it, if that was decided.
    pub(super) fn backend(&self) -> Option<&Backend> {
        self.backend.get().map(|backend| &**backend)
    }

    /// The head of the answer is there.
    pub(super) fn close(mut self, status: StatusCode) {
        self.write(status);
    }

    fn write(&mut self, status: StatusCode) {
        self.open = false;
        let took = self.begun.elapsed();
        let Some(backend) = self.backend.get() else {
            let nowhere = self.client.views().nowhere();
            return nowhere.answered(&self.method, status, took);
        };
        backend.counts.answered(&self.method, status, took);
        if let Some(endpoint) = self
            .tried
            .get()
            .and_then(|index| backend.endpoints.get(index))
        {
            endpoint.counts.answered(status, took);
        }
    }
}

impl Drop for Account<'_> {
    fn drop(&mut self) {
        if self.open {
            // What nginx logs for a client that did not wait.
            let status = StatusCode::from_u16(499).unwrap_or(StatusCode::REQUEST_TIMEOUT);
            self.write(status);
        }
    }
}
