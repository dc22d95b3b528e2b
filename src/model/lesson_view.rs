//! What goes over the admin API about lessons.

use serde::{Deserialize, Serialize};

/// An entry of `GET /api/lessons`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonSummary {
    /// From 1, in the order in which they are meant to be taken.
    pub number: usize,
    /// Its name on the command line, beside the number.
    pub id: String,
    /// A few words.
    pub title: String,
    /// A sentence or two.
    pub about: String,
    /// How long it takes in class.
    pub minutes: u32,
    /// Whether somebody went through it since the lab was started.
    pub done: bool,
    /// Whether it is under way.
    pub current: bool,
}

/// `POST /api/lessons/start`: one that the lab has, or the text of one's own.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LessonStart {
    /// Number or id; the file's name where there is a text.
    pub lesson: String,
    /// What is in the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// `POST /api/lessons/check` and `POST /api/lessons/next`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LessonMove {
    /// The prediction, from 1; takes the place of an earlier one.
    pub answer: Option<usize>,
    /// Goes on without the observations.
    pub skip: bool,
    /// Milliseconds to wait for what has not been seen yet; the last hop of a request may still be
    /// on its way.
    pub wait: u64,
}

/// `GET /api/lessons/current`, and the answer to `start`, `next` and `check`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LessonView {
    /// Of a lesson that the lab has.
    pub number: Option<usize>,
    /// Its name on the command line.
    pub id: String,
    /// A few words.
    pub title: String,
    /// A sentence or two.
    pub about: String,
    /// What the class can answer at its end.
    pub question: String,
    /// What the lab needs beside the default.
    pub setup: Option<String>,
    /// How many steps there are.
    pub steps: usize,
    /// The step before, explained.
    pub before: Option<Outcome>,
    /// The step that is under way; none when the lesson is over.
    pub step: Option<StepView>,
    /// What leaves the lab as it was before.
    pub undo: Vec<CommandView>,
    /// Whether `lab.toml` has lines of the lesson's that are to be taken out again.
    pub changed_toml: bool,
}

/// A step that is under way. The right answer and the explanation come when it is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepView {
    /// From 1.
    pub number: usize,
    /// Told first.
    pub say: String,
    /// What to guess before anything is done.
    pub predict: Option<PredictionView>,
    /// What to write into `lab.toml`.
    pub toml: Option<String>,
    /// What to type.
    pub run: Vec<CommandView>,
    /// What the lab waits for, as it is now.
    pub observations: Vec<Observation>,
}

/// A question to guess at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PredictionView {
    /// What will happen?
    pub question: String,
    /// The answers, the first of which is number 1.
    pub choices: Vec<String>,
    /// What was guessed, from 1.
    pub answer: Option<usize>,
}

/// A command with its placeholders filled in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommandView {
    /// For a shell.
    pub command: String,
    /// Whether it is meant to fail.
    pub fails: bool,
}

/// Something that the lab looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observation {
    /// What there should be.
    pub wanted: String,
    /// What there is.
    pub seen: String,
    /// Whether that will do.
    pub holds: bool,
}

/// A step that is over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// From 1.
    pub step: usize,
    /// Whether it was left before everything was seen.
    pub skipped: bool,
    /// What became of the guess.
    pub prediction: Option<Verdict>,
    /// What was seen.
    pub observations: Vec<Observation>,
    /// The explanation.
    pub why: String,
    /// What a real cluster does.
    pub kubernetes: String,
    /// The commands there.
    pub kubectl: Vec<String>,
}

/// What became of a guess.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// What was asked.
    pub question: String,
    /// What was guessed; nothing if nobody did.
    pub guessed: Option<String>,
    /// The right answer.
    pub answer: String,
    /// Whether they are the same.
    pub right: bool,
}
