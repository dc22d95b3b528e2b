//! Ids that follow from what they stand for, so that two who write the same thing write one row.

use aws_lc_rs::digest::{Context, SHA256};
use bson::oid::ObjectId;
use bson::{Document, doc};

use crate::cloudforet::settings::hex;

/// The `_id` of a row, and the digits of its id in the API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) row: ObjectId,
    pub(super) digits: String,
}

impl Identity {
    /// Of what these parts say. `generation` tells rows apart that were deleted and came again.
    pub(super) fn of(parts: &[&str], values: &Document, generation: u32) -> Self {
        let mut hash = Context::new(&SHA256);
        // One document, for its bytes say where each part ends.
        let whole = doc! { "parts": parts, "values": values, "generation": generation };
        hash.update(&whole.to_vec().unwrap_or_default());
        let hash = hash.finish();
        let mut row = [0; 12];
        row.copy_from_slice(&hash.as_ref()[..12]);
        Self {
            row: ObjectId::from_bytes(row),
            digits: hex(&hash.as_ref()[12..18]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_follows_from_the_whole_and_its_parts_do_not_run_together() {
        let values = doc! { "reference.resource_id": "i-1" };
        let one = Identity::of(&["domain-1", "workspace-1"], &values, 0);
        assert_eq!(one, Identity::of(&["domain-1", "workspace-1"], &values, 0));
        assert_eq!(one.digits.len(), 12);
        for other in [
            Identity::of(&["domain-1w", "orkspace-1"], &values, 0),
            Identity::of(&["domain-1", "workspace-1"], &doc! { "name": "i-1" }, 0),
            Identity::of(&["domain-1", "workspace-1"], &values, 1),
        ] {
            assert_ne!(one.row, other.row);
        }
    }
}
