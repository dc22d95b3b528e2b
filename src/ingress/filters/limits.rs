//! Limits for each client address, kept by each replica for itself as the real controllers do; and
//! for request bodies.

use std::cell::RefCell;
use std::collections::HashMap;
use std::net::IpAddr;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::Bytes;
use http::StatusCode;
use http_body::{Frame, SizeHint};

use super::{Stop, Subject, refusal};
use crate::model::{ConnectionLimit, RateLimit};
use crate::wire::{Body, BodyError};

/// Clients that a table remembers. ingress-nginx' zones of 5 MB hold about as many.
const CLIENTS: usize = 80_000;

/// What a replica remembers of clients.
#[derive(Debug, Default)]
pub(in crate::ingress) struct Tables {
    rates: RefCell<HashMap<RateKey, Bucket>>,
    open: Rc<RefCell<HashMap<OpenKey, u32>>>,
}

/// The Ingress, the period in seconds, and the client.
type RateKey = (String, u64, IpAddr);
/// The Ingress and the client.
type OpenKey = (String, IpAddr);

/// A leaky bucket: each request adds one, and it runs out evenly.
#[derive(Debug)]
struct Bucket {
    level: f64,
    at: Instant,
}

impl Tables {
    /// Forgets clients whose buckets have run out.
    pub(in crate::ingress) fn sweep(&self) {
        let now = Instant::now();
        self.rates
            .borrow_mut()
            .retain(|(_, period, _), bucket| now.duration_since(bucket.at).as_secs() < *period);
    }
}

/// One request more of this client.
pub(super) fn rate(limit: &RateLimit, subject: &Subject<'_>) -> Result<(), Stop> {
    let client = subject.client.seen_as.ip();
    let period = limit.period.as_secs().max(1);
    let key = (subject.route.ingress.clone(), period, client);
    let mut rates = subject.client.tables().rates.borrow_mut();
    if rates.len() >= CLIENTS && !rates.contains_key(&key) {
        // As NGINX does with a full zone.
        return Err(too_many(limit.status, "too many clients are being counted"));
    }
    let now = Instant::now();
    let bucket = rates.entry(key).or_insert(Bucket {
        level: 0.0,
        at: now,
    });
    let per_second = f64::from(limit.requests) / limit.period.as_secs_f64().max(f64::EPSILON);
    let run_out = now.duration_since(bucket.at).as_secs_f64() * per_second;
    let level = (bucket.level - run_out).max(0.0);
    bucket.at = now;
    if level > f64::from(limit.burst) {
        bucket.level = level;
        let reason = format!(
            "{client} sends more than {} requests in {:?}",
            limit.requests, limit.period
        );
        return Err(too_many(limit.status, reason));
    }
    bucket.level = level + 1.0;
    Ok(())
}

fn too_many(status: u16, reason: impl Into<String>) -> Stop {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    refusal(status, "limit", reason)
}

/// A place among the requests that a client may have at a time; given back when dropped.
#[derive(Debug)]
pub(super) struct Place {
    open: Rc<RefCell<HashMap<OpenKey, u32>>>,
    key: OpenKey,
}

/// Takes a place.
pub(super) fn take(limit: ConnectionLimit, subject: &Subject<'_>) -> Result<Place, Stop> {
    let client = subject.client.seen_as.ip();
    let key = (subject.route.ingress.clone(), client);
    let table = &subject.client.tables().open;
    let mut open = table.borrow_mut();
    let count = open.entry(key.clone()).or_default();
    if *count >= limit.requests {
        let reason = format!("{client} has {count} requests under way, and may not have more");
        return Err(too_many(limit.status, reason));
    }
    *count += 1;
    Ok(Place {
        open: Rc::clone(table),
        key,
    })
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.borrow_mut();
        if let Some(count) = open.get_mut(&self.key) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.key);
            }
        }
    }
}

/// An answer that keeps its places until it has ended.
#[derive(Debug)]
pub(super) struct Held {
    body: Body,
    _places: Vec<Place>,
}

impl Held {
    pub(super) fn wrap(body: Body, places: Vec<Place>) -> Body {
        match body {
            // A tunnel is not watched; its place is free again.
            Body::Tunnel(_) => body,
            body if body.is_end() => body,
            body => Body::boxed(Self {
                body,
                _places: places,
            }),
        }
    }
}

impl http_body::Body for Held {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        self.body.poll(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A request body that may not be larger than so many bytes.
#[derive(Debug)]
pub(super) struct Limited {
    body: Body,
    limit: u64,
    left: u64,
}

impl Limited {
    pub(super) fn wrap(body: Body, limit: u64) -> Body {
        Body::boxed(Self {
            body,
            limit,
            left: limit,
        })
    }
}

impl http_body::Body for Limited {
    type Data = Bytes;
    type Error = BodyError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyError>>> {
        let frame = ready!(self.body.poll(context));
        if let Some(Ok(frame)) = &frame {
            let count = frame.data_ref().map_or(0, Bytes::len) as u64;
            match self.left.checked_sub(count) {
                Some(left) => self.left = left,
                None => return Poll::Ready(Some(Err(BodyError::TooLarge(self.limit)))),
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
