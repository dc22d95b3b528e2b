//! How long a caller can be kept waiting.

use std::time::Duration;

use tonic::metadata::MetadataMap;

/// The real clients give up after 180 s; the answer why must be there before.
const LONGEST: Duration = Duration::from_secs(150);

/// Five sixths of what the caller allows, so that there is time for the answer.
pub(super) fn patience(metadata: &MetadataMap) -> Duration {
    let told = metadata
        .get("grpc-timeout")
        .and_then(|value| value.to_str().ok())
        .and_then(parse);
    told.map_or(LONGEST, |told| (told * 5 / 6).min(LONGEST))
}

/// `180S`, `1500m`: digits and a unit.
fn parse(text: &str) -> Option<Duration> {
    // The specification allows eight digits, so nothing below can overflow.
    const DIGITS: usize = 8;
    let (digits, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    if digits.len() > DIGITS {
        return None;
    }
    let number: u64 = digits.parse().ok()?;
    Some(match unit {
        "H" => Duration::from_secs(number * 3600),
        "M" => Duration::from_secs(number * 60),
        "S" => Duration::from_secs(number),
        "m" => Duration::from_millis(number),
        "u" => Duration::from_micros(number),
        "n" => Duration::from_nanos(number),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_callers_deadline_is_never_used_up() {
        let patience = |value: &str| {
            let mut metadata = MetadataMap::new();
            metadata.insert("grpc-timeout", value.parse().unwrap());
            super::patience(&metadata)
        };
        assert_eq!(patience("180S"), LONGEST);
        assert_eq!(patience("6000m"), Duration::from_secs(5));
        assert_eq!(patience("600000u"), Duration::from_millis(500));
        for wrong in ["", "S", "12", "-1S", "123456789S", "1D"] {
            assert_eq!(patience(wrong), LONGEST, "{wrong}");
        }
        assert_eq!(super::patience(&MetadataMap::new()), LONGEST);
    }
}
