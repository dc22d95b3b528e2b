//! The result of a load as tables within 80 columns.

use std::fmt::Write as _;

use super::super::printer::table;
use super::super::trace::words::{age, clean};
use crate::model::{LoadResult, PodShare};

/// Width of the longest share bar.
const BAR: usize = 20;
/// Longest name that leaves room for the other columns.
const NAME: usize = 40;

pub(super) fn result(result: &LoadResult, before: Option<&LoadResult>) -> String {
    let mut parts = vec![summary(result)];
    if result.answered > 0 {
        parts.push(times(result, before.filter(|before| before.answered > 0)));
    }
    if !result.spread.is_empty() {
        parts.push(spread(result));
    }
    if !result.errors.is_empty() {
        parts.push(errors(result));
    }
    parts.join("\n\n")
}

fn summary(result: &LoadResult) -> String {
    let LoadResult { method, url, .. } = result;
    let mut lines = vec![format!("{method} {}", clean(url))];
    let over = if result.protocol.is_empty() {
        String::new()
    } else {
        format!(" of {}", result.protocol)
    };
    lines.push(format!(
        "{} of {} requests sent over {} connection{}{over}",
        result.sent,
        result.due,
        result.connections,
        if result.connections == 1 { "" } else { "s" },
    ));
    lines.push(format!(
        "{} answers, {:.1} a second of {} wanted, in {}{}",
        result.answered,
        result.achieved_rate,
        result.rate,
        seconds(result.elapsed_ms),
        if result.stopped {
            " (stopped early)"
        } else {
            ""
        },
    ));
    let unsent = result.due - result.sent;
    if unsent > 0 && !result.behind {
        lines.push(format!(
            "{unsent} found every connection busy until the end; try more --connections"
        ));
    }
    if result.waited > 0 && !result.behind {
        lines.push(format!(
            "{} waited for a free connection, which their times include",
            result.waited
        ));
    }
    if result.behind {
        lines.push(format!(
            "this machine was too busy to send in time ({} late): do not trust the times",
            time(result.generator_lag)
        ));
    }
    lines.join("\n")
}

/// Percentiles, beside those of the run before.
fn times(result: &LoadResult, before: Option<&LoadResult>) -> String {
    let of = |result: &LoadResult| {
        let latency = result.latency;
        [
            latency.p50,
            latency.p90,
            latency.p99,
            latency.p999,
            latency.max,
        ]
    };
    let names = ["50 %", "90 %", "99 %", "99.9 %", "all"];
    let now = of(result);
    let Some(before) = before else {
        let rows = names.iter().zip(now);
        let rows = rows.map(|(name, now)| vec![(*name).to_owned(), time(now)]);
        return table(&["ANSWERS", "WITHIN"], rows.collect());
    };
    let rows = names.iter().zip(now).zip(of(before));
    let rows = rows.map(|((name, now), then)| {
        vec![(*name).to_owned(), time(now), time(then), change(now, then)]
    });
    let header = format!("BEFORE (at {}/s)", before.rate);
    let mut text = table(&["ANSWERS", "WITHIN", &header, "CHANGE"], rows.collect());
    let (failed, then) = (failures(result), failures(before));
    // Writing to a String cannot fail.
    let _ = write!(text, "\nfailed: {failed}, before {then}");
    text
}

fn failures(result: &LoadResult) -> u64 {
    result.errors.iter().map(|error| error.count).sum()
}

/// `+12 %`, `2.0 times` …
fn change(now: u64, then: u64) -> String {
    if then == 0 {
        return "-".to_owned();
    }
    let (now, then) = (small(now), small(then));
    let ratio = now / then;
    if ratio >= 2.0 {
        format!("{ratio:.1} times")
    } else {
        format!("{:+.0} %", (ratio - 1.0) * 100.0)
    }
}

