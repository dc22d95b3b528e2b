//! What is asked of the sample cloud.

use std::ops::Range;
use std::time::Duration;

use bson::{Document, doc};
use prost_types::Struct;

use super::options::{Options, invalid};
use crate::cloudforet::error::Failure;
use crate::cloudforet::query::value::{from_document, text_of};

/// What a class can look at; the sample data has about as many.
const COUNT: u64 = 300;
/// More than a laptop's MongoDB takes in a lesson.
const MOST: u64 = 1_000_000;
/// A page that takes longer looks like a plugin that hangs.
const SLOWEST_PAGE_MS: u64 = 60_000;
/// Well below MongoDB's limit of 16 MiB for a document.
const LARGEST: u64 = 1024 * 1024;
/// A queue full of tasks, and no more.
const MOST_SUB_TASKS: u64 = 1_000;
const PROVIDER: &str = "aws";

/// The options, checked.
#[derive(Clone, Debug)]
pub(super) struct Order {
    pub(super) provider: String,
    pub(super) count: u64,
    pub(super) seed: u64,
    pub(super) failure_rate: f64,
    /// Bytes of extra data in each resource.
    pub(super) size: u64,
    /// The first that many are not there any more.
    pub(super) vanish: u64,
    /// Before each page.
    pub(super) latency: Duration,
    sub_tasks: u64,
}

impl Order {
    /// Whose cloud it is, the account says: `provider` of its secret, else of the options.
    pub(super) fn of(
        options: Option<&Struct>,
        secret_data: Option<&Struct>,
    ) -> Result<Self, Failure> {
        let known = [
            "count",
            "seed",
            "failure_rate",
            "size",
            "vanish",
            "latency_ms",
            "sub_tasks",
            "provider",
        ];
        let options = Options::of(options, "options", &known)?;
        let of_secret = secret_data.and_then(|data| text_of(data, "provider"));
        let provider = match of_secret.filter(|provider| !provider.is_empty()) {
            Some(provider) => provider,
            None => options.text("provider")?.unwrap_or(PROVIDER),
        };
        Ok(Self {
            provider: provider.to_owned(),
            count: options.whole("count", COUNT, MOST)?,
            seed: options.whole("seed", 0, u64::MAX)?,
            failure_rate: options.share("failure_rate")?,
            size: options.whole("size", 0, LARGEST)?,
            vanish: options.whole("vanish", 0, MOST)?,
            latency: Duration::from_millis(options.whole("latency_ms", 0, SLOWEST_PAGE_MS)?),
            sub_tasks: options.whole("sub_tasks", 1, MOST_SUB_TASKS)?,
        })
    }

    /// The work in as many parts of about the same length as were asked for.
    pub(super) fn parts(&self) -> Vec<Struct> {
        let parts = self.sub_tasks.clamp(1, self.count.max(1));
        let bound = |part: u64| i64::try_from(self.count * part / parts).unwrap_or(i64::MAX);
        (0..parts)
            .map(|part| from_document(&doc! { "from": bound(part), "to": bound(part + 1) }))
            .collect()
    }

    /// Which resources a task is about: all of them, if it says nothing.
    pub(super) fn part(&self, task_options: Option<&Struct>) -> Result<Range<u64>, Failure> {
        let options = Options::of(task_options, "task_options", &["from", "to"])?;
        let to = options.whole("to", self.count, self.count)?;
        let from = options.whole("from", 0, self.count)?;
        if from > to {
            return Err(invalid("from", format!("must not be more than to = {to}")));
        }
        Ok(from..to)
    }
}

/// The options as a form can show them.
pub(super) fn schema() -> Document {
    let whole = |title: &str, default: u64, most: u64| {
        let bound = |number| i64::try_from(number).unwrap_or(i64::MAX);
        doc! {
            "title": title, "type": "integer", "minimum": 0,
            "default": bound(default), "maximum": bound(most),
        }
    };
    doc! {
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "count": whole("Resources of each account", COUNT, MOST),
            "latency_ms": whole("Milliseconds before each page of 100", 0, SLOWEST_PAGE_MS),
            "failure_rate": {
                "title": "Share of resources that cannot be read",
                "type": "number", "minimum": 0, "maximum": 1, "default": 0,
            },
            "size": whole("Bytes of extra data in each resource", 0, LARGEST),
            "vanish": whole("How many of the first resources are gone", 0, MOST),
            "sub_tasks": whole("Tasks that the work of an account is divided into", 1, MOST_SUB_TASKS),
            // A number of the API cannot tell larger ones apart.
            "seed": whole("Another number makes another cloud", 0, 1 << 53),
            "provider": {
                "title": "Provider, where the account does not say it",
                "type": "string", "default": PROVIDER,
            },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn order(options: &Document) -> Result<Order, Failure> {
        Order::of(Some(&from_document(options)), None)
    }

    #[test]
    fn parts_cover_everything_once() {
        for (count, sub_tasks) in [(10, 3), (10_000, 7), (2, 5), (0, 4), (5, 0)] {
            let order = order(&doc! { "count": count, "sub_tasks": sub_tasks }).unwrap();
            let parts = order.parts();
            let mut next = 0;
            for part in &parts {
                let part = order.part(Some(part)).unwrap();
                assert_eq!(part.start, next);
                next = part.end;
            }
            assert_eq!(next, order.count, "{count} in {sub_tasks}");
            assert!(!parts.is_empty());
        }
    }

    #[test]
    fn the_account_says_whose_cloud_it_is() {
        let options = from_document(&doc! { "provider": "azure" });
        let secret = from_document(&doc! { "provider": "google_cloud" });
        let provider = |options, secret| Order::of(options, secret).unwrap().provider;
        assert_eq!(provider(Some(&options), Some(&secret)), "google_cloud");
        assert_eq!(provider(Some(&options), None), "azure");
        assert_eq!(provider(None, None), "aws");
    }

    #[test]
    fn mistakes_are_refused() {
        for wrong in [
            doc! { "count": -1 },
            doc! { "count": 2_000_000 },
            doc! { "failure_rate": 2 },
            doc! { "size": "large" },
            doc! { "conut": 1 },
        ] {
            assert!(order(&wrong).is_err(), "{wrong}");
        }
        let order = order(&doc! { "count": 5 }).unwrap();
        for wrong in [
            doc! { "from": 3, "to": 2 },
            doc! { "to": 6 },
            doc! { "at": 1 },
        ] {
            assert!(order.part(Some(&from_document(&wrong))).is_err(), "{wrong}");
        }
    }
}
