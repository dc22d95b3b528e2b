//! Changes of headers.

use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::model::HeaderChanges;

/// Removes, sets and adds. A name or value that is none was told when the route was compiled.
pub(super) fn change(headers: &mut HeaderMap, changes: &HeaderChanges) {
    for name in &changes.remove {
        headers.remove(name.as_str());
    }
    let pair = |(name, value): &(String, String)| {
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        Some((name, HeaderValue::from_str(value).ok()?))
    };
    for (name, value) in changes.set.iter().filter_map(pair) {
        headers.insert(name, value);
    }
    for (name, value) in changes.add.iter().filter_map(pair) {
        headers.append(name, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_are_removed_then_set_then_added() {
        let mut headers = HeaderMap::new();
        headers.append("a", HeaderValue::from_static("1"));
        headers.append("b", HeaderValue::from_static("1"));
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let changes = HeaderChanges {
            remove: vec!["a".to_owned()],
            set: vec![pair("B", "2"), pair("c", "3\r\nevil: 1")],
            add: vec![pair("b", "3"), pair("a", "4")],
        };
        change(&mut headers, &changes);
        let values: Vec<_> = headers.get_all("b").iter().collect();
        assert_eq!(values, ["2", "3"]);
        assert_eq!(headers["a"], "4");
        assert!(!headers.contains_key("c"));
    }
}
