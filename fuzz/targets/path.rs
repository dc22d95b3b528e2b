//! The path normaliser under fire: `cargo fuzz run path`.
//!
//! Its file stands alone, so it is built alone and not with the whole lab.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[allow(dead_code, missing_docs, reason = "a file of the lab, looked at through one function")]
#[path = "../../src/model/route/path.rs"]
mod path;

fuzz_target!(|text: &str| {
    let Ok(form) = path::normalise_path(text) else {
        return;
    };
    // What is matched and forwarded is one absolute path without anything to resolve.
    assert!(form.starts_with('/'), "{form:?}");
    assert!(!form.contains("//"), "{form:?}");
    assert!(
        !form.split('/').any(|segment| segment == "." || segment == ".."),
        "{form:?}"
    );
    assert!(
        form.bytes().all(|byte| byte > b' ' && byte != 0x7f && byte != b'\\'),
        "{form:?}"
    );
    assert!(!form.to_ascii_lowercase().contains("%2e"), "{form:?}");
    // A hop behind this one that does the same sees the same.
    assert_eq!(path::normalise_path(&form).as_deref(), Ok(&*form));
    // Nothing is invented: the form is no longer than what was written.
    assert!(form.len() <= text.len().max(1), "{text:?} {form:?}");
});
