//! What the lab reads from a certificate: its names, how long it is valid, whose it is.
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

/// 2.5.4.3
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// 2.5.4.10
const ORGANISATION: [u8; 3] = [0x55, 0x04, 0x0a];

/// What was read from a certificate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFacts {
    /// Names and addresses it is for, lower case.
    pub names: Vec<String>,
    /// First moment of its validity.
    pub not_before: OffsetDateTime,
    /// Last moment of its validity.
    pub not_after: OffsetDateTime,
    /// Common name and organisation of its owner, such as `CN=lab,O=example`.
    pub subject: String,
    /// The same of who signed it.
    pub issuer: String,
}

/// Whether a certificate for this name (exact, or `*.` and a name) is one for this host. Both in
/// lower case.
pub fn covers(name: &str, host: &str) -> bool {
    let one_label_more = || {
        let suffix = name.strip_prefix('*')?;
        let dot = host.find('.').filter(|dot| *dot > 0)?;
        Some(host[dot..] == *suffix)
    };
    name == host || one_label_more().unwrap_or(false)
}

/// Reads a certificate; `None` if it is none.
pub fn read(der: &[u8]) -> Option<CertificateFacts> {
    let (certificate, _) = take(der, SEQUENCE)?;
    let (mut rest, _) = take(certificate, SEQUENCE)?;
    if rest.first() == Some(&VERSION) {
        rest = next(rest)?.2;
    }
    // serialNumber, signature
    for _ in 0..2 {
        rest = next(rest)?.2;
    }
    let (issuer, rest) = take(rest, SEQUENCE)?;
    let (validity, rest) = take(rest, SEQUENCE)?;
    let (tag, not_before, not_after) = next(validity)?;
    let not_before = moment(tag, not_before)?;
    let (tag, not_after, _) = next(not_after)?;
    let not_after = moment(tag, not_after)?;
    let (subject, mut rest) = take(rest, SEQUENCE)?;
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
    Some(CertificateFacts {
        names,
        not_before,
        not_after,
        subject: distinguished(subject),
        issuer: distinguished(issuer),
    })
}

/// The parts of a distinguished name that people read (RFC 4514, commas not escaped).
fn distinguished(mut name: &[u8]) -> String {
    let mut parts = Vec::new();
    while let Some((_, set, after)) = next(name) {
        name = after;
        let part = || {
            let (attribute, _) = take(set, SEQUENCE)?;
            let (oid, value) = take(attribute, OBJECT_IDENTIFIER)?;
            let key = match oid {
                _ if oid == COMMON_NAME => "CN",
                _ if oid == ORGANISATION => "O",
                _ => return None,
            };
            let text = String::from_utf8_lossy(next(value)?.1).into_owned();
            Some(format!("{key}={text}"))
        };
        parts.extend(part());
    }
    parts.join(",")
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
