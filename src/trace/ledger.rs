//! Counters of the ingress: one sheet for each replica, so that no two threads write to one place.
//!
//! A request touches a few relaxed atomics that nobody else writes to, and never a lock: a replica
//! asks for the counters of a Service or an endpoint when it learns of it, and keeps them. The locks
//! here are for that moment, and for whoever reads.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use http::{Method, StatusCode};

use crate::model::{DURATION_BOUNDS, Durations, EndpointTraffic, RequestCount, ServiceTraffic};

/// What is told apart of methods; the last one is everything else.
const METHODS: [&str; 10] = [
    "GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH", "CONNECT", "TRACE", "OTHER",
];
/// Statuses from 100 on that HTTP can have.
const CODES: usize = 900;
/// Endpoints of one Service that are remembered after they are gone.
const GONE: usize = 1000;

/// All sheets; cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Ledger(Arc<Mutex<Sheets>>);

#[derive(Debug, Default)]
struct Sheets {
    open: Vec<Arc<Sheet>>,
    /// Of replicas that have ended: a counter never goes back.
    ended: BTreeMap<String, ServiceTraffic>,
}

/// The counters of one replica.
#[derive(Debug, Default)]
pub struct Sheet(Mutex<BTreeMap<String, Arc<ServiceCounts>>>);

/// The counters of one Service at one replica.
#[derive(Debug, Default)]
pub struct ServiceCounts {
    /// By method, then by status; a row is made by the first request of its method.
    rows: [OnceLock<Box<[AtomicU64]>>; METHODS.len()],
    duration: Histogram,
    endpoints: Mutex<BTreeMap<String, Arc<EndpointCounts>>>,
}

/// The counters of one endpoint at one replica.
#[derive(Debug, Default)]
pub struct EndpointCounts {
    errors: AtomicU64,
    duration: Histogram,
}

#[derive(Debug, Default)]
struct Histogram {
    buckets: [AtomicU64; DURATION_BOUNDS.len() + 1],
    nanoseconds: AtomicU64,
}

// === impl Ledger ===

impl Ledger {
    /// A sheet for a replica that begins.
    pub fn sheet(&self) -> Arc<Sheet> {
        let mut sheets = lock(&self.0);
        sheets.fold();
        let sheet = Arc::<Sheet>::default();
        sheets.open.push(Arc::clone(&sheet));
        sheet
    }

    /// How many requests were answered so far.
    pub fn answered(&self) -> u64 {
        let mut sheets = lock(&self.0);
        sheets.fold();
        let ended = sheets
            .ended
            .values()
            .map(|service| service.duration.count());
        let open = sheets.open.iter().map(|sheet| {
            let services = lock(&sheet.0);
            services
                .values()
                .map(|service| service.duration.count())
                .sum::<u64>()
        });
        ended.sum::<u64>() + open.sum::<u64>()
    }

    /// What was counted so far, by Service.
    pub fn counted(&self) -> Vec<ServiceTraffic> {
        let mut sheets = lock(&self.0);
        sheets.fold();
        let mut all = sheets.ended.clone();
        for sheet in &sheets.open {
            sheet.add_to(&mut all);
        }
        all.into_values().collect()
    }
}

impl Sheets {
    /// Keeps what sheets say whose replicas have ended.
    fn fold(&mut self) {
        let ended = &mut self.ended;
        self.open.retain(|sheet| {
            let in_use = Arc::strong_count(sheet) > 1;
            if !in_use {
                sheet.add_to(ended);
            }
            in_use
        });
        for service in ended.values_mut() {
            let surplus = service.endpoints.len().saturating_sub(GONE);
            service.endpoints.drain(..surplus);
        }
    }
}

// === impl Sheet ===

impl Sheet {
    /// The counters of a Service; of requests that reach none for the empty name.
    pub fn service(&self, name: &str) -> Arc<ServiceCounts> {
        let mut services = lock(&self.0);
        Arc::clone(services.entry(name.to_owned()).or_default())
    }

    fn add_to(&self, all: &mut BTreeMap<String, ServiceTraffic>) {
        for (name, counts) in &*lock(&self.0) {
            let sum = all.entry(name.clone()).or_insert_with(|| ServiceTraffic {
                service: name.clone(),
                ..ServiceTraffic::default()
            });
            counts.add_to(sum);
        }
    }
}

// === impl ServiceCounts ===

impl ServiceCounts {
    /// The counters of an endpoint.
    pub fn endpoint(&self, pod: &str) -> Arc<EndpointCounts> {
        let mut endpoints = lock(&self.endpoints);
        if endpoints.len() >= GONE {
            endpoints.retain(|_, counts| Arc::strong_count(counts) > 1);
        }
        Arc::clone(endpoints.entry(pod.to_owned()).or_default())
    }

