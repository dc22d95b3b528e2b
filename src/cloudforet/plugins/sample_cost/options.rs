//! What the plugin is asked for.

use aws_lc_rs::digest::{SHA256, digest};
use prost_types::Struct;
use prost_types::value::Kind;
use time::Date;

use super::year;
use crate::cloudforet::error::Failure;
use crate::cloudforet::query::value::text_of;

/// Options, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Options {
    /// Other seeds, other numbers.
    pub(super) seed: u32,
    /// How many accounts there are; default 2.
    pub(super) accounts: u32,
    /// How many months are told, this one included; default 6.
    pub(super) months: u32,
    /// Whose cloud it is; default `aws`.
    pub(super) provider: String,
}

impl Options {
    pub(super) fn of(options: Option<&Struct>) -> Result<Self, Failure> {
        let none = Struct::default();
        let options = options.unwrap_or(&none);
        let provider = text_of(options, "provider").unwrap_or("aws");
        Ok(Self {
            seed: number(options, "seed", (0, u32::MAX))?.unwrap_or(1),
            accounts: number(options, "accounts", (1, 100))?.unwrap_or(2),
            months: number(options, "months", (1, 36))?.unwrap_or(6),
            provider: provider.to_owned(),
        })
    }

    /// The first and the last day that is told.
    pub(super) fn period(&self, today: Date) -> (Date, Date) {
        (year::months_before(today, self.months - 1), today)
    }

    /// The account, first and last day of a task.
    pub(super) fn task(&self, task: &Struct) -> Result<(u32, Date, Date), Failure> {
        let account = number(task, "account", (0, self.accounts - 1))?;
        let account = account.ok_or(Failure::Required("task_options.account"))?;
        let day = |key| year::day(text_of(task, key).unwrap_or_default());
        Ok((account, day("start")?, day("end")?))
    }

    /// Twelve digits, the same for the same account.
    pub(super) fn account_id(&self, account: u32) -> String {
        let number = self.draw(&[&format!("account {account}")]);
        format!("{:012}", number % 1_000_000_000_000)
    }

    pub(super) fn account_name(&self, account: u32) -> String {
        format!("{}-{}", self.provider, account + 1)
    }

    /// A number that follows from the seed and these words.
    pub(super) fn draw(&self, words: &[&str]) -> u64 {
        let key = format!("{}\0{}\0{}", self.seed, self.provider, words.join("\0"));
        let hash = digest(&SHA256, key.as_bytes());
        let first = hash.as_ref().first_chunk().copied().unwrap_or_default();
        u64::from_be_bytes(first)
    }
}

fn number(
    options: &Struct,
    key: &'static str,
    (least, most): (u32, u32),
) -> Result<Option<u32>, Failure> {
    let Some(value) = options.fields.get(key) else {
        return Ok(None);
    };
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "whole, and within the range of the type"
    )]
    match &value.kind {
        Some(Kind::NullValue(_)) => Ok(None),
        Some(Kind::NumberValue(number))
            if number.fract() == 0.0
                && *number >= f64::from(least)
                && *number <= f64::from(most) =>
        {
            Ok(Some(*number as u32))
        }
        _ => Err(Failure::Invalid {
            key,
            reason: format!("must be a whole number between {least} and {most}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;
    use crate::cloudforet::query::value::from_document;

    #[test]
    fn options_have_defaults_and_limits() {
        let options = |document| Options::of(Some(&from_document(&document)));
        let none = Options::of(None).unwrap();
        assert_eq!((none.accounts, none.months), (2, 6));
        assert_eq!(options(doc! { "months": 1 }).unwrap().months, 1);
        for wrong in [
            doc! { "months": 0 },
            doc! { "accounts": 1.5 },
            doc! { "accounts": "many" },
            doc! { "seed": -1 },
        ] {
            assert!(options(wrong.clone()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_period_ends_today() {
        let today = year::day("2026-11-28").unwrap();
        let period = Options::of(None).unwrap().period(today);
        assert_eq!(period, (year::day("2026-06-01").unwrap(), today));
    }
}
