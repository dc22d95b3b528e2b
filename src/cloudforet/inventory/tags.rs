//! Tags and metadata by who wrote them.
//!
//! The store keeps both under a namespace: a collector's provider, or `custom` for people. Tags are
//! filed by a hash of their key, for a key may hold dots and dollars.

use aws_lc_rs::digest;
use bson::{Document, doc};

use crate::cloudforet::settings::hex;

/// The namespace of what people write.
pub(crate) const CUSTOM: &str = "custom";

/// `{key: value}` as the store keeps it, and the list of keys.
pub(crate) fn file(plain: &Document) -> (Document, Vec<String>) {
    let mut filed = Document::new();
    let mut keys = Vec::new();
    for (key, value) in plain {
        let hash = digest::digest(&digest::SHA256, key.as_bytes());
        // As many digits as an MD5 has; the first half is as good as any.
        filed.insert(
            hex(&hash.as_ref()[..16]),
            doc! { "key": key, "value": value.clone() },
        );
        keys.push(key.clone());
    }
    (filed, keys)
}
