//! A lesson's file → [`Lesson`]: all rules of its format, which docs/lessons.md describes.
//!
//! As with `lab.toml`, every mistake is reported at once, each with file, line, key and remedy.

mod checks;

use super::field::Field;
use super::problem::{Place, Problems};
use super::raw::{Item, RawConfig};
use super::section::{Reader, Section};
use super::suggest::nearest;
use crate::model::{Lesson, LessonCommand, PLACEHOLDERS, Piece, Prediction, Step, pieces};

/// Minutes of a lesson that does not say so.
const MINUTES: u32 = 10;
/// What the longest lesson may take, in minutes: a morning.
const LONGEST: i64 = 240;

/// Reads a lesson; `name` is how its file is called in messages, and its last part without number
/// and ending the lesson's id.
pub fn parse(name: &str, text: &str) -> Result<Lesson, Problems> {
    let raw = RawConfig::parse(name, text)?;
    let reader = Reader::default();
    let place = Place {
        file: name.into(),
        ..Place::default()
    };
    let root = Section::new(&reader, &raw.0, place, String::new(), String::new());
    let lesson = read(root);
    reader.finish()?;
    Ok(lesson)
}

fn read(root: Section<'_>) -> Lesson {
    let steps = steps(&root);
    let lesson = Lesson {
        id: id(&root.place().file),
        title: required(&root, "title"),
        about: required(&root, "about"),
        minutes: root.number("minutes", 1..=LONGEST, MINUTES),
        question: required(&root, "question"),
        setup: optional(&root, "setup"),
        steps,
        undo: commands(&root, "undo"),
    };
    root.finish();
    lesson
}

/// `lessons/04-grpc-pinning.toml` is `grpc-pinning`.
fn id(name: &str) -> String {
    let file = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let stem = file.strip_suffix(".toml").unwrap_or(file);
    let bare = stem.trim_start_matches(|c: char| c.is_ascii_digit());
    let bare = bare.trim_start_matches('-');
    if bare.is_empty() { stem } else { bare }.to_owned()
}

fn steps(root: &Section<'_>) -> Vec<Step> {
    let field = root.required("step", "write at least one [[step]]");
    let fields = field.map(|field| field.list()).unwrap_or_default();
    let numbered = (1..).zip(&fields);
    numbered
        .filter_map(|(number, field)| field.section_headed(format!("[[step]] {number}")))
        .map(step)
        .collect()
}

fn step(section: Section<'_>) -> Step {
    let step = Step {
        say: required(&section, "say"),
        predict: section.field("predict").and_then(|field| predict(&field)),
        toml: optional(&section, "toml"),
        run: commands(&section, "run"),
        checks: checks::read(&section),
        why: required(&section, "why"),
        kubernetes: required(&section, "kubernetes"),
        kubectl: section
            .field("kubectl")
            .map(|field| field.texts().into_iter().map(|(text, _)| text.to_owned()))
            .map(Iterator::collect)
            .unwrap_or_default(),
    };
    if let (Some(text), Some(field)) = (&step.toml, section.field("toml"))
        && let Err(problems) = RawConfig::parse("toml", text)
    {
        let first = problems.0.first().map(ToString::to_string);
        field.refuse(
            format!("is not TOML: {}", first.unwrap_or_default()),
            "write what lab.toml is to say, between three single quotes",
        );
    }
    section.finish();
    step
}

fn predict(field: &Field<'_>) -> Option<Prediction> {
    let section = field.section()?;
    let question = required(&section, "question");
    let choices = section.required("choices", "write choices = [\"…\", \"…\"]");
    let choices: Vec<String> = choices
        .map(|field| {
            let texts = field.texts();
            if texts.len() < 2 {
                field.refuse(
                    "must be two answers or more",
                    "write all that one may guess",
                );
            }
            texts.into_iter().map(|(text, _)| text.to_owned()).collect()
        })
        .unwrap_or_default();
    let most = i64::try_from(choices.len()).unwrap_or(i64::MAX).max(2);
    let answer = section.required("answer", "write the number of the right choice, from 1");
    let answer = answer.and_then(|field| field.number(1..=most));
    section.finish();
    Some(Prediction {
        question,
        choices,
        answer: answer?,
    })
}

/// Commands: texts, or tables that say that they are meant to fail.
fn commands(section: &Section<'_>, key: &'static str) -> Vec<LessonCommand> {
    let Some(field) = section.field(key) else {
        return Vec::new();
    };
    field.list().iter().filter_map(command).collect()
}

fn command(field: &Field<'_>) -> Option<LessonCommand> {
    if !matches!(field.node.item, Item::Table(_)) {
        let text = field.words()?;
        refuse_placeholders(field, text);
        return Some(LessonCommand {
            text: text.to_owned(),
            fails: false,
        });
    }
    let section = field.section()?;
    let text = section.required("command", "write command = \"lab …\"");
    let text = text.and_then(|field| {
        let text = field.words()?;
        refuse_placeholders(&field, text);
        Some(text.to_owned())
    });
    let fails = section.boolean("fails", false);
    section.finish();
    Some(LessonCommand { text: text?, fails })
}

fn refuse_placeholders(field: &Field<'_>, text: &str) {
    for piece in pieces(text) {
        if let Piece::Unknown(name) = piece {
            let word = name.split(':').next().unwrap_or(name);
            let words = PLACEHOLDERS.iter();
            let words = words.filter_map(|known| known.split(':').next());
            let remedy = match nearest(word, words) {
                Some(near) => format!("did you mean {near}?"),
                None => format!("known are {{{}}}", PLACEHOLDERS.join("}, {")),
            };
            field.refuse(format!("has an unknown placeholder {{{name}}}"), remedy);
        }
    }
}

fn required(section: &Section<'_>, key: &'static str) -> String {
    let field = section.required(key, "every lesson has it; docs/lessons.md says what for");
    let text = field.and_then(|field| field.words());
    text.map(folded).unwrap_or_default()
}

fn optional(section: &Section<'_>, key: &'static str) -> Option<String> {
    let text = section.field(key)?.words()?;
    Some(text.trim_end().to_owned())
}

/// A text of several lines as the paragraphs that it has: lines are broken where it is shown.
fn folded(text: &str) -> String {
    let paragraphs = text.split("\n\n");
    let paragraphs = paragraphs.map(|lines| {
        let words: Vec<&str> = lines.split_whitespace().collect();
        words.join(" ")
    });
    let kept: Vec<String> = paragraphs.filter(|text| !text.is_empty()).collect();
    kept.join("\n\n")
}
