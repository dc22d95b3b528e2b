//! A lesson that is under way: at which step it is, and what was guessed.

use std::sync::Arc;

use super::book::Book;
use super::evidence::Baseline;
use crate::model::{Lesson, Outcome, Prediction, Step, Verdict};

/// What the lab remembers of lessons.
#[derive(Debug, Default)]
pub(super) struct Class {
    pub(super) book: Book,
    pub(super) course: Option<Course>,
}

/// A lesson that is under way.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) number: Option<usize>,
    pub(super) lesson: Arc<Lesson>,
    /// From 0; as many as there are steps when it is over.
    pub(super) step: usize,
    pub(super) baseline: Arc<Baseline>,
    pub(super) answer: Option<usize>,
    pub(super) before: Option<Outcome>,
}

impl Course {
    /// The step that is under way.
    pub(super) fn current(&self) -> Option<&Step> {
        self.lesson.steps.get(self.step)
    }

    /// Whether all steps are over.
    pub(super) fn is_over(&self) -> bool {
        self.step >= self.lesson.steps.len()
    }

    /// Whether it is the same step of the same lesson.
    pub(super) fn is_at(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lesson, &other.lesson) && self.step == other.step
    }
}

/// What became of a guess.
pub(super) fn verdict(prediction: &Prediction, answer: Option<usize>) -> Verdict {
    let choice = |number: usize| {
        let index = number.checked_sub(1)?;
        prediction.choices.get(index).cloned()
    };
    Verdict {
        question: prediction.question.clone(),
        guessed: answer.and_then(choice),
        answer: choice(prediction.answer).unwrap_or_default(),
        right: answer == Some(prediction.answer),
    }
}
