//! What a query asks: parsed once, then asked of every document.

use bson::{Bson, Document};
use regex::Regex;

use super::expression::Expression;
use super::failure::{Failure, Outcome};
use super::{key, path};

mod parse;

/// A parsed query.
#[derive(Debug)]
pub(crate) enum Filter {
    /// Every one of these; the empty conjunction is true.
    And(Vec<Filter>),
    /// At least one of these.
    Or(Vec<Filter>),
    /// None of these.
    Nor(Vec<Filter>),
    /// Something about the values at a path.
    Field(Vec<String>, Test),
    /// A condition over the document.
    Expression(Box<Expression>),
    /// `$alwaysTrue`, `$alwaysFalse`.
    Always(bool),
}

/// What must hold for the values at a path.
#[derive(Debug)]
pub(crate) enum Test {
    /// A comparison inside one type bracket.
    Compare(Comparison, Bson),
    /// One of the values, or a match of one of the expressions.
    In(Vec<Bson>, Vec<Regex>),
    /// The field is there.
    Exists,
    /// The type is one of these (numbers of BSON).
    Type(Vec<i32>),
    /// The array has this many items.
    Size(i64),
    /// Divisor and remainder.
    Mod(i64, i64),
    /// The text matches; the second is the value that a stored regular expression must equal.
    Matches(Box<Regex>, Bson),
    /// One item is a document for which this holds.
    ElementMatches(Box<Filter>),
    /// One item passes all of these.
    ElementPasses(Vec<Test>),
    /// All of these.
    All(Vec<Test>),
    /// Not this.
    Not(Box<Test>),
    /// Never.
    Never,
}

/// How two values are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Comparison {
    Equal,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

impl Filter {
    /// Reads a query document.
    pub(crate) fn parse(query: &Document) -> Outcome<Self> {
        parse::conjunction(query)
    }

    /// Reads what stands at a field's name.
    pub(crate) fn parse_test(condition: &Bson) -> Outcome<Test> {
        parse::field(condition)
    }

