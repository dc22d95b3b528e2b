//! Which fields of a document are answered: `find`'s projection, `$project`, `$addFields`, `$unset`.

use bson::{Bson, Document};

use super::expression::{self, Expression};
use super::failure::{Failure, Outcome};
use super::filter::Filter;
use super::number;

/// A parsed projection.
#[derive(Debug)]
pub(crate) struct Projection {
    fields: Fields,
    mode: Mode,
}

/// What happens to fields that are not named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mode {
    Include,
    Exclude,
    /// `$addFields`: everything stays.
    Add,
}

type Fields = Vec<(String, Action)>;

#[derive(Debug)]
enum Action {
    Include,
    Exclude,
    Compute(Expression),
    Slice(i64, Option<i64>),
    ElementMatch(Filter),
    Nested(Fields),
}

impl Projection {
    /// `find`'s and `$project`'s form; the latter has no `$slice` and `$elemMatch` of its own kind.
    pub(crate) fn parse(form: &Document, finding: bool) -> Outcome<Self> {
        let mut fields = Fields::new();
        let mut mode = None;
        add(&mut fields, form, "", finding, &mut mode)?;
        let id_only = form.len() == 1
            && matches!(fields.first(), Some((name, Action::Exclude)) if name == "_id");
        let mode = match mode {
            Some(mode) => mode,
            None if id_only => Mode::Exclude,
            None if matches!(fields.as_slice(), [(name, Action::Include)] if name == "_id") => {
                Mode::Include
            }
            None => Mode::Exclude,
        };
        if mode == Mode::Include && !fields.iter().any(|(name, _)| name == "_id") {
            fields.insert(0, ("_id".to_owned(), Action::Include));
        }
        Ok(Self { fields, mode })
    }

    /// `$addFields` and `$set`.
    pub(crate) fn parse_add(form: &Document) -> Outcome<Self> {
        let mut fields = Fields::new();
        for (name, value) in form {
            place(
                &mut fields,
                name,
                name,
                Action::Compute(Expression::parse(value)?),
            )?;
        }
        Ok(Self {
            fields,
            mode: Mode::Add,
        })
    }

    /// `$unset`.
    pub(crate) fn parse_unset(names: &[&str]) -> Outcome<Self> {
        let mut fields = Fields::new();
        for name in names {
            place(&mut fields, name, name, Action::Exclude)?;
        }
        Ok(Self {
            fields,
            mode: Mode::Exclude,
        })
    }

    /// The projected document.
    pub(crate) fn apply(&self, document: &Document) -> Outcome<Document> {
        apply(&self.fields, self.mode, document, document)
    }
}

fn add(
    fields: &mut Fields,
    form: &Document,
    prefix: &str,
    finding: bool,
    mode: &mut Option<Mode>,
) -> Outcome<()> {
    for (name, value) in form {
        let full = if prefix.is_empty() {
            name.clone()
        } else {
            format!("{prefix}.{name}")
        };
        if name.split('.').any(|part| part == "$") {
            return Err(Failure::unsupported("a positional projection"));
        }
        let action = match value {
            Bson::Document(inner) if inner.is_empty() => {
                return Err(Failure::new(
                    51270,
                    "An empty sub-projection is not a valid value. Found empty object at path",
                ));
            }
            Bson::Document(inner) if finding && inner.contains_key("$slice") => slice(inner)?,
            Bson::Document(inner) if finding && inner.contains_key("$elemMatch") => match inner
                .get("$elemMatch")
            {
                Some(Bson::Document(condition)) => Action::ElementMatch(Filter::parse(condition)?),
                _ => {
                    return Err(Failure::new(
                        31274,
                        "elemMatch: Invalid argument, object required",
                    ));
                }
            },
            Bson::Document(inner)
                if !inner
                    .keys()
                    .next()
                    .is_some_and(|name| name.starts_with('$')) =>
            {
                add(fields, inner, &full, finding, mode)?;
                continue;
            }
            Bson::Boolean(_) | Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) => {
                let keep =
                    !matches!(value, Bson::Boolean(false)) && number::double(value) != Some(0.0);
                if keep {
                    Action::Include
                } else {
                    Action::Exclude
                }
            }
            Bson::Document(inner) if inner.len() > 1 => {
                return Err(Failure::new(
                    16410,
                    "FieldPath field names may not start with '$'. Consider using $getField or $setField.",
                ));
            }
            Bson::Document(inner) => {
                if let Some(name) = inner.keys().find(|name| !expression::is_known(name)) {
                    return Err(Failure::new(31325, format!("Unknown expression {name}")));
                }
                Action::Compute(Expression::parse(value)?)
            }
            value => Action::Compute(Expression::parse(value)?),
        };
        let wanted = match &action {
            Action::Slice(..) => None,
            _ if full == "_id" && !matches!(action, Action::Compute(_)) => None,
            Action::Exclude => Some(Mode::Exclude),
            _ => Some(Mode::Include),
        };
        match (*mode, wanted) {
            (Some(Mode::Include), Some(Mode::Exclude)) => {
                return Err(Failure::new(
                    31254,
                    format!("Cannot do exclusion on field {full} in inclusion projection"),
                ));
            }
            (Some(Mode::Exclude), Some(Mode::Include)) => {
                return Err(Failure::new(
                    31253,
                    format!("Cannot do inclusion on field {full} in exclusion projection"),
                ));
            }
            (None, wanted) => *mode = wanted,
            _ => {}
        }
        place(fields, &full, &full, action)?;
    }
    Ok(())
}

