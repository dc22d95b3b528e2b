//! Aggregation: stages as iterators over documents, one behind the other.

use bson::{Bson, Document, doc};

use super::expression::{self, Expression};
use super::failure::{Failure, Outcome};
use super::filter::Filter;
use super::path::Pattern;
use super::projection::Projection;
use super::{number, order, path, show};

mod group;

/// Documents on their way.
pub(crate) type Flow = Box<dyn Iterator<Item = Outcome<Document>> + Send>;

/// A parsed stage.
#[derive(Debug)]
pub(crate) enum Stage {
    Match(Filter),
    Sort(Pattern),
    Limit(usize),
    Skip(usize),
    Project(Projection),
    Group(group::Group),
    Unwind(Unwind),
    Count(String),
    ReplaceRoot(Expression),
}

/// `$unwind`.
#[derive(Debug)]
pub(crate) struct Unwind {
    path: Vec<String>,
    index: Option<String>,
    keep_empty: bool,
}

impl Stage {
    /// Reads a pipeline.
    pub(crate) fn parse_all(pipeline: &[Bson]) -> Outcome<Vec<Self>> {
        let mut stages = Vec::with_capacity(pipeline.len());
        for stage in pipeline {
            let Bson::Document(stage) = stage else {
                return Err(Failure::type_mismatch(
                    "Each element of the 'pipeline' array must be an object",
                ));
            };
            let (Some((name, form)), 1) = (stage.iter().next(), stage.len()) else {
                return Err(Failure::new(
                    40323,
                    "A pipeline stage specification object must contain exactly one field.",
                ));
            };
            Self::parse(name, form, &mut stages)?;
        }
        Ok(stages)
    }

    #[expect(clippy::too_many_lines, reason = "one arm a stage")]
    fn parse(name: &str, form: &Bson, stages: &mut Vec<Self>) -> Outcome<()> {
        let object = |code: i32, message: &str| {
            form.as_document()
                .ok_or_else(|| Failure::new(code, message))
        };
        let stage = match name {
            "$match" => {
                let query = object(15959, "the match filter must be an expression in an object")?;
                Self::Match(Filter::parse(query)?)
            }
            "$sort" => Self::Sort(order::parse(
                object(15973, "the $sort key specification must be an object")?,
                false,
            )?),
            "$limit" => match number::exact(form) {
                Some(limit) if limit > 0 => {
                    Self::Limit(usize::try_from(limit).unwrap_or(usize::MAX))
                }
                Some(_) => return Err(Failure::new(15958, "the limit must be positive")),
                None => {
                    return Err(Failure::new(
                        5_107_201,
                        format!(
                            "invalid argument to $limit stage: Expected a number in: $limit: {}",
                            show::value(form)
                        ),
                    ));
                }
            },
            "$skip" => match number::exact(form) {
                Some(skip) if skip >= 0 => Self::Skip(usize::try_from(skip).unwrap_or(usize::MAX)),
                Some(_) => {
                    return Err(Failure::new(
                        5_107_200,
                        format!(
                            "invalid argument to $skip stage: Expected a non-negative number in: $skip: {}",
                            show::value(form)
                        ),
                    ));
                }
                None => {
                    return Err(Failure::new(
                        5_107_200,
                        format!(
                            "invalid argument to $skip stage: Expected a number in: $skip: {}",
                            show::value(form)
                        ),
                    ));
                }
            },
            "$project" => {
                let form = object(15969, "$project specification must be an object")?;
                if form.is_empty() {
                    return Err(Failure::new(
                        51272,
                        "Invalid $project :: caused by :: projection specification must have at least one field",
                    ));
                }
                Self::Project(
                    Projection::parse(form, false)
                        .map_err(|failure| caused_by("$project", failure))?,
                )
            }
            "$addFields" | "$set" => {
                let form = object(
                    40272,
                    &format!(
                        "{name} specification stage must be an object, got {}",
                        show::type_name(Some(form))
                    ),
                )?;
                Self::Project(
                    Projection::parse_add(form).map_err(|failure| caused_by(name, failure))?,
                )
            }
            "$unset" => Self::Project(unset(form)?),
            "$group" => Self::Group(group::Group::parse(object(
                15947,
                "a group's fields must be specified in an object",
            )?)?),
            "$unwind" => Self::Unwind(unwind(form)?),
            "$count" => match form {
                Bson::String(name)
                    if !name.is_empty() && !name.starts_with('$') && !name.contains('.') =>
                {
                    Self::Count(name.clone())
                }
                Bson::String(name) if name.is_empty() => {
                    return Err(Failure::new(
                        40157,
                        "the count field must be a non-empty string",
                    ));
                }
                Bson::String(name) if name.starts_with('$') => {
                    return Err(Failure::new(
                        40158,
                        "the count field cannot be a $-prefixed path",
                    ));
                }
                Bson::String(_) => {
                    return Err(Failure::new(40160, "the count field cannot contain '.'"));
                }
                _ => {
                    return Err(Failure::new(
                        40156,
                        "the count field must be a non-empty string",
                    ));
                }
            },
            "$replaceRoot" => match form.as_document().and_then(|form| form.get("newRoot")) {
                Some(root) => Self::ReplaceRoot(Expression::parse(root)?),
                None => {
                    return Err(Failure::new(
                        40414,
                        "BSON field '$replaceRoot.newRoot' is missing but a required field",
                    ));
                }
            },
            "$replaceWith" => Self::ReplaceRoot(Expression::parse(form)?),
            "$sortByCount" => {
                let group = doc! { "_id": form.clone(), "count": { "$sum": 1 } };
                stages.push(Self::Group(group::Group::parse(&group)?));
                Self::Sort(vec![(path::split("count"), true)])
            }
            "$facet" | "$lookup" | "$bucket" | "$bucketAuto" | "$sample" | "$out" | "$merge"
            | "$unionWith" | "$graphLookup" | "$geoNear" | "$redact" | "$collStats"
            | "$indexStats" | "$currentOp" | "$changeStream" | "$setWindowFields" | "$densify"
            | "$fill" | "$documents" | "$planCacheStats" | "$listSessions"
            | "$listLocalSessions" | "$search" => {
                return Err(Failure::unsupported(&format!("the pipeline stage {name}")));
            }
            _ => {
                return Err(Failure::new(
                    40324,
                    format!("Unrecognized pipeline stage name: '{name}'"),
                ));
            }
        };
        stages.push(stage);
        Ok(())
    }

