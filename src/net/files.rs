//! Embedded files of a page, as they are in the repository, with their types and validators.

use std::collections::HashMap;
use std::sync::LazyLock;

use aws_lc_rs::digest;
use axum::response::{IntoResponse, Response};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use include_dir::{Dir, DirEntry};

/// In the head of each page, because a file of its own could be what did not load.
const AGAIN: &str = include_str!("../../assets/again.js");

/// What every page may load: its own scripts and styles, and `AGAIN` by its hash (CSP 3, 2.3.1); and
/// that it never stands inside another page.
static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = STANDARD.encode(digest::digest(&digest::SHA256, AGAIN.as_bytes()));
    format!(
        "default-src 'none'; script-src 'self' 'sha256-{hash}'; style-src 'self'; frame-ancestors 'none'"
    )
});

/// The files of a page, by path without the leading slash. Paths that climb out are simply not
/// in it. Hashing everything takes well under a millisecond, so it is built once at first use.
#[derive(Debug)]
pub(crate) struct Files(HashMap<&'static str, File>);

/// One embedded file.
#[derive(Debug)]
pub(crate) struct File {
    /// The bytes.
    pub(crate) content: &'static [u8],
    /// For `Content-Type`.
    pub(crate) media_type: &'static str,
    /// A strong validator, quotes included.
    pub(crate) etag: HeaderValue,
}

// === impl Files ===

impl Files {
    /// Everything below some folders, which several pages may share.
    pub(crate) fn of(folders: &[&Dir<'static>]) -> Self {
        let mut files = HashMap::new();
        for folder in folders {
            collect(folder, &mut files);
        }
        Self(files)
    }

    /// The file at this path of the page, if there is one.
    pub(crate) fn find(&self, path: &str) -> Option<&File> {
        self.0.get(path.trim_start_matches('/'))
    }

    /// Panics if a script writes HTML, is not checked, or a file names another host.
    #[cfg(test)]
    pub(crate) fn assert_tidy(&self, at_least: usize) {
        assert!(self.0.len() >= at_least, "{} files", self.0.len());
        for (path, file) in &self.0 {
            let text = std::str::from_utf8(file.content).unwrap();
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
            if file.media_type.starts_with("text/javascript") {
                assert!(text.starts_with("//@ts-check\n"), "{path} is not checked");
            }
        }
    }
}

// === impl File ===

impl File {
    /// The file, or that the client's copy is still good.
    pub(crate) fn answer(&self, request: &HeaderMap) -> Response {
        let known = request
            .get(header::IF_NONE_MATCH)
            .and_then(|value| value.to_str().ok());
        let etag = self.etag.to_str().unwrap_or_default();
        let unchanged = known.is_some_and(|tags| {
            tags.split(',')
                .any(|tag| tag.trim().trim_start_matches("W/") == etag || tag.trim() == "*")
        });
        let mut response = if unchanged {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            let mut response = self.content.into_response();
            response.headers_mut().insert(
                header::CONTENT_TYPE,
                HeaderValue::from_static(self.media_type),
            );
            response
        };
        let headers = response.headers_mut();
        headers.insert(header::ETAG, self.etag.clone());
        // Ask each time, transfer only what changed: file names carry no version.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
        harden(headers);
        response
    }

    /// The file as a page, which is never kept. `may` are the directives of its Content-Security-Policy
    /// beyond those that all pages have.
    pub(crate) fn page(&self, may: &str) -> Response {
        let text = String::from_utf8_lossy(self.content);
        let text = text.replacen("<head>", &format!("<head><script>{AGAIN}</script>"), 1);
        let mut response = text.into_response();
        let headers = response.headers_mut();
        headers.insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static(self.media_type),
        );
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        harden(headers);
        let policy = format!("{}; {may}", *POLICY);
        match HeaderValue::from_str(&policy) {
            Ok(policy) => {
                headers.insert(header::CONTENT_SECURITY_POLICY, policy);
            }
            Err(error) => tracing::warn!(%error, policy, "the policy does not fit in a header"),
        }
        response
    }
}

fn harden(headers: &mut HeaderMap) {
    headers.insert(
        header::X_CONTENT_TYPE_OPTIONS,
        HeaderValue::from_static("nosniff"),
    );
    headers.insert(
        header::REFERRER_POLICY,
        HeaderValue::from_static("no-referrer"),
    );
}

fn collect(folder: &Dir<'static>, files: &mut HashMap<&'static str, File>) {
    for entry in folder.entries() {
        match entry {
            DirEntry::Dir(inner) => collect(inner, files),
            DirEntry::File(file) => {
                // A name that is no UTF-8 could not be asked for either.
                let (Some(path), content) = (file.path().to_str(), file.contents()) else {
                    continue;
                };
                let file = File {
                    content,
                    media_type: media_type(path),
                    etag: etag(content),
                };
                files.insert(path, file);
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
