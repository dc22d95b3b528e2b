//! Config files of a pod: templates with the pod's own variables filled in.
//!
//! `${NAME}` is the variable of that name, so `${MONGODB_SERVICE_HOST}` is the ClusterIP of
//! `mongodb`; `$${NAME}` stands for a plain `${NAME}`. A name that the pod does not have is an error:
//! a file with a hole in it would be read somehow.

use std::collections::BTreeMap;

use super::{PodError, PodSpec};

/// A file as the program is to find it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Rendered {
    /// Its path, as the template names it.
    pub(super) target: String,
    pub(super) text: String,
}

/// All files of a pod with these variables.
pub(super) fn render(
    spec: &PodSpec,
    variables: &BTreeMap<String, String>,
) -> Result<Vec<Rendered>, PodError> {
    let files = spec.template.files.iter();
    files
        .map(|(target, text)| match fill(text, variables) {
            Ok(text) => Ok(Rendered {
                target: target.clone(),
                text,
            }),
            Err(Unknown { line, name }) => Err(PodError::Template {
                pod: spec.name.clone(),
                target: target.clone(),
                line,
                name,
            }),
        })
        .collect()
}

/// What stands between the braces is no variable.
#[derive(Debug, PartialEq, Eq)]
struct Unknown {
    /// Counted from 1.
    line: usize,
    name: String,
}

fn fill(text: &str, variables: &BTreeMap<String, String>) -> Result<String, Unknown> {
    const OPEN: &str = "${";
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(OPEN) {
        let (before, behind) = (&rest[..start], &rest[start + OPEN.len()..]);
        if let Some(plain) = before.strip_suffix('$') {
            filled.push_str(plain);
            filled.push_str(OPEN);
            rest = behind;
            continue;
        }
        filled.push_str(before);
        let end = behind.find(['}', '\n']).unwrap_or(behind.len());
        let name = &behind[..end];
        let value = variables
            .get(name)
            .filter(|_| behind[end..].starts_with('}'));
        let Some(value) = value else {
            let line = text[..text.len() - behind.len()].matches('\n').count() + 1;
            let name = name.to_owned();
            return Err(Unknown { line, name });
        };
        filled.push_str(value);
        rest = &behind[end + 1..];
    }
    filled.push_str(rest);
    Ok(filled)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn filled(text: &str) -> Result<String, Unknown> {
        let variables = [("HOST", "127.43.0.11"), ("PORT", "50051"), ("EMPTY", "")];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
        fill(text, &variables.into())
    }

    #[test]
    fn variables_are_filled_in_and_the_rest_is_left_alone() {
        for (text, expected) in [
            ("", ""),
            ("a: 1\n", "a: 1\n"),
            ("grpc://${HOST}:${PORT}", "grpc://127.43.0.11:50051"),
            ("'${EMPTY}'", "''"),
            ("$HOST {HOST} $", "$HOST {HOST} $"),
            ("$${HOST} ${PORT}", "${HOST} 50051"),
            ("$${", "${"),
        ] {
            assert_eq!(filled(text).as_deref(), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_hole_is_told_with_its_line() {
        for (text, line, name) in [
            ("${NONE}", 1, "NONE"),
            ("a\n\nb: ${HOST\n}", 3, "HOST"),
            ("${HOST}\n${host}", 2, "host"),
            ("${", 1, ""),
        ] {
            let name = name.to_owned();
            assert_eq!(filled(text), Err(Unknown { line, name }), "{text}");
        }
    }
}
