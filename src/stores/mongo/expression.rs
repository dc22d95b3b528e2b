//! Aggregation expressions: `"$path"`, literals, operators.
//!
//! A result is a value or nothing (`None`: a missing field), as in MongoDB.

use std::collections::HashMap;

use bson::{Bson, Document};

use super::failure::{Failure, Outcome};
use super::show;

mod operators;
mod parse;

pub(crate) use parse::is_known;

/// A parsed expression.
#[derive(Debug)]
pub(crate) enum Expression {
    /// A value as it stands.
    Literal(Bson),
    /// A field of the document.
    Path(Vec<String>),
    /// A variable and a path inside it.
    Variable(String, Vec<String>),
    /// A document of expressions.
    Object(Vec<(String, Expression)>),
    /// An array of expressions.
    Array(Vec<Expression>),
    /// An operator and its arguments.
    Call(&'static str, Vec<Expression>),
    /// Operators whose arguments have names, or that bind a variable.
    Named(&'static str, HashMap<&'static str, Expression>),
    /// `$map`, `$filter`: over which array, under which name, what.
    Each(bool, Box<Expression>, String, Box<Expression>),
}

/// A value or a missing one.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Computed(pub(crate) Option<Bson>);

impl Computed {
    /// MongoDB's truth.
    pub(crate) fn is_true(&self) -> bool {
        match &self.0 {
            None
            | Some(
                Bson::Null
                | Bson::Undefined
                | Bson::Boolean(false)
                | Bson::Int32(0)
                | Bson::Int64(0),
            ) => false,
            Some(Bson::Double(number)) => *number != 0.0,
            _ => true,
        }
    }
}

/// Where names are looked up.
struct Scope<'a> {
    root: &'a Document,
    variables: Vec<(String, Bson)>,
}

impl Expression {
    /// Reads an expression.
    pub(crate) fn parse(value: &Bson) -> Outcome<Self> {
        let expression = Self::read(value)?;
        expression.check_variables(&mut Vec::new())?;
        Ok(expression)
    }

    /// Fails on a variable that nothing binds.
    fn check_variables<'e>(&'e self, bound: &mut Vec<&'e str>) -> Outcome<()> {
        match self {
            Self::Literal(_) | Self::Path(_) => Ok(()),
            Self::Variable(name, _) => {
                let known = matches!(name.as_str(), "ROOT" | "CURRENT" | "NOW" | "REMOVE");
                if known || bound.contains(&name.as_str()) {
                    return Ok(());
                }
                Err(Failure::new(
                    17276,
                    format!("Use of undefined variable: {name}"),
                ))
            }
            Self::Object(fields) => fields
                .iter()
                .try_for_each(|(_, field)| field.check_variables(bound)),
            Self::Array(items) | Self::Call(_, items) => items
                .iter()
                .try_for_each(|item| item.check_variables(bound)),
            Self::Named(_, arguments) => arguments
                .values()
                .try_for_each(|argument| argument.check_variables(bound)),
            Self::Each(_, input, name, body) => {
                input.check_variables(bound)?;
                bound.push(name);
                let result = body.check_variables(bound);
                bound.pop();
                result
            }
        }
    }

    fn read(value: &Bson) -> Outcome<Self> {
        match value {
            Bson::String(text) => match text.strip_prefix('$') {
                None => Ok(Self::Literal(value.clone())),
                Some("") => Err(Failure::new(
                    16872,
                    "'$' by itself is not a valid FieldPath",
                )),
                Some(name) => match name.strip_prefix('$') {
                    None => Ok(Self::Path(path(name)?)),
                    Some(name) => variable(name),
                },
            },
            Bson::Array(items) => items
                .iter()
                .map(Self::read)
                .collect::<Outcome<_>>()
                .map(Self::Array),
            Bson::Document(inner) => Self::parse_document(inner),
            other => Ok(Self::Literal(other.clone())),
        }
    }

    fn parse_document(document: &Document) -> Outcome<Self> {
        let mut fields = Vec::with_capacity(document.len());
        for (name, value) in document {
            if name.starts_with('$') {
                if document.len() != 1 {
                    return Err(Failure::new(
                        15983,
                        format!(
                            "an object representing an expression must have exactly one field: {}",
                            show::document(document)
                        ),
                    ));
                }
                return parse::parse(name, value);
            }
            if name.contains('.') {
                return Err(Failure::new(
                    16412,
                    format!(
                        "FieldPath field names may not contain '.'. Consider using $getField or $setField. in {name}"
                    ),
                ));
            }
            fields.push((name.clone(), Self::read(value)?));
        }
        Ok(Self::Object(fields))
    }

    /// The value for a document.
    pub(crate) fn evaluate_root(&self, root: &Document) -> Outcome<Computed> {
        let mut scope = Scope {
            root,
            variables: Vec::new(),
        };
        self.evaluate(&mut scope).map(Computed)
    }

    fn evaluate(&self, scope: &mut Scope<'_>) -> Outcome<Option<Bson>> {
        Ok(match self {
            Self::Literal(value) => Some(value.clone()),
            Self::Path(path) => walk_document(scope.root, path),
            Self::Variable(name, path) => match name.as_str() {
                "ROOT" | "CURRENT" if path.is_empty() => Some(Bson::Document(scope.root.clone())),
                "ROOT" | "CURRENT" => walk_document(scope.root, path),
                "NOW" => Some(Bson::DateTime(bson::DateTime::now())),
                "REMOVE" => None,
                name => scope
                    .variables
                    .iter()
                    .rev()
                    .find(|(bound, _)| bound == name)
                    .and_then(|(_, value)| walk(value, path)),
            },
            Self::Object(fields) => {
                let mut result = Document::new();
                for (name, field) in fields {
                    if let Some(value) = field.evaluate(scope)? {
                        result.insert(name, value);
                    }
                }
                Some(Bson::Document(result))
            }
            Self::Array(items) => {
                let items: Outcome<Vec<_>> = items
                    .iter()
                    .map(|item| Ok(item.evaluate(scope)?.unwrap_or(Bson::Null)))
                    .collect();
                Some(Bson::Array(items?))
            }
            Self::Call(name, arguments) => operators::call(name, arguments, scope)?,
            Self::Named(name, arguments) => operators::call_named(name, arguments, scope)?,
            Self::Each(keep, input, name, body) => match input.evaluate(scope)? {
                None | Some(Bson::Null) => Some(Bson::Null),
                Some(Bson::Array(items)) => {
                    Some(Bson::Array(each(*keep, items, name, body, scope)?))
                }
                Some(other) if *keep => {
                    return Err(Failure::new(
                        28651,
                        format!(
                            "input to $filter must be an array not {}",
                            show::type_name(Some(&other))
                        ),
                    ));
                }
                Some(other) => {
                    return Err(Failure::new(
                        16883,
                        format!(
                            "input to $map must be an array not {}",
                            show::type_name(Some(&other))
                        ),
                    ));
                }
            },
        })
    }
}

