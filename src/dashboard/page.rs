//! The dashboard's files. They hold no secret, so they need no token: what they show, they ask the
//! API for.

use std::sync::LazyLock;

use axum::response::Response;
use http::{HeaderMap, Uri};
use include_dir::{Dir, include_dir};

use super::AdminError;
use crate::net::Files;

static FOLDER: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/assets/dashboard");
/// What the pages of this binary have in common.
static SHARED: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/assets/shared");

static FILES: LazyLock<Files> = LazyLock::new(|| Files::of(&[&FOLDER, &SHARED]));

/// Pictures and data of its own, beside what every page has.
const MAY: &str =
    "img-src 'self' data: blob:; connect-src 'self'; base-uri 'none'; form-action 'none'";

/// The page itself.
pub(super) async fn index() -> Result<Response, AdminError> {
    let page = FILES.find("/index.html").ok_or(AdminError::NoSuchRoute)?;
    Ok(page.page(MAY))
}

/// A file of the page.
pub(super) async fn file(uri: Uri, headers: HeaderMap) -> Result<Response, AdminError> {
    let file = FILES.find(uri.path()).ok_or(AdminError::NoSuchRoute)?;
    Ok(file.answer(&headers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_script_writes_html_and_no_page_asks_another_host() {
        FILES.assert_tidy(10);
    }
}
