//! A lesson on a terminal: what to read, to guess, to type, and what was seen.

use crate::cli::paragraphs::{block, labelled, paragraphs};
use crate::model::{CommandView, LessonView, Observation, Outcome, StepView, Verdict};

/// The head of a lesson and its first step.
pub(super) fn begun(view: &LessonView) -> String {
    let number = view.number.map(|number| format!("Lesson {number}: "));
    let title = format!("{}{}", number.unwrap_or_default(), view.title);
    let mut parts = vec![
        format!("{title}\n{}", "=".repeat(title.chars().count())),
        paragraphs(&view.about, 0),
        labelled("Question: ", &view.question, 0),
    ];
    if let Some(setup) = &view.setup {
        parts.push(labelled("It needs: ", setup, 0));
    }
    parts.extend(view.step.iter().map(|found| step(found, view)));
    parts.join("\n\n")
}

/// The step that is under way, or the end.
pub(super) fn current(view: &LessonView) -> String {
    let head = format!("{}\n", view.title);
    match &view.step {
        Some(found) => format!(
            "{head}\n{}\n\n{}",
            step(found, view),
            observed(&found.observations)
        ),
        None => format!("{head}\n{}", over(view)),
    }
}

/// What was seen of the step.
pub(super) fn checked(view: &LessonView) -> String {
    let Some(found) = &view.step else {
        return over(view);
    };
    let done = found.observations.iter().all(|one| one.holds);
    let verdict = if done {
        "Step {} is done; go on with: lab lesson next"
    } else {
        "Step {} is not done yet; see its commands with: lab lesson show"
    };
    let verdict = verdict.replace("{}", &found.number.to_string());
    format!("{}\n\n{verdict}", observed(&found.observations))
}

/// The explanation of the step before, and the next step or the end.
pub(super) fn next(view: &LessonView) -> String {
    let mut parts: Vec<String> = view.before.iter().map(explained).collect();
    parts.push(match &view.step {
        Some(found) => step(found, view),
        None => over(view),
    });
    parts.join("\n\n")
}

/// How a lesson that was left is undone.
pub(super) fn stopped(view: &LessonView) -> String {
    let left = format!("{} is left; nothing was undone.", view.title);
    match undo(view) {
        Some(undo) => format!("{left}\n\n{undo}"),
        None => left,
    }
}

fn step(step: &StepView, view: &LessonView) -> String {
    let head = format!("Step {} of {}", step.number, view.steps);
    let mut parts = vec![
        format!("{head}\n{}", "-".repeat(head.len())),
        paragraphs(&step.say, 0),
    ];
    if let Some(prediction) = &step.predict {
        let mut lines = vec![labelled("Predict: ", &prediction.question, 0)];
        let choices = (1..).zip(&prediction.choices);
        lines.extend(choices.map(|(number, choice)| labelled(&format!("{number}  "), choice, 2)));
        parts.push(lines.join("\n"));
    }
    if let Some(toml) = &step.toml {
        let before = if view.before.is_some() && view.changed_toml {
            "In lab.toml, in place of what this lesson wrote there before:"
        } else {
            "Write into lab.toml:"
        };
        parts.push(format!("{before}\n\n{}", block(toml, 4)));
    }
    if !step.run.is_empty() {
        parts.push(format!("Run:\n\n{}", commands(&step.run)));
    }
    let go_on = if step.predict.is_some() {
        "Then: lab lesson next --answer NUMBER"
    } else {
        "Then: lab lesson next"
    };
    parts.push(go_on.to_owned());
    parts.join("\n\n")
}

/// Commands are not broken at the edge: they are copied.
fn commands(commands: &[CommandView]) -> String {
    let lines = commands.iter().map(|command| {
        let note = if command.fails {
            "   # it will fail"
        } else {
            ""
        };
        format!("{}{note}", block(&command.command, 4))
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn observed(observations: &[Observation]) -> String {
    let lines = observations.iter().map(|one| {
        if one.holds {
            labelled("seen:    ", &format!("{} ({})", one.wanted, one.seen), 0)
        } else {
            labelled("not yet: ", &format!("{}, saw {}", one.wanted, one.seen), 0)
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn explained(outcome: &Outcome) -> String {
    let mut parts = Vec::new();
    parts.push(if outcome.skipped {
        format!("Step {} was skipped.", outcome.step)
    } else {
        format!(
            "Step {} is done.\n{}",
            outcome.step,
            observed(&outcome.observations)
        )
    });
    parts.extend(outcome.prediction.as_ref().map(verdict));
    parts.push(labelled("Why: ", &first(&outcome.why), 0));
    parts.extend(rest(&outcome.why).map(|text| paragraphs(text, 5)));
    parts.push(labelled("In Kubernetes: ", &outcome.kubernetes, 0));
    if !outcome.kubectl.is_empty() {
        parts.push(block(&outcome.kubectl.join("\n"), 4));
    }
    parts.join("\n\n")
}

fn verdict(verdict: &Verdict) -> String {
    let Verdict {
        question,
        guessed,
        answer,
        right,
    } = verdict;
    let told = match guessed {
        Some(_) if *right => format!("right: {answer}"),
        Some(guessed) => format!("you said \"{guessed}\"; it is \"{answer}\""),
        None => answer.clone(),
    };
    labelled("Prediction: ", &format!("{question} {told}"), 0)
}

fn over(view: &LessonView) -> String {
    let end = format!(
        "The lesson is over. Can you answer it now? {}",
        view.question
    );
    let mut parts = vec![paragraphs(&end, 0)];
    parts.extend(undo(view));
    parts.join("\n\n")
}

fn undo(view: &LessonView) -> Option<String> {
    let mut parts = Vec::new();
    if view.changed_toml {
        parts.push("To undo it, take what the lesson wrote out of lab.toml.".to_owned());
    }
    if !view.undo.is_empty() {
        let lead = if view.changed_toml {
            "Then run:"
        } else {
            "To undo it, run:"
        };
        parts.push(format!("{lead}\n\n{}", commands(&view.undo)));
    }
    (!parts.is_empty()).then(|| parts.join("\n\n"))
}

/// The first paragraph.
fn first(text: &str) -> String {
    text.split("\n\n").next().unwrap_or_default().to_owned()
}

/// All others as one text.
fn rest(text: &str) -> Option<&str> {
    text.split_once("\n\n").map(|(_, rest)| rest)
}
