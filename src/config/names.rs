//! The forms of names, hosts and durations.

use std::time::Duration;

/// RFC 1123's longest label.
const LABEL: usize = 63;
/// RFC 1035's longest name in text.
const HOST: usize = 253;
/// The longest time that anything in a lab may take.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Whether this is a DNS label: what Kubernetes asks of a Service's name.
pub(crate) fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !text.is_empty()
        && text.len() <= LABEL
        && text.bytes().all(inner)
        && !text.starts_with('-')
        && !text.ends_with('-')
}

/// Whether this is a host as an Ingress rule takes it: labels, or `*.` and labels.
pub(super) fn is_host(text: &str) -> bool {
    let labels = text.strip_prefix("*.").unwrap_or(text);
    let all_digits = labels
        .rsplit('.')
        .next()
        .is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    text.len() <= HOST && labels.split('.').all(is_label) && !all_digits
}

/// Whether this is a DNS subdomain, as the names of most objects are: labels with dots between.
pub(super) fn is_subdomain(text: &str) -> bool {
    text.len() <= HOST && text.split('.').all(is_label)
}

/// `500ms`, `30s`, `5m` or `1h`; at most a day.
pub(crate) fn duration(text: &str) -> Option<Duration> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number.parse().ok()?;
    let milliseconds = match unit {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return None,
    };
    let duration = Duration::from_millis(number.checked_mul(milliseconds)?);
    (duration <= DAY).then_some(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_with_at_most_one_star_in_front() {
        for good in [
            "a",
            "console.lab.localhost",
            "*.example.com",
            "3com.example.com",
        ] {
            assert!(is_host(good), "{good}");
        }
        for bad in [
            "", "*", "*.", "a..b", "A.b", "a_b", "a.*.b", "1.2.3.4", "a:80", "-a.b", "a.b.",
        ] {
            assert!(!is_host(bad), "{bad}");
        }
    }

    #[test]
    fn durations_carry_their_unit() {
        assert_eq!(duration("500ms"), Some(Duration::from_millis(500)));
        assert_eq!(duration("5m"), Some(Duration::from_secs(300)));
        for bad in [
            "",
            "5",
            "s",
            "-1s",
            "1.5s",
            "5 s",
            "25h",
            "99999999999999999999s",
        ] {
            assert_eq!(duration(bad), None, "{bad}");
        }
    }
}