    /// One request is answered.
    pub fn answered(&self, method: &Method, status: StatusCode, took: Duration) {
        let last = METHODS.len() - 1;
        let known = METHODS[..last]
            .iter()
            .position(|known| *known == method.as_str());
        let row = self.rows[known.unwrap_or(last)]
            .get_or_init(|| (0..CODES).map(|_| AtomicU64::new(0)).collect());
        if let Some(count) = row.get(usize::from(status.as_u16()).wrapping_sub(100)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        self.duration.add(took);
    }

    fn add_to(&self, sum: &mut ServiceTraffic) {
        for (method, row) in METHODS.iter().zip(&self.rows) {
            let counts = row.get().into_iter().flatten().zip(100_u16..);
            for (count, code) in counts {
                let count = count.load(Ordering::Relaxed);
                if count == 0 {
                    continue;
                }
                let mut known = sum.requests.iter_mut();
                match known.find(|one| one.code == code && one.method == *method) {
                    Some(known) => known.count += count,
                    None => sum.requests.push(RequestCount {
                        method: (*method).to_owned(),
                        code,
                        count,
                    }),
                }
            }
        }
        sum.duration.add(&self.duration.read());
        for (pod, counts) in &*lock(&self.endpoints) {
            let (errors, duration) = counts.read();
            let mut known = sum.endpoints.iter_mut();
            if let Some(known) = known.find(|one| one.pod == *pod) {
                known.errors += errors;
                known.duration.add(&duration);
            } else {
                sum.endpoints.push(EndpointTraffic {
                    pod: pod.clone(),
                    errors,
                    duration,
                });
            }
        }
    }
}

// === impl EndpointCounts ===

impl EndpointCounts {
    /// It has answered one request, or failed to.
    pub fn answered(&self, status: StatusCode, took: Duration) {
        if status.is_server_error() {
            self.errors.fetch_add(1, Ordering::Relaxed);
        }
        self.duration.add(took);
    }

    fn read(&self) -> (u64, Durations) {
        (self.errors.load(Ordering::Relaxed), self.duration.read())
    }
}

// === impl Histogram ===

impl Histogram {
    fn add(&self, took: Duration) {
        let seconds = took.as_secs_f64();
        let bucket = DURATION_BOUNDS.partition_point(|bound| *bound < seconds);
        self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        // Saturates after 584 years.
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    fn count(&self) -> u64 {
        let buckets = self.buckets.iter();
        buckets.map(|bucket| bucket.load(Ordering::Relaxed)).sum()
    }

    fn read(&self) -> Durations {
        let nanoseconds = self.nanoseconds.load(Ordering::Relaxed);
        Durations {
            buckets: self
                .buckets
                .iter()
                .map(|bucket| bucket.load(Ordering::Relaxed))
                .collect(),
            sum: Duration::from_nanos(nanoseconds).as_secs_f64(),
        }
    }
}

/// What is behind a poisoned lock is good: every change is one step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sheets_are_added_up_and_outlive_their_replicas() {
        let ledger = Ledger::default();
        let (first, second) = (ledger.sheet(), ledger.sheet());
        for sheet in [&first, &second] {
            let service = sheet.service("web");
            service.answered(&Method::GET, StatusCode::OK, Duration::from_millis(2));
            let other = Method::from_bytes(b"BREW").unwrap();
            service.answered(&other, StatusCode::IM_A_TEAPOT, Duration::from_secs(60));
            let endpoint = service.endpoint("web-a");
            endpoint.answered(StatusCode::BAD_GATEWAY, Duration::from_millis(2));
        }
        assert_eq!(ledger.answered(), 4);
        let before = ledger.counted();
        drop(first);
        let third = ledger.sheet();
        third
            .service("")
            .answered(&Method::GET, StatusCode::NOT_FOUND, Duration::ZERO);
        assert_eq!(ledger.answered(), 5);
        let counted = ledger.counted();
        assert_eq!(counted[1], before[0], "nothing was lost");
        assert_eq!(counted[0].service, "");
        let web = &counted[1];
        let requests = web
            .requests
            .iter()
            .map(|one| (one.method.as_str(), one.code, one.count));
        assert_eq!(
            requests.collect::<Vec<_>>(),
            [("GET", 200, 2), ("OTHER", 418, 2)]
        );
        assert_eq!(web.duration.count(), 4);
        assert!((web.duration.sum - 120.004).abs() < 1e-9);
        assert_eq!((web.endpoints[0].errors, web.endpoints.len()), (2, 1));
    }
}
