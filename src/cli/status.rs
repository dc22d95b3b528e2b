//! `lab status`

use super::arguments::Global;
use super::printer::{Failure, Printer};
use super::view;
use crate::client::Client;

pub(super) async fn run(global: &Global, printer: &Printer) -> Result<(), Failure> {
    let status = Client::find(&global.folder()?)?.status().await?;
    printer.data(&status, || view::status(&status))
}
