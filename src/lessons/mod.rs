//! Lessons: which one is under way, what the lab has seen of it, and what comes next.
//!
//! The lab's process keeps one lesson at a time. A step begins when it is first shown; its checks
//! look only at what has happened from then on ([`evidence`]), and it is over when they hold. Nothing
//! here does anything to the lab: what is done, the user does.

mod book;
mod connections;
mod course;
mod error;
mod evidence;
mod fill;
mod films;
mod pods;
mod shipped;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use tokio::time::Instant;

use crate::config;
use crate::model::{
    CommandView, LessonCommand, LessonMove, LessonStart, LessonSummary, LessonView, Observation,
    Outcome, PredictionView, Step, StepView,
};
use crate::registry::Registry;
use crate::trace::Theatre;
use book::Book;
use course::{Class, Course, verdict};
use evidence::{Baseline, Evidence};

pub use error::LessonError;
pub use shipped::shipped;

/// Between two looks while something is waited for: nobody sees it, and a look costs little.
const PAUSE: Duration = Duration::from_millis(50);
/// The longest that a call may wait.
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// The class's place in the book; cheap to clone.
#[derive(Clone, Debug)]
pub struct Lessons {
    registry: Registry,
    theatre: Theatre,
    /// A std mutex, because it is never held across an await.
    class: Arc<Mutex<Class>>,
}

/// What lessons tell beside what the registry knows.
#[derive(Clone, Debug, Default)]
pub struct Place {
    /// The lab's name.
    pub lab: String,
    /// The CA's certificate.
    pub ca: Option<PathBuf>,
}

// === impl Lessons ===

impl Lessons {
    /// Nothing is under way. What is done is read from this file and kept there; without one it is
    /// forgotten in the end.
    pub fn new(registry: Registry, theatre: Theatre, done: Option<PathBuf>) -> Self {
        let class = Class {
            book: done.map(Book::open).unwrap_or_default(),
            course: None,
        };
        Self {
            registry,
            theatre,
            class: Arc::new(Mutex::new(class)),
        }
    }

    /// The lessons that the lab has.
    pub fn list(&self) -> Vec<LessonSummary> {
        let class = self.class();
        let numbered = (1..).zip(shipped());
        numbered
            .map(|(number, lesson)| LessonSummary {
                number,
                id: lesson.id.clone(),
                title: lesson.title.clone(),
                about: lesson.about.clone(),
                minutes: lesson.minutes,
                done: class.book.has(&lesson.id),
                current: class
                    .course
                    .as_ref()
                    .is_some_and(|course| course.number == Some(number) && !course.is_over()),
            })
            .collect()
    }

    /// Begins a lesson.
    pub fn start(&self, wanted: &LessonStart, place: &Place) -> Result<LessonView, LessonError> {
        let (number, lesson) = match &wanted.text {
            Some(text) => (None, Arc::new(config::parse_lesson(&wanted.lesson, text)?)),
            None => shipped::find(&wanted.lesson)?,
        };
        let course = Course {
            number,
            lesson,
            step: 0,
            baseline: Arc::new(self.baseline()),
            answer: None,
            before: None,
        };
        {
            let mut class = self.class();
            let running = class.course.as_ref().filter(|course| !course.is_over());
            if let Some(running) = running {
                return Err(LessonError::Busy(running.lesson.title.clone()));
            }
            class.course = Some(course.clone());
        }
        Ok(self.view(&course, place))
    }

    /// Where it stands.
    pub fn current(&self, place: &Place) -> Result<LessonView, LessonError> {
        Ok(self.view(&self.course()?, place))
    }

    /// Looks until everything was seen, or for as long as it is waited.
    pub async fn check(&self, wish: &LessonMove, place: &Place) -> Result<LessonView, LessonError> {
        self.take_answer(wish)?;
        let course = self.course()?;
        self.wait(&course, wish).await;
        self.current(place)
    }

