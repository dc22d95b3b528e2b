//! Paths that change on their way.

use crate::model::{PathChange, PathMatch, Rewrite, Route};

/// The path for the endpoint, if it changes.
pub(super) fn path(rewrite: &Rewrite, route: &Route, path: &str) -> Option<String> {
    Some(changed(rewrite.path.as_ref()?, route, path))
}

/// A path after the change. Always begins with a slash.
pub(super) fn changed(change: &PathChange, route: &Route, path: &str) -> String {
    let new = match change {
        PathChange::Full(whole) => whole.clone(),
        PathChange::Prefix(prefix) => {
            let matched = match &route.path {
                PathMatch::Exact(matched)
                | PathMatch::Prefix(matched)
                | PathMatch::CharacterPrefix(matched) => matched.as_str(),
                PathMatch::Regex(_) => "",
            };
            let rest = path.strip_prefix(matched).unwrap_or(path);
            let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
            match rest.strip_prefix('/') {
                _ if rest.is_empty() => prefix.to_owned(),
                Some(_) => format!("{prefix}{rest}"),
                None => format!("{prefix}/{rest}"),
            }
        }
        PathChange::Captures(template) => match &route.path {
            PathMatch::Regex(pattern) => match pattern.regex().captures(path) {
                Some(captures) => {
                    let mut new = String::new();
                    captures.expand(template, &mut new);
                    new
                }
                None => path.to_owned(),
            },
            _ => template.clone(),
        },
    };
    if new.starts_with('/') {
        new
    } else {
        format!("/{new}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{HostMatch, Pattern};

    fn route(path: PathMatch) -> Route {
        Route::new("r".to_owned(), "i", HostMatch::Any, path)
    }

    #[test]
    fn a_prefix_is_exchanged_element_by_element() {
        let route = route(PathMatch::prefix("/strip-prefix"));
        let to = |prefix: &str, path| changed(&PathChange::Prefix(prefix.to_owned()), &route, path);
        assert_eq!(to("/", "/strip-prefix/"), "/");
        assert_eq!(to("/", "/strip-prefix"), "/");
        assert_eq!(to("/", "/strip-prefix/three"), "/three");
        assert_eq!(to("/one", "/strip-prefix/two"), "/one/two");
        assert_eq!(to("/one/", "/strip-prefix"), "/one");
    }

    #[test]
    fn captures_are_put_in() {
        let pattern = Pattern::new("(?i)^/app(/|$)(.*)").unwrap();
        let route = route(PathMatch::Regex(pattern));
        let change = PathChange::Captures("/${2}".to_owned());
        assert_eq!(changed(&change, &route, "/App/a/b"), "/a/b");
        assert_eq!(changed(&change, &route, "/app"), "/");
        assert_eq!(changed(&change, &route, "/other"), "/other");
    }
}