    /// Whether the stage only counts what comes.
    pub(crate) fn only_counts(&self) -> bool {
        match self {
            Self::Count(_) => true,
            Self::Group(group) => group.only_counts(),
            _ => false,
        }
    }

    /// The answer of a stage that [only counts](Self::only_counts).
    pub(crate) fn of_count(&self, count: usize) -> Option<Document> {
        match self {
            Self::Count(name) => (count > 0).then(|| doc! { name: number::count(count) }),
            Self::Group(group) => group.of_count(count),
            _ => None,
        }
    }

    /// Puts the stage behind what comes.
    pub(crate) fn attach(self, flow: Flow, limit: Option<usize>) -> Outcome<Flow> {
        Ok(match self {
            Self::Match(filter) => Box::new(flow.filter_map(move |item| match item {
                Ok(document) => match filter.matches(&document) {
                    Ok(true) => Some(Ok(document)),
                    Ok(false) => None,
                    Err(failure) => Some(Err(failure)),
                },
                failure => Some(failure),
            })),
            Self::Sort(pattern) => Box::new(order::sort(flow, &pattern, limit, |document| document)?.into_iter().map(Ok)),
            Self::Limit(limit) => Box::new(flow.take(limit)),
            Self::Skip(skip) => Box::new(flow.skip(skip)),
            Self::Project(projection) => Box::new(flow.map(move |item| projection.apply(&item?))),
            Self::Group(group) => Box::new(group.run(flow)?.into_iter().map(Ok)),
            Self::Unwind(unwind) => Box::new(flow.flat_map(move |item| match item {
                Ok(document) => unwind.run(document),
                failure => vec![failure],
            })),
            Self::Count(name) => {
                let mut count = 0;
                for item in flow {
                    item?;
                    count += 1;
                }
                let answer = (count > 0).then(|| Ok(doc! { name: number::count(count) }));
                Box::new(answer.into_iter())
            }
            Self::ReplaceRoot(expression) => Box::new(flow.map(move |item| {
                let document = item?;
                match expression.evaluate_root(&document)?.0 {
                    Some(Bson::Document(root)) => Ok(root),
                    other => Err(Failure::new(
                        40228,
                        format!(
                            "'newRoot' expression  must evaluate to an object, but resulting value was: {}. Type of resulting value: '{}'. Input document: {}",
                            other.as_ref().map_or("MISSING".to_owned(), show::value),
                            show::type_name(other.as_ref()),
                            show::document(&document)
                        ),
                    )),
                }
            })),
        })
    }
}