    /// Goes on to the next step, if this one is done or is to be skipped.
    pub async fn next(&self, wish: &LessonMove, place: &Place) -> Result<LessonView, LessonError> {
        self.take_answer(wish)?;
        let course = self.course()?;
        let step = course.current().ok_or(LessonError::Over)?;
        let observations = if wish.skip {
            self.observe(&course, step)
        } else {
            self.wait(&course, wish).await
        };
        let missing = missing(&observations);
        if !missing.is_empty() && !wish.skip {
            return Err(LessonError::NotYet {
                step: course.step + 1,
                missing: missing.join("; "),
            });
        }
        let outcome = Outcome {
            step: course.step + 1,
            skipped: !missing.is_empty(),
            prediction: step
                .predict
                .as_ref()
                .map(|prediction| verdict(prediction, course.answer)),
            observations,
            why: step.why.clone(),
            kubernetes: step.kubernetes.clone(),
            kubectl: step.kubectl.clone(),
        };
        let next = Course {
            step: course.step + 1,
            baseline: Arc::new(self.baseline()),
            answer: None,
            before: Some(outcome),
            ..course.clone()
        };
        let mut class = self.class();
        // Somebody else may have gone on meanwhile: a step is not left twice.
        let same = class.course.as_ref().is_some_and(|now| now.is_at(&course));
        if same {
            // Those of somebody's own have no place in the list.
            if next.is_over() && next.number.is_some() {
                class.book.add(&next.lesson.id);
            }
            class.course = Some(next);
        }
        drop(class);
        self.current(place)
    }

    /// Ends a lesson wherever it is; tells what it was and how it is undone.
    pub fn stop(&self, place: &Place) -> Result<LessonView, LessonError> {
        let course = self.class().course.take().ok_or(LessonError::None)?;
        let mut view = self.view(&course, place);
        view.step = None;
        Ok(view)
    }

    fn take_answer(&self, wish: &LessonMove) -> Result<(), LessonError> {
        let Some(answer) = wish.answer else {
            return Ok(());
        };
        let mut class = self.class();
        let course = class.course.as_mut().ok_or(LessonError::None)?;
        let step = course.current().ok_or(LessonError::Over)?;
        let refuse = |text: String| Err(LessonError::Answer(text));
        match &step.predict {
            None => return refuse("this step has nothing to predict".to_owned()),
            Some(prediction) if !(1..=prediction.choices.len()).contains(&answer) => {
                let last = prediction.choices.len();
                return refuse(format!("the answers are 1 to {last}, not {answer}"));
            }
            Some(_) => {}
        }
        course.answer = Some(answer);
        Ok(())
    }

    /// What is seen when everything holds, or else at the end of the wait.
    async fn wait(&self, course: &Course, wish: &LessonMove) -> Vec<Observation> {
        let Some(step) = course.current() else {
            return Vec::new();
        };
        let deadline = Instant::now() + Duration::from_millis(wish.wait).min(LONGEST_WAIT);
        loop {
            let observations = self.observe(course, step);
            if observations.iter().all(|one| one.holds) || Instant::now() >= deadline {
                return observations;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn observe(&self, course: &Course, step: &Step) -> Vec<Observation> {
        let evidence = Evidence::gather(&self.registry, &self.theatre, &course.baseline);
        let checks = step.checks.iter();
        checks.map(|check| evidence.observe(check)).collect()
    }

    fn view(&self, course: &Course, place: &Place) -> LessonView {
        let lesson = &*course.lesson;
        let cluster = self.registry.snapshot();
        let filled = |command: &LessonCommand| CommandView {
            command: fill::fill(&command.text, &cluster, place),
            fails: command.fails,
        };
        let step = course.current().map(|step| StepView {
            number: course.step + 1,
            say: step.say.clone(),
            predict: step.predict.as_ref().map(|prediction| PredictionView {
                question: prediction.question.clone(),
                choices: prediction.choices.clone(),
                answer: course.answer,
            }),
            toml: step.toml.clone(),
            run: step.run.iter().map(filled).collect(),
            observations: self.observe(course, step),
        });
        let begun = lesson.steps.iter().take(course.step + 1);
        LessonView {
            number: course.number,
            id: lesson.id.clone(),
            title: lesson.title.clone(),
            about: lesson.about.clone(),
            question: lesson.question.clone(),
            setup: lesson.setup.clone(),
            steps: lesson.steps.len(),
            before: course.before.clone(),
            step,
            undo: lesson.undo.iter().map(filled).collect(),
            changed_toml: begun.into_iter().any(|step| step.toml.is_some()),
        }
    }

    fn baseline(&self) -> Baseline {
        Baseline::of(&self.registry.snapshot(), now())
    }

    fn course(&self) -> Result<Course, LessonError> {
        self.class().course.clone().ok_or(LessonError::None)
    }

    fn class(&self) -> MutexGuard<'_, Class> {
        // Each change leaves it whole, so what is behind a poisoned lock is good.
        self.class.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What does not hold, in words.
fn missing(observations: &[Observation]) -> Vec<String> {
    let missing = observations.iter().filter(|one| !one.holds);
    missing
        .map(|one| format!("{}, saw {}", one.wanted, one.seen))
        .collect()
}

/// Microseconds since the Unix epoch.
fn now() -> u64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    u64::try_from(since.as_micros()).unwrap_or(u64::MAX)
}