fn each(
    keep: bool,
    items: Vec<Bson>,
    name: &str,
    body: &Expression,
    scope: &mut Scope<'_>,
) -> Outcome<Vec<Bson>> {
    let mut result = Vec::with_capacity(items.len());
    for item in items {
        scope.variables.push((name.to_owned(), item));
        let value = body.evaluate(scope);
        let item = scope.variables.pop().map_or(Bson::Null, |(_, item)| item);
        let value = value?;
        if keep {
            if Computed(value).is_true() {
                result.push(item);
            }
        } else {
            result.push(value.unwrap_or(Bson::Null));
        }
    }
    Ok(result)
}

fn path(name: &str) -> Outcome<Vec<String>> {
    let parts = super::path::split(name);
    if parts.iter().any(String::is_empty) {
        let message = if name.ends_with('.') {
            "FieldPath must not end with a '.'."
        } else {
            "FieldPath field names may not be empty strings."
        };
        return Err(Failure::new(
            if name.ends_with('.') { 40353 } else { 15998 },
            message,
        ));
    }
    if let Some(part) = parts.iter().find(|part| part.starts_with('$')) {
        return Err(Failure::new(
            16410,
            format!(
                "FieldPath field names may not start with '$'. Consider using $getField or $setField. ({part})"
            ),
        ));
    }
    Ok(parts)
}

fn variable(name: &str) -> Outcome<Expression> {
    let mut parts = super::path::split(name);
    if parts.iter().any(String::is_empty) {
        return Err(Failure::new(
            15998,
            "FieldPath field names may not be empty strings.",
        ));
    }
    let first = parts.remove(0);
    Ok(Expression::Variable(first, parts))
}

/// A path through documents and, item by item, arrays; positions are not looked at.
pub(crate) fn walk_document(document: &Document, path: &[String]) -> Option<Bson> {
    let (name, rest) = path.split_first()?;
    document.get(name).and_then(|value| walk(value, rest))
}

fn walk(value: &Bson, path: &[String]) -> Option<Bson> {
    match value {
        _ if path.is_empty() => Some(value.clone()),
        Bson::Document(inner) => walk_document(inner, path),
        Bson::Array(items) => Some(Bson::Array(
            items.iter().filter_map(|item| walk(item, path)).collect(),
        )),
        _ => None,
    }
}
