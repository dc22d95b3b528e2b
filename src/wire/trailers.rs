//! What may not stand in trailers.

use http::HeaderName;
use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_LENGTH, FORWARDED, HOST, TE, TRAILER, TRANSFER_ENCODING,
};

/// RFC 9110 section 6.5.1: what says where a message goes, where it ends and whence it came is not
/// for trailers. A backend that merges them into the head would believe it.
pub(super) fn is_forbidden(name: &HeaderName) -> bool {
    [
        AUTHORIZATION,
        CONNECTION,
        CONTENT_LENGTH,
        FORWARDED,
        HOST,
        TE,
        TRAILER,
        TRANSFER_ENCODING,
    ]
    .contains(name)
        || name.as_str().starts_with("x-forwarded-")
        || name == "x-real-ip"
}
