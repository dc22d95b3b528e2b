//! The two things the lab must read from a certificate: its names and until when it is valid.
//!
//! A walk over DER (RFC 5280 section 4.1) that trusts no length. It checks nothing else; that is
//! the client's part.

use std::net::IpAddr;

use time::{Date, Month, OffsetDateTime, Time};

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
const OCTET_STRING: u8 = 0x04;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const VERSION: u8 = 0xa0;
const EXTENSIONS: u8 = 0xa3;
const DNS_NAME: u8 = 0x82;
const IP_ADDRESS: u8 = 0x87;
/// 2.5.29.17
const SUBJECT_ALT_NAME: [u8; 3] = [0x55, 0x1d, 0x11];

/// What was read from a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Facts {
    /// Names and addresses it is for, lower case.
    pub(super) names: Vec<String>,
    /// Last moment of its validity.
    pub(super) not_after: OffsetDateTime,
}

/// Reads a certificate; `None` if it is none.
pub(super) fn read(der: &[u8]) -> Option<Facts> {
    let (certificate, _) = take(der, SEQUENCE)?;
    let (mut rest, _) = take(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = next(rest)?.2;
    }
    // serialNumber, signature, issuer
    for _ in 0..3 {
        rest = next(rest)?.2;
    }
    let (validity, mut rest) = take(rest, SEQUENCE)?;
    let (_, _, not_after) = next(validity)?;
    let (tag, not_after, _) = next(not_after)?;
    let not_after = moment(tag, not_after)?;
    let mut names = Vec::new();
    while let Some((tag, value, after)) = next(rest) {
        if tag == EXTENSIONS {
            let (mut extensions, _) = take(value, SEQUENCE)?;
            while let Some((_, extension, after)) = next(extensions) {
                alt_names(extension, &mut names);
                extensions = after;
            }
        }
        rest = after;
    }
    Some(Facts { names, not_after })
}

/// Collects the names, if this extension has them.
fn alt_names(extension: &[u8], names: &mut Vec<String>) -> Option<()> {
    let (oid, mut rest) = take(extension, OBJECT_IDENTIFIER)?;
    if oid != SUBJECT_ALT_NAME {
        return None;
    }
    // `critical` may stand in between.
    while let Some((tag, value, after)) = next(rest) {
        if tag == OCTET_STRING {
            let (mut general, _) = take(value, SEQUENCE)?;
            while let Some((tag, name, after)) = next(general) {
                match tag {
                    DNS_NAME => names.push(std::str::from_utf8(name).ok()?.to_ascii_lowercase()),
                    IP_ADDRESS => names.push(address(name)?.to_string()),
                    _ => {}
                }
                general = after;
            }
        }
        rest = after;
    }
    Some(())
}

fn address(octets: &[u8]) -> Option<IpAddr> {
    match octets.len() {
        4 => <[u8; 4]>::try_from(octets).ok().map(IpAddr::from),
        16 => <[u8; 16]>::try_from(octets).ok().map(IpAddr::from),
        _ => None,
    }
}

/// `YYMMDDhhmmssZ` (years 1950–2049) or `YYYYMMDDhhmmssZ`.
fn moment(tag: u8, text: &[u8]) -> Option<OffsetDateTime> {
    let text = std::str::from_utf8(text).ok()?.strip_suffix('Z')?;
    let (year, rest) = match tag {
        UTC_TIME => {
            let year: i32 = text.get(..2)?.parse().ok()?;
            (
                if year < 50 { 2000 + year } else { 1900 + year },
                text.get(2..)?,
            )
        }
        GENERALIZED_TIME => (text.get(..4)?.parse().ok()?, text.get(4..)?),
        _ => return None,
    };
    let part = |from: usize| rest.get(from..from + 2)?.parse::<u8>().ok();
    let month = Month::try_from(part(0)?).ok()?;
    let date = Date::from_calendar_date(year, month, part(2)?).ok()?;
    let time = Time::from_hms(part(4)?, part(6)?, part(8)?).ok()?;
    Some(date.with_time(time).assume_utc())
}

/// The value of an element with this tag, and what follows it.
fn take(der: &[u8], wanted: u8) -> Option<(&[u8], &[u8])> {
    let (tag, value, rest) = next(der)?;
    (tag == wanted).then_some((value, rest))
}

/// Tag and value of the first element, and what follows it.
fn next(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = der.split_first()?;
    let (&first, mut rest) = rest.split_first()?;
    let mut length = usize::from(first);
    if first >= 0x80 {
        // More than four bytes of length would be more than any certificate.
        let count = usize::from(first & 0x7f);
        if count == 0 || count > 4 {
            return None;
        }
        let (bytes, after) = rest.split_at_checked(count)?;
        length = bytes
            .iter()
            .fold(0, |length, byte| (length << 8) | usize::from(*byte));
        rest = after;
    }
    let (value, rest) = rest.split_at_checked(length)?;
    Some((tag, value, rest))
}
