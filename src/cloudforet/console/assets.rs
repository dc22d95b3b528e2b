//! The files of `assets/console`, as they are in the repository, with their types and validators.

use std::collections::HashMap;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use http::HeaderValue;
use include_dir::{Dir, DirEntry, include_dir};

static FILES: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/assets/console");

/// By path without the leading slash. Built once: hashing everything takes well under a
/// millisecond, and then a request is one look-up. Paths that climb out are simply not in it.
static INDEX: LazyLock<HashMap<&'static str, Asset>> = LazyLock::new(|| {
    let mut assets = HashMap::new();
    collect(&FILES, &mut assets);
    assets
});

/// One embedded file.
#[derive(Debug)]
pub(super) struct Asset {
    /// The bytes.
    pub(super) content: &'static [u8],
    /// For `Content-Type`.
    pub(super) media_type: &'static str,
    /// A strong validator, quotes included.
    pub(super) etag: HeaderValue,
}

/// The file at this path of the page, if there is one.
pub(super) fn find(path: &str) -> Option<&'static Asset> {
    INDEX.get(path.trim_start_matches('/'))
}

fn collect(folder: &Dir<'static>, assets: &mut HashMap<&'static str, Asset>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, assets),
            DirEntry::File(file) => {
                // A name that is no UTF-8 could not be asked for either.
                let (Some(path), content) = (file.path().to_str(), file.contents()) else {
                    continue;
                };
                let asset = Asset {
                    content,
                    media_type: media_type(path),
                    etag: etag(content),
                };
                assets.insert(path, asset);
            }
        }
    }
}

fn etag(content: &[u8]) -> HeaderValue {
    let hash = digest::digest(&digest::SHA256, content);
    // Eight bytes tell apart the versions of one file.
    let short = hash
        .as_ref()
        .iter()
        .take(8)
        .fold(String::from("\""), |text, byte| {
            text + &format!("{byte:02x}")
        });
    HeaderValue::from_str(&(short + "\"")).unwrap_or_else(|_| HeaderValue::from_static("\"\""))
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("json") => "application/json",
        Some("svg") => "image/svg+xml",
        _ => "text/plain; charset=utf-8",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_by_path_and_only_inside() {
        assert!(
            find("/index.html")
                .unwrap()
                .content
                .starts_with(b"<!doctype html>")
        );
        assert_eq!(
            find("/js/views/table.js").unwrap().media_type,
            "text/javascript; charset=utf-8"
        );
        for path in [
            "/../Cargo.toml",
            "/js/../index.html",
            "/",
            "/js",
            "//etc/passwd",
        ] {
            assert!(find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn no_script_writes_html_and_no_page_asks_another_host() {
        assert!(INDEX.len() > 20);
        for (path, asset) in INDEX.iter() {
            let text = std::str::from_utf8(asset.content).unwrap();
            for banned in [
                "innerHTML",
                "outerHTML",
                "insertAdjacentHTML",
                "document.write",
            ] {
                assert!(!text.contains(banned), "{path} has {banned}");
            }
            let foreign = text.lines().filter(|line| {
                line.contains("https://")
                    || line.contains("http://") && !line.contains("www.w3.org")
            });
            assert_eq!(foreign.count(), 0, "{path} names a host");
            if asset.media_type.starts_with("text/javascript") {
                assert!(text.starts_with("//@ts-check\n"), "{path} is not checked");
            }
        }
    }
}
