//! What a collector's owner has set: checked key by key, so that a mistake is told by its name.

use bson::{Bson, Document};
use prost_types::Struct;

use crate::cloudforet::error::Failure;
use crate::cloudforet::query::value::to_document;

/// Options of one call.
#[derive(Clone, Debug, Default)]
pub(super) struct Options(Document);

impl Options {
    /// Nothing but what is `known` may be set. `within` names the message's field in errors.
    pub(super) fn of(
        given: Option<&Struct>,
        within: &'static str,
        known: &[&str],
    ) -> Result<Self, Failure> {
        let given = given.map(to_document).unwrap_or_default();
        match given.keys().find(|key| !known.contains(&key.as_str())) {
            Some(key) => Err(invalid(
                within,
                format!("{key} is unknown; there are {}", known.join(", ")),
            )),
            None => Ok(Self(given)),
        }
    }

    /// A whole number up to `most`.
    pub(super) fn whole(&self, key: &'static str, default: u64, most: u64) -> Result<u64, Failure> {
        let number = match self.0.get(key) {
            None | Some(Bson::Null) => return Ok(default),
            Some(Bson::Int32(number)) => u64::try_from(*number).ok(),
            Some(Bson::Int64(number)) => u64::try_from(*number).ok(),
            Some(_) => None,
        };
        number
            .filter(|number| *number <= most)
            .ok_or_else(|| invalid(key, format!("must be a whole number from 0 to {most}")))
    }

    /// A share of all, from 0 to 1.
    pub(super) fn share(&self, key: &'static str) -> Result<f64, Failure> {
        let share = match self.0.get(key) {
            None | Some(Bson::Null) => return Ok(0.0),
            Some(Bson::Int32(number)) => f64::from(*number),
            Some(Bson::Double(number)) => *number,
            Some(_) => f64::NAN,
        };
        if (0.0..=1.0).contains(&share) {
            Ok(share)
        } else {
            Err(invalid(key, "must be a number from 0 to 1".to_owned()))
        }
    }

    /// A text that is not empty.
    pub(super) fn text(&self, key: &'static str) -> Result<Option<&str>, Failure> {
        match self.0.get(key) {
            None | Some(Bson::Null) => Ok(None),
            Some(Bson::String(text)) if !text.is_empty() => Ok(Some(text)),
            Some(_) => Err(invalid(key, "must be a text".to_owned())),
        }
    }
}

pub(super) fn invalid(key: &'static str, reason: String) -> Failure {
    Failure::Invalid { key, reason }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;
    use crate::cloudforet::query::value::from_document;

    #[test]
    fn a_wrong_option_is_told_by_its_name() {
        let options = from_document(&doc! {
            "count": 3, "rate": 0.5, "negative": -1, "much": 1.5, "name": "x", "empty": "",
        });
        let known = ["count", "rate", "negative", "much", "name", "empty", "none"];
        let options = Options::of(Some(&options), "options", &known).unwrap();
        assert_eq!(options.whole("count", 7, 10).unwrap(), 3);
        assert_eq!(options.whole("none", 7, 10).unwrap(), 7);
        assert!((options.share("rate").unwrap() - 0.5).abs() < f64::EPSILON);
        assert_eq!(options.text("name").unwrap(), Some("x"));
        for wrong in [
            options.whole("count", 0, 2).map(drop),
            options.whole("negative", 0, 2).map(drop),
            options.share("much").map(drop),
            options.share("name").map(drop),
            options.text("empty").map(drop),
            options.text("count").map(drop),
        ] {
            assert!(matches!(wrong, Err(Failure::Invalid { .. })), "{wrong:?}");
        }
        let typo = from_document(&doc! { "cuont": 3 });
        let refused = Options::of(Some(&typo), "options", &["count"]).unwrap_err();
        assert!(
            refused.to_string().contains("cuont is unknown"),
            "{refused}"
        );
    }
}