fn caused_by(stage: &str, failure: Failure) -> Failure {
    Failure {
        message: format!("Invalid {stage} :: caused by :: {}", failure.message),
        ..failure
    }
}

fn unset(form: &Bson) -> Outcome<Projection> {
    let names: Option<Vec<&str>> = match form {
        Bson::String(name) => Some(vec![name]),
        Bson::Array(names) if !names.is_empty() => names.iter().map(Bson::as_str).collect(),
        _ => {
            return Err(Failure::new(
                31002,
                "$unset specification must be a string or an array",
            ));
        }
    };
    let names = names.ok_or_else(|| {
        Failure::new(
            31120,
            "$unset specification must be a string or an array containing only string values",
        )
    })?;
    Projection::parse_unset(&names)
}

fn unwind(form: &Bson) -> Outcome<Unwind> {
    let (path, index, keep_empty) = match form {
        Bson::String(path) => (path.as_str(), None, false),
        Bson::Document(form) => {
            if let Some(name) = form.keys().find(|name| {
                !matches!(
                    name.as_str(),
                    "path" | "includeArrayIndex" | "preserveNullAndEmptyArrays"
                )
            }) {
                return Err(Failure::new(
                    28811,
                    format!("unrecognized option to $unwind stage: {name}"),
                ));
            }
            let index = form.get_str("includeArrayIndex").ok().map(str::to_owned);
            let path = form
                .get_str("path")
                .map_err(|_| Failure::new(28812, "no path specified to $unwind stage"))?;
            (
                path,
                index,
                form.get_bool("preserveNullAndEmptyArrays").unwrap_or(false),
            )
        }
        other => {
            return Err(Failure::new(
                15981,
                format!(
                    "expected either a string or an object as specification for $unwind stage, got {}",
                    show::type_name(Some(other))
                ),
            ));
        }
    };
    let Some(path) = path.strip_prefix('$') else {
        return Err(Failure::new(
            28818,
            format!("path option to $unwind stage should be prefixed with a '$': {path}"),
        ));
    };
    Ok(Unwind {
        path: path::split(path),
        index,
        keep_empty,
    })
}

impl Unwind {
    fn run(&self, document: Document) -> Vec<Outcome<Document>> {
        let value = expression::walk_document(&document, &self.path);
        let one = |index: Bson, document: Document| {
            let mut document = document;
            if let Some(name) = &self.index {
                document.insert(name, index);
            }
            Ok(document)
        };
        match value {
            Some(Bson::Array(items)) if !items.is_empty() => items
                .into_iter()
                .enumerate()
                .map(|(index, item)| {
                    let mut copy = document.clone();
                    put(&mut copy, &self.path, Some(item));
                    one(Bson::Int64(i64::try_from(index).unwrap_or(i64::MAX)), copy)
                })
                .collect(),
            Some(Bson::Array(_)) if self.keep_empty => {
                let mut copy = document;
                put(&mut copy, &self.path, None);
                vec![one(Bson::Null, copy)]
            }
            None | Some(Bson::Null) if self.keep_empty => vec![one(Bson::Null, document)],
            None | Some(Bson::Null | Bson::Array(_)) => Vec::new(),
            Some(_) => vec![one(Bson::Null, document)],
        }
    }
}

fn put(document: &mut Document, path: &[String], value: Option<Bson>) {
    match (path, value) {
        ([name], Some(value)) => drop(document.insert(name, value)),
        ([name], None) => drop(document.remove(name)),
        ([name, rest @ ..], value) => {
            if let Some(Bson::Document(inner)) = document.get_mut(name) {
                put(inner, rest, value);
            }
        }
        ([], _) => {}
    }
}
