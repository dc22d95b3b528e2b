//! YAML text → documents with the place of every key and value.
//!
//! Assumptions: plain scalars are read by YAML 1.2's core schema (`yes` is a text, `0644` a number
//! without octal meaning); tags are ignored but `!!str`; merge keys (`<<`) are not expanded.
//! Aliases are expanded up to a limit, so a small file cannot become a large document.

use std::collections::HashMap;
use std::sync::Arc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Span, StrInput, Tag};

use super::super::problem::{Place, Problem};
use super::super::raw::{Item, Node, Table};

/// Values of one file, aliases expanded: some ten thousand times an ordinary Ingress.
const VALUES: usize = 200_000;
/// Tables within tables; Kubernetes' own objects have about ten.
const DEPTH: usize = 64;

/// The documents of a file without the empty ones, and what is wrong with its form. What follows a
/// mistake of form is not read.
pub(super) fn parse(name: &str, text: &str) -> (Vec<Node>, Vec<Problem>) {
    let mut builder = Builder {
        name: name.into(),
        events: Parser::new_from_str(text),
        anchors: HashMap::new(),
        values: 0,
        problems: Vec::new(),
    };
    let mut documents = Vec::new();
    if let Err(problem) = builder.documents(&mut documents) {
        builder.problems.push(*problem);
    }
    (documents, builder.problems)
}

struct Builder<'t> {
    name: Arc<str>,
    events: Parser<'t, StrInput<'t>>,
    /// Anchored values with the number of values in each.
    anchors: HashMap<usize, (Node, usize)>,
    /// So far.
    values: usize,
    /// Those after which reading goes on.
    problems: Vec<Problem>,
}

impl<'t> Builder<'t> {
    fn documents(&mut self, documents: &mut Vec<Node>) -> Result<(), Box<Problem>> {
        loop {
            let (event, span) = self.next()?;
            match event {
                Event::StreamEnd => return Ok(()),
                Event::Nothing
                | Event::StreamStart
                | Event::DocumentStart(_)
                | Event::DocumentEnd => {
                    // An anchor is good for its own document.
                    self.anchors.clear();
                }
                event => {
                    let node = self.node(event, span, 0)?;
                    if node.item != Item::Null {
                        documents.push(node);
                    }
                }
            }
        }
    }

    fn next(&mut self) -> Result<(Event<'t>, Span), Box<Problem>> {
        match self.events.next_event() {
            Some(Ok(next)) => Ok(next),
            Some(Err(error)) => Err(self.not_yaml(&error)),
            None => Ok((Event::StreamEnd, Span::empty(Marker::new(0, 1, 0)))),
        }
    }

    /// The value that begins with this event.
    fn node(&mut self, event: Event<'t>, span: Span, depth: usize) -> Result<Node, Box<Problem>> {
        let place = self.place(&span.start);
        if depth > DEPTH {
            return Err(problem(
                place,
                "tables within tables within tables",
                "write fewer levels",
            ));
        }
        let before = self.values;
        self.count(1, &place)?;
        let (anchor, item) = match event {
            Event::Scalar(text, style, anchor, tag) => {
                (anchor, scalar(&text, style, tag.as_deref()))
            }
            Event::SequenceStart(anchor, _) => (anchor, self.sequence(depth)?),
            Event::MappingStart(anchor, _) => (anchor, self.mapping(depth)?),
            Event::Alias(anchor) => {
                let Some((node, size)) = self.anchors.get(&anchor) else {
                    return Err(problem(
                        place,
                        "an alias within the value that it stands for",
                        "write the value out",
                    ));
                };
                let (item, size) = (node.item.clone(), *size);
                self.count(size, &place)?;
                (0, item)
            }
            // The parser has no value begin otherwise.
            _ => (0, Item::Null),
        };
        let node = Node { place, item };
        if anchor > 0 {
            let size = self.values - before;
            // The copy counts as well.
            self.count(size, &node.place)?;
            self.anchors.insert(anchor, (node.clone(), size));
        }
        Ok(node)
    }

    fn sequence(&mut self, depth: usize) -> Result<Item, Box<Problem>> {
        let mut nodes = Vec::new();
        loop {
            match self.next()? {
                (Event::SequenceEnd | Event::StreamEnd, _) => return Ok(Item::Array(nodes)),
                (event, span) => nodes.push(self.node(event, span, depth + 1)?),
            }
        }
    }

    fn mapping(&mut self, depth: usize) -> Result<Item, Box<Problem>> {
        let mut table = Table::new();
        loop {
            let (event, span) = self.next()?;
            let place = self.place(&span.start);
            let key = match event {
                Event::MappingEnd | Event::StreamEnd => return Ok(Item::Table(table)),
                Event::Scalar(key, ..) => key.into_owned(),
                _ => {
                    return Err(problem(
                        place,
                        "a key must be text",
                        "write key: value on a line of its own",
                    ));
                }
            };
            let (event, span) = self.next()?;
            let item = self.node(event, span, depth + 1)?.item;
            let node = Node {
                place: place.clone(),
                item,
            };
            if table.insert(key.clone(), node).is_some() {
                self.problems.push(Problem {
                    key,
                    ..*problem(
                        place,
                        "is written twice in the same table",
                        "keep one of them",
                    )
                });
            }
        }
    }

