//! Hashes of passwords as `htpasswd` writes them: bcrypt, Apache's MD5, SHA-1, and plain text with
//! `{PLAIN}`. The system's own crypt(3) is not known.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use md5::{Digest as _, Md5};

/// Whether a password belongs to a hash.
pub(super) fn matches(password: &str, hash: &str) -> bool {
    let equal = |found: &str| verify_slices_are_equal(found.as_bytes(), hash.as_bytes()).is_ok();
    if hash.starts_with("$2") {
        return bcrypt::verify(password, hash).unwrap_or(false);
    }
    if let Some(rest) = hash.strip_prefix("$apr1$") {
        let salt = rest.split('$').next().unwrap_or_default();
        return equal(&apr1(password.as_bytes(), salt));
    }
    if hash.starts_with("{SHA}") {
        let sum = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes());
        return equal(&format!("{{SHA}}{}", STANDARD.encode(sum)));
    }
    if hash.starts_with("{PLAIN}") {
        return equal(&format!("{{PLAIN}}{password}"));
    }
    false
}

/// Apache's variant of the MD5 scheme of FreeBSD's crypt(3).
fn apr1(password: &[u8], salt: &str) -> String {
    /// Letters of the salt that count.
    const SALT: usize = 8;
    const ROUNDS: usize = 1000;
    let salt = salt.as_bytes();
    let salt = &salt[..salt.len().min(SALT)];
    let inner = Md5::new()
        .chain_update(password)
        .chain_update(salt)
        .chain_update(password)
        .finalize();
    let mut sum = Md5::new()
        .chain_update(password)
        .chain_update("$apr1$")
        .chain_update(salt);
    for piece in password.chunks(inner.len()) {
        sum.update(&inner[..piece.len()]);
    }
    let mut bits = password.len();
    while bits > 0 {
        let first = password.first().copied().unwrap_or_default();
        sum.update([if bits & 1 == 1 { 0 } else { first }]);
        bits >>= 1;
    }
    let mut last = sum.finalize();
    for round in 0..ROUNDS {
        let mut sum = Md5::new();
        let odd = round % 2 == 1;
        sum.update(if odd { password } else { last.as_slice() });
        if round % 3 != 0 {
            sum.update(salt);
        }
        if round % 7 != 0 {
            sum.update(password);
        }
        sum.update(if odd { last.as_slice() } else { password });
        last = sum.finalize();
    }
    let salt = String::from_utf8_lossy(salt);
    format!("$apr1${salt}${}", letters(last.as_slice()))
}

/// Its own order of bytes, six bits a letter.
fn letters(sum: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    const ORDER: [[usize; 3]; 5] = [[0, 6, 12], [1, 7, 13], [2, 8, 14], [3, 9, 15], [4, 10, 5]];
    let at = |index: usize| usize::from(sum.get(index).copied().unwrap_or_default());
    let mut text = String::new();
    let mut write = |mut bits: usize, count: usize| {
        for _ in 0..count {
            text.push(ALPHABET[bits & 63].into());
            bits >>= 6;
        }
    };
    for [high, middle, low] in ORDER {
        write(at(high) << 16 | at(middle) << 8 | at(low), 4);
    }
    write(at(11), 2);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Made with `htpasswd` and `openssl passwd -apr1`.
    #[test]
    fn every_kind_of_hash_is_known() {
        let hashes = [
            "$apr1$abcdefgh$FBwExRW4dCc8aL.OvjpIE1",
            "{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=",
            "{PLAIN}password",
        ];
        for hash in hashes {
            assert!(matches("password", hash), "{hash}");
            assert!(!matches("Password", hash), "{hash}");
        }
        let hash = bcrypt::hash("password", 4).unwrap();
        assert!(matches("password", &hash));
        assert!(!matches("other", &hash));
        assert_eq!(apr1(b"", "ab"), "$apr1$ab$S8K6Sgp3W8c9Jb6LxgywZ.");
        let long = b"a much longer password than sixteen";
        assert_eq!(apr1(long, "xyz"), "$apr1$xyz$0Oxkg6Mx1XYzpHgDNzsQY/");
        assert!(!matches("password", "password") && !matches("", ""));
    }
}
