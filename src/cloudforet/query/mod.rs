//! The API's query language (`core.v2`) as MongoDB's.
//!
//! Pure translation: no socket, no clock but the one that is passed in. What cannot be translated is
//! an error (`ERROR_DB_QUERY`), never a wider result.

mod aggregate;
mod analyze;
mod filter;
mod list;
mod statistics;
mod time;
pub(crate) mod value;

pub(crate) use analyze::analyze;
pub(crate) use filter::{Condition, conditions, keyword};
pub(crate) use list::{Listing, filter_of};
pub(crate) use statistics::{Statistics, statistics};
