//! Interim responses (1xx) on their way to a client that has no final one yet.

use std::fmt;
use std::rc::Rc;
use std::task::Context;

use http::response::Parts;

/// Where the interim responses of one request go. They are hints: a client that does not read what
/// it was sent before misses them, and one of HTTP/1.0 gets none (RFC 9110 section 15.2).
#[derive(Clone, Default)]
pub struct Interim(Option<Rc<dyn Hinted>>);

/// Whoever is sent interim responses.
pub(super) trait Hinted {
    /// Sends one, unless others still wait to be read.
    fn hint(&self, parts: &Parts, context: &mut Context<'_>);
}

impl Interim {
    pub(super) fn to(client: Rc<dyn Hinted>) -> Self {
        Self(Some(client))
    }

    /// Passes one on. Its headers must be the client's to see.
    pub fn send(&self, parts: &Parts, context: &mut Context<'_>) {
        if let Some(client) = &self.0 {
            client.hint(parts, context);
        }
    }
}

impl fmt::Debug for Interim {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Interim").finish_non_exhaustive()
    }
}