    fn count(&mut self, values: usize, place: &Place) -> Result<(), Box<Problem>> {
        self.values = self.values.saturating_add(values);
        if self.values > VALUES {
            return Err(problem(
                place.clone(),
                format!("the file has more than {VALUES} values, its aliases expanded"),
                "write fewer, or several files",
            ));
        }
        Ok(())
    }

    fn place(&self, marker: &Marker) -> Place {
        Place {
            file: Arc::clone(&self.name),
            line: marker.line(),
            column: marker.col() + 1,
        }
    }

    fn not_yaml(&self, error: &ScanError) -> Box<Problem> {
        problem(
            self.place(error.marker()),
            format!("not YAML: {}", error.info()),
            "",
        )
    }
}

fn problem(place: Place, message: impl Into<String>, remedy: &str) -> Box<Problem> {
    Box::new(Problem {
        place,
        section: String::new(),
        key: String::new(),
        value: String::new(),
        message: message.into(),
        remedy: remedy.to_owned(),
    })
}

/// What a scalar means; quotes make everything a text.
fn scalar(text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Item {
    let is_text = tag.is_some_and(|tag| tag.is_yaml_core_schema() && tag.suffix == "str");
    if style != ScalarStyle::Plain || is_text {
        return Item::Text(text.to_owned());
    }
    match text {
        "" | "~" | "null" | "Null" | "NULL" => Item::Null,
        "true" | "True" | "TRUE" => Item::Boolean(true),
        "false" | "False" | "FALSE" => Item::Boolean(false),
        _ => number(text).unwrap_or_else(|| Item::Text(text.to_owned())),
    }
}

fn number(text: &str) -> Option<Item> {
    let bare = text.trim_start_matches(['+', '-']);
    let numeric =
        |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b'e' | b'E' | b'+' | b'-');
    let digits = bare
        .bytes()
        .next()
        .is_some_and(|byte| byte.is_ascii_digit() || byte == b'.');
    if let Some(hex) = text.strip_prefix("0x") {
        return i64::from_str_radix(hex, 16).ok().map(Item::Integer);
    }
    if let Some(octal) = text.strip_prefix("0o") {
        return i64::from_str_radix(octal, 8).ok().map(Item::Integer);
    }
    if !digits || !text.bytes().all(numeric) {
        return None;
    }
    match text.parse() {
        Ok(number) => Some(Item::Integer(number)),
        Err(_) => text.parse().ok().map(Item::Float),
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn one(text: &str) -> String {
        let (documents, problems) = parse("x.yaml", text);
        assert_eq!(problems, [], "{text}");
        assert_eq!(documents.len(), 1, "{text}");
        documents[0].item.to_string()
    }

    fn refusal(text: &str) -> String {
        let (_, problems) = parse("x.yaml", text);
        assert_eq!(problems.len(), 1, "{text}: {problems:?}");
        problems[0].to_string()
    }

    #[test]
    fn scalars_mean_what_the_core_schema_says() {
        for (text, meaning) in [
            ("[a, 'a', \"1\", !!str 1]", r#"["a", "a", "1", "1"]"#),
            (
                "[1, -2, 0x10, 0o10, 1.5, 1e3]",
                "[1, -2, 16, 8, 1.5, 1000.0]",
            ),
            ("[true, False, yes, no]", r#"[true, false, "yes", "no"]"#),
            (
                "[1.2.3.4, 10s, 2024-01-01, -x, .]",
                r#"["1.2.3.4", "10s", "2024-01-01", "-x", "."]"#,
            ),
            ("[~, null, '']", r#"[null, null, ""]"#),
            ("a: |\n  b\n  c\n", r#"{ a = "b\nc\n" }"#),
            ("a: &x {b: 1}\nc: *x", "{ a = { b = 1 }, c = { b = 1 } }"),
        ] {
            assert_eq!(one(text), meaning, "{text}");
        }
    }

    #[test]
    fn several_documents_and_empty_ones() {
        let (documents, problems) = parse("x", "---\na: 1\n---\n# nothing\n---\n- b\n...\n");
        assert_eq!(problems, []);
        let shown: Vec<_> = documents.iter().map(|node| node.item.to_string()).collect();
        assert_eq!(shown, ["{ a = 1 }", r#"["b"]"#]);
        assert_eq!((documents[1].place.line, documents[1].place.column), (6, 1));
    }

    #[test]
    fn mistakes_have_a_place() {
        assert_eq!(
            refusal("a: 1\nb:\n  c: 2\n  c: 3\n"),
            "x.yaml:4:3: c: is written twice in the same table; keep one of them"
        );
        assert!(
            refusal("a: [1, 2\nb: 3").starts_with("x.yaml:"),
            "not closed"
        );
        assert!(
            refusal("a: &x [*x]").contains("alias"),
            "an alias of itself"
        );
        assert!(refusal("[a]: 1").contains("a key must be text"));
        assert!(refusal(&"[".repeat(10_000)).starts_with("x.yaml:1:"));
    }

    #[test]
    fn a_small_file_does_not_become_a_large_document() {
        let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..12 {
            let alias = format!("*a{}", level - 1);
            let list = vec![alias; 10].join(", ");
            writeln!(text, "a{level}: &a{level} [{list}]").unwrap();
        }
        assert!(refusal(&text).contains("its aliases expanded"));
    }
}
