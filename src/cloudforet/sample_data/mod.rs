//! A few hundred resources for an empty inventory.

use super::error::Failure;
use super::mongo::Mongo;
use super::settings::Login;

/// Fills an empty inventory.
pub(crate) async fn load(_mongo: &Mongo, _login: &Login) -> Result<(), Failure> {
    Ok(())
}