fn spread(result: &LoadResult) -> String {
    let total: u64 = result.spread.iter().map(|share| share.requests).sum();
    let most = result.spread.iter().map(|share| share.requests).max();
    let most = most.unwrap_or_default();
    let rows = result.spread.iter().map(|share| {
        let PodShare { pod, requests, .. } = share;
        let part = small(*requests) / small(total.max(1)) * 100.0;
        vec![
            clean(pod).chars().take(NAME).collect(),
            requests.to_string(),
            format!("{part:.1} %"),
            bar(*requests, most),
        ]
    });
    let mut text = table(&["POD", "ANSWERS", "SHARE", ""], rows.collect());
    if let Some(evenness) = &result.evenness {
        let _ = write!(
            text,
            "\n{}\n(chi-square {:.1}, p {})",
            evenness.describe(),
            evenness.chi_square,
            probability(evenness.probability)
        );
    }
    if result.unnamed > 0 {
        let _ = write!(text, "\n{} answers name no pod", result.unnamed);
    }
    text
}

fn probability(value: f64) -> String {
    if value < 0.001 {
        "below 0.001".to_owned()
    } else {
        format!("{value:.3}")
    }
}

fn bar(count: u64, most: u64) -> String {
    let wide = u64::try_from(BAR).unwrap_or_default() * count;
    let length = wide.checked_div(most).unwrap_or_default();
    "█".repeat(usize::try_from(length).unwrap_or_default())
}

fn errors(result: &LoadResult) -> String {
    let rows = result.errors.iter().map(|error| {
        let code = error.code.as_deref().map(clean);
        vec![
            clean(&error.cause),
            code.unwrap_or_else(|| "-".to_owned()),
            error.count.to_string(),
        ]
    });
    table(&["ERROR", "X-LAB-ERROR", "COUNT"], rows.collect())
}

/// Microseconds for people.
pub(super) fn time(micros: u64) -> String {
    if micros < 1_000_000 {
        age(micros)
    } else {
        seconds(micros / 1000)
    }
}

fn seconds(millis: u64) -> String {
    format!("{}.{} s", millis / 1000, millis % 1000 / 100)
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts and microseconds stay far below 2^52"
)]
fn small(number: u64) -> f64 {
    number as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Evenness, Latency, LoadError};

    fn share(pod: &str, requests: u64) -> PodShare {
        PodShare {
            pod: pod.to_owned(),
            service: Some("inventory".to_owned()),
            requests,
        }
    }

    #[test]
    fn everything_fits_eighty_columns() {
        let long = "a-deployment-with-a-name-that-is-rather-long-78d5f-x2k9q";
        let result = LoadResult {
            method: "POST".to_owned(),
            url: "https://console-api.lab.localhost:8443/".to_owned(),
            protocol: "HTTP/2.0".to_owned(),
            rate: 5000.0,
            due: 18_000_000,
            sent: 17_000_000,
            answered: 17_000_000,
            achieved_rate: 4722.2,
            connections: 500,
            elapsed_ms: 3_600_000,
            waited: 17_000_000,
            latency: Latency {
                p50: 900,
                p90: 12_345,
                p99: 999_999,
                p999: 59_000_000,
                max: 3_600_000_000,
                mean: 0,
            },
            errors: vec![LoadError {
                cause:
                    "TLS: invalid peer certificate: certificate expired: verification time 17958"
                        .into(),
                code: Some("connect-timeout".into()),
                count: 17_000_000,
            }],
            spread: vec![share(long, 17_000_000), share("b", 0)],
            evenness: Evenness::of(&[17_000_000, 0]),
            ..LoadResult::default()
        };
        let text = super::result(&result, Some(&result.clone()));
        for line in text.lines() {
            assert!(
                line.chars().count() <= 80,
                "{}: {line}",
                line.chars().count()
            );
        }
        assert!(text.contains("uneven"), "{text}");
        assert!(
            text.contains("1000000 found every connection busy"),
            "{text}"
        );
        assert!(text.contains("0 %"), "{text}");
    }

    #[test]
    fn a_change_is_a_part_or_a_multiple() {
        assert_eq!(change(110, 100), "+10 %");
        assert_eq!(change(50, 100), "-50 %");
        assert_eq!(change(250, 100), "2.5 times");
        assert_eq!(change(1, 0), "-");
    }

    #[test]
    fn bars_are_as_long_as_shares() {
        assert_eq!(bar(10, 10).chars().count(), BAR);
        assert_eq!(bar(5, 10).chars().count(), BAR / 2);
        assert_eq!(bar(0, 0), "");
    }
}
