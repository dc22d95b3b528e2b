//! Why a lesson does not go on, and what the user can do about it.

use crate::config::Problems;

/// Why a lesson does not go on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LessonError {
    /// There is no such lesson.
    #[error("there is no lesson {wanted}")]
    Unknown {
        /// Number or name.
        wanted: String,
        /// A name that is nearly it.
        near: Option<String>,
    },
    /// The file cannot be used.
    #[error("{0}")]
    Invalid(#[from] Problems),
    /// None is under way.
    #[error("no lesson is under way")]
    None,
    /// Another one is under way.
    #[error("lesson \"{0}\" is under way")]
    Busy(String),
    /// The last step is over.
    #[error("this lesson is over")]
    Over,
    /// The step has no prediction, or it has no such choice.
    #[error("{0}")]
    Answer(String),
    /// Something has not been seen.
    #[error("step {step} is not done: {missing}")]
    NotYet {
        /// From 1.
        step: usize,
        /// What is missing, in words.
        missing: String,
    },
}

impl LessonError {
    /// What the user can do about it.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Unknown {
                near: Some(near), ..
            } => format!("did you mean {near}?"),
            Self::Unknown { near: None, .. } => "lab lesson list shows what there is".to_owned(),
            Self::None => "begin one with: lab lesson start 1".to_owned(),
            Self::Busy(_) => "see it with: lab lesson show, or end it with: lab lesson stop".to_owned(),
            Self::Over => "begin another with: lab lesson start, or see: lab lesson list".to_owned(),
            Self::NotYet { .. } => {
                "run its commands, which lab lesson show tells, or go on with: lab lesson next --skip"
                    .to_owned()
            }
            Self::Invalid(_) => "docs/lessons.md describes the format".to_owned(),
            Self::Answer(_) => return None,
        })
    }
}