    /// Whether the document is one that the query asks for.
    pub(crate) fn matches(&self, document: &Document) -> Outcome<bool> {
        Ok(match self {
            Self::And(parts) => {
                for part in parts {
                    if !part.matches(document)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Or(parts) => {
                for part in parts {
                    if part.matches(document)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Nor(parts) => {
                for part in parts {
                    if part.matches(document)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Field(path, test) => test.holds_at(document, path)?,
            Self::Expression(expression) => expression.evaluate_root(document)?.is_true(),
            Self::Always(answer) => *answer,
        })
    }

    /// Whether there is nothing to ask.
    pub(crate) fn is_trivial(&self) -> bool {
        matches!(self, Self::And(parts) if parts.is_empty())
    }
}

impl Test {
    fn holds_at(&self, document: &Document, path: &[String]) -> Outcome<bool> {
        let mut problem = None;
        let mut ask = |expand: bool, test: &dyn Fn(Option<&Bson>) -> Outcome<bool>| {
            path::any(document, path, expand, &mut |value| {
                test(value).unwrap_or_else(|failure| {
                    problem = Some(failure);
                    true
                })
            })
        };
        let found = match self {
            Self::All(tests) => {
                for test in tests {
                    if !test.holds_at(document, path)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Not(test) => !test.holds_at(document, path)?,
            Self::Size(_) | Self::ElementMatches(_) | Self::ElementPasses(_) => {
                ask(false, &|value| self.holds(value))
            }
            _ => ask(true, &|value| self.holds(value)),
        };
        problem.map_or(Ok(found), Err)
    }

    /// Whether it holds for this one value.
    pub(crate) fn holds(&self, value: Option<&Bson>) -> Outcome<bool> {
        Ok(match (self, value) {
            (Self::Compare(how, with), value) => compares(*how, value, with),
            (Self::In(values, regexes), value) => {
                values
                    .iter()
                    .any(|with| compares(Comparison::Equal, value, with))
                    || regexes.iter().any(|regex| text_matches(regex, value))
            }
            (Self::Exists, value) => value.is_some(),
            (Self::Matches(regex, itself), value) => {
                text_matches(regex, value) || value == Some(itself)
            }
            (Self::Type(types), Some(value)) => types.contains(&type_number(value)),
            (Self::Size(size), Some(Bson::Array(items))) => i64::try_from(items.len()) == Ok(*size),
            (Self::Mod(divisor, remainder), Some(value)) => {
                whole(value).is_some_and(|number| number.wrapping_rem(*divisor) == *remainder)
            }
            (Self::ElementMatches(filter), Some(Bson::Array(items))) => {
                for item in items {
                    let hit = match item {
                        Bson::Document(inner) => filter.matches(inner)?,
                        // An array inside is a document of positions.
                        Bson::Array(inner) => filter.matches(&positions(inner))?,
                        _ => false,
                    };
                    if hit {
                        return Ok(true);
                    }
                }
                false
            }
            (Self::ElementPasses(tests), Some(Bson::Array(items))) => {
                'items: for item in items {
                    for test in tests {
                        if !test.holds_for_item(item)? {
                            continue 'items;
                        }
                    }
                    return Ok(true);
                }
                false
            }
            (Self::All(tests), value) => {
                for test in tests {
                    if !test.holds(value)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Self::Not(test), value) => !test.holds(value)?,
            _ => false,
        })
    }

    /// Whether it holds for an item of an array (`$elemMatch`, `$pull`).
    pub(crate) fn holds_for_item(&self, item: &Bson) -> Outcome<bool> {
        let mut holder = Document::new();
        if let Self::Not(test) = self {
            Ok(!test.holds_for_item(item)?)
        } else {
            if let Bson::Array(_) = item {
                holder.insert("0", item.clone());
                return self.holds_at(&holder, &["0".to_owned()]);
            }
            self.holds(Some(item))
        }
    }
}

fn positions(items: &[Bson]) -> Document {
    items
        .iter()
        .enumerate()
        .map(|(index, item)| (index.to_string(), item.clone()))
        .collect()
}

fn text_matches(regex: &Regex, value: Option<&Bson>) -> bool {
    matches!(value, Some(Bson::String(text) | Bson::Symbol(text)) if regex.is_match(text))
}

/// A missing field equals null; otherwise only values of one type bracket compare.
fn compares(how: Comparison, value: Option<&Bson>, with: &Bson) -> bool {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual};
    let value = match (value, with) {
        (Some(value), _) => value,
        (None, Bson::Null | Bson::MinKey | Bson::MaxKey) => &Bson::Null,
        (None, _) => return false,
    };
    if key::class(value) != key::class(with) {
        return match with {
            Bson::MinKey => matches!(how, Greater | GreaterOrEqual),
            Bson::MaxKey => matches!(how, Less | LessOrEqual),
            _ => false,
        };
    }
    let nan = |value: &Bson| matches!(value, Bson::Double(number) if number.is_nan());
    if nan(value) != nan(with) {
        return false;
    }
    let order = key::compare(value, with);
    match how {
        Equal => order.is_eq(),
        Greater => order.is_gt(),
        GreaterOrEqual => order.is_ge(),
        Less => order.is_lt(),
        LessOrEqual => order.is_le(),
    }
}

/// A number cut to an integer, as `$mod` sees it.
pub(crate) fn whole(value: &Bson) -> Option<i64> {
    match value {
        Bson::Int32(number) => Some(i64::from(*number)),
        Bson::Int64(number) => Some(*number),
        #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
        Bson::Double(number) if number.abs() < 9.2e18 => Some(*number as i64),
        _ => None,
    }
}

/// The number of a BSON type.
pub(crate) fn type_number(value: &Bson) -> i32 {
    match value.element_type() as u8 {
        0xff => -1,
        number => i32::from(number),
    }
}

/// A pattern in Rust's syntax, with MongoDB's options.
pub(crate) fn regex(pattern: &str, options: &str) -> Outcome<Regex> {
    let mut builder = regex::RegexBuilder::new(pattern);
    // Limits the memory of one pattern; the crate's own default is ten times that.
    builder.size_limit(1 << 20);
    // PCRE without its UCP option: \w, \d and \s know only ASCII. Case is folded in Unicode.
    for option in options.chars() {
        match option {
            'i' => builder.case_insensitive(true),
            'm' => builder.multi_line(true),
            's' => builder.dot_matches_new_line(true),
            'x' => builder.ignore_whitespace(true),
            'u' => &mut builder,
            other => {
                return Err(Failure::new(
                    51108,
                    format!("invalid flag in regex options: {other}"),
                ));
            }
        };
    }
    builder.build().map_err(|error| {
        Failure::new(
            51091,
            format!("Regular expression is invalid: {error} (the built-in store knows neither look-around nor back-references)"),
        )
    })
}
