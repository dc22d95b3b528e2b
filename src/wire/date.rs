//! The `Date` header, written once a second.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use http::HeaderValue;

thread_local! {
    static CACHED: RefCell<Option<(SystemTime, HeaderValue)>> = const { RefCell::new(None) };
}

/// The time now in the form of RFC 9110 section 5.6.7.
pub(crate) fn date() -> HeaderValue {
    let now = SystemTime::now();
    CACHED.with_borrow_mut(|cached| {
        if let Some((since, value)) = cached
            && now
                .duration_since(*since)
                .is_ok_and(|age| age < Duration::from_secs(1))
        {
            return value.clone();
        }
        let text = httpdate::fmt_http_date(now);
        let value = HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(""));
        *cached = Some((whole_second(now), value.clone()));
        value
    })
}

/// The beginning of the second, so that the cached text is never a second behind.
fn whole_second(now: SystemTime) -> SystemTime {
    let since = now
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default();
    SystemTime::UNIX_EPOCH + Duration::from_secs(since.as_secs())
}