fn slice(form: &Document) -> Outcome<Action> {
    let wrong = || {
        Failure::new(
            28667,
            "Invalid $slice syntax. The given syntax does not match the find() syntax",
        )
    };
    match form.get("$slice") {
        Some(Bson::Array(parts)) => match parts.as_slice() {
            [skip, limit] => Ok(Action::Slice(
                number::exact(skip).ok_or_else(wrong)?,
                Some(
                    number::exact(limit)
                        .filter(|limit| *limit > 0)
                        .ok_or_else(wrong)?,
                ),
            )),
            _ => Err(wrong()),
        },
        Some(count) => Ok(Action::Slice(number::exact(count).ok_or_else(wrong)?, None)),
        None => Err(wrong()),
    }
}

fn place(fields: &mut Fields, path: &str, full: &str, action: Action) -> Outcome<()> {
    let collision = || Failure::new(31250, format!("Path collision at {full}"));
    if path.is_empty() {
        return Err(Failure::new(
            40352,
            "FieldPath cannot be constructed with empty string",
        ));
    }
    let Some((name, rest)) = path.split_once('.') else {
        if fields.iter().any(|(known, _)| known == path) {
            return Err(collision());
        }
        fields.push((path.to_owned(), action));
        return Ok(());
    };
    let at = if let Some(at) = fields.iter().position(|(known, _)| known == name) {
        at
    } else {
        fields.push((name.to_owned(), Action::Nested(Fields::new())));
        fields.len() - 1
    };
    match &mut fields[at].1 {
        Action::Nested(inner) => place(inner, rest, full, action),
        _ => Err(Failure::new(
            31249,
            format!("Path collision at {full} remaining portion {rest}"),
        )),
    }
}

fn apply(fields: &Fields, mode: Mode, document: &Document, root: &Document) -> Outcome<Document> {
    let mut result = Document::new();
    for (name, value) in document {
        let action = fields
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, action)| action);
        match action {
            None if mode == Mode::Include => {}
            None | Some(Action::Include) => drop(result.insert(name, value.clone())),
            // What matches is added below.
            Some(Action::Exclude | Action::ElementMatch(_)) => {}
            Some(Action::Compute(expression)) => {
                if mode == Mode::Add
                    && let Some(value) = expression.evaluate_root(root)?.0
                {
                    result.insert(name, value);
                }
            }
            Some(Action::Slice(skip, limit)) => {
                drop(result.insert(name, sliced(value, *skip, *limit)));
            }
            Some(Action::Nested(inner)) => {
                if let Some(value) = nested(inner, mode, value, root)? {
                    result.insert(name, value);
                }
            }
        }
    }
    // What is computed comes behind, in the order of the projection.
    for (name, action) in fields {
        match action {
            Action::Compute(expression) => {
                if (mode != Mode::Add || !document.contains_key(name))
                    && let Some(value) = expression.evaluate_root(root)?.0
                {
                    result.insert(name, value);
                }
            }
            Action::ElementMatch(filter) => {
                for item in document.get_array(name).into_iter().flatten() {
                    if let Bson::Document(inner) = item
                        && filter.matches(inner)?
                    {
                        result.insert(name, vec![item.clone()]);
                        break;
                    }
                }
            }
            Action::Nested(inner) if !document.contains_key(name) && mode != Mode::Exclude => {
                let new = apply(inner, mode, &Document::new(), root)?;
                if computes(inner) {
                    result.insert(name, new);
                }
            }
            _ => {}
        }
    }
    Ok(result)
}

fn computes(fields: &Fields) -> bool {
    fields.iter().any(|(_, action)| match action {
        Action::Compute(_) => true,
        Action::Nested(inner) => computes(inner),
        _ => false,
    })
}

fn nested(fields: &Fields, mode: Mode, value: &Bson, root: &Document) -> Outcome<Option<Bson>> {
    Ok(match value {
        Bson::Document(inner) => Some(Bson::Document(apply(fields, mode, inner, root)?)),
        Bson::Array(items) => {
            let mut kept = Vec::with_capacity(items.len());
            for item in items {
                kept.extend(nested(fields, mode, item, root)?);
            }
            Some(Bson::Array(kept))
        }
        _ if computes(fields) => Some(Bson::Document(apply(fields, mode, &Document::new(), root)?)),
        _ if mode == Mode::Include => None,
        other => Some(other.clone()),
    })
}

fn sliced(value: &Bson, skip: i64, limit: Option<i64>) -> Bson {
    let Bson::Array(items) = value else {
        return value.clone();
    };
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let (from, to) = match limit {
        None if skip < 0 => ((length + skip).max(0), length),
        None => (0, skip.min(length)),
        Some(limit) => {
            let from = if skip < 0 {
                (length + skip).max(0)
            } else {
                skip.min(length)
            };
            (from, from.saturating_add(limit).min(length))
        }
    };
    let index = |number: i64| usize::try_from(number).unwrap_or(0);
    Bson::Array(items[index(from)..index(to)].to_vec())
}
