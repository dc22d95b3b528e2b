//! `lab lesson list|start|show|next|check|stop`

mod show;

use std::io::{self, IsTerminal as _};
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::arguments::Global;
use super::printer::{self, Failure, Printer};
use crate::client::{Client, ClientError};
use crate::model::{LessonMove, LessonStart, LessonSummary, LessonView};

/// How long a look waits for what is on its way: the last hop of a request, a pod that turns ready.
const PATIENCE: Duration = Duration::from_secs(3);

/// HTTP's status for a file that cannot be used.
const UNUSABLE: u16 = 422;

/// What to do with lessons.
#[derive(Debug, Args)]
pub(super) struct LessonArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Show the lessons that there are
    List,
    /// Begin a lesson
    Start {
        /// Its number or name, or a file of your own
        #[arg(value_name = "LESSON|FILE")]
        lesson: String,
    },
    /// Show the step that is under way
    Show,
    /// Tell what the lab has seen of this step
    Check {
        /// Your prediction
        #[arg(long, value_name = "NUMBER")]
        answer: Option<usize>,
    },
    /// Explain this step, if it is done, and go on to the next one
    Next {
        /// Your prediction
        #[arg(long, value_name = "NUMBER")]
        answer: Option<usize>,
        /// Go on although something has not been seen
        #[arg(long)]
        skip: bool,
    },
    /// Leave the lesson, and tell how what it did is undone
    Stop,
}

pub(super) async fn run(
    arguments: &LessonArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    match &arguments.what {
        What::List => list(&client, printer).await,
        What::Start { lesson } => {
            let view: LessonView = client
                .post("/api/lessons/start", &wanted(lesson)?)
                .await
                .map_err(told)?;
            printer.data(&view, || show::begun(&view))?;
            predict(&client, &view, printer).await
        }
        What::Show => {
            let view: Option<LessonView> = client.get("/api/lessons/current").await?;
            let view = view.ok_or_else(|| {
                Failure::new("no lesson is under way").hint("begin one with: lab lesson start 1")
            })?;
            printer.data(&view, || show::current(&view))
        }
        What::Check { answer } => {
            let wish = wish(*answer, false);
            let view: LessonView = client.post("/api/lessons/check", &wish).await?;
            printer.data(&view, || show::checked(&view))
        }
        What::Next { answer, skip } => {
            let wish = wish(*answer, *skip);
            let view: LessonView = client.post("/api/lessons/next", &wish).await?;
            printer.data(&view, || show::next(&view))?;
            predict(&client, &view, printer).await
        }
        What::Stop => {
            let nothing = serde_json::json!({});
            let view: LessonView = client.post("/api/lessons/stop", &nothing).await?;
            printer.data(&view, || show::stopped(&view))
        }
    }
}

async fn list(client: &Client, printer: &Printer) -> Result<(), Failure> {
    let lessons: Vec<LessonSummary> = client.get("/api/lessons").await?;
    printer.data(&lessons, || {
        let row = |lesson: &LessonSummary| {
            let state = match lesson {
                LessonSummary { current: true, .. } => "now",
                LessonSummary { done: true, .. } => "done",
                _ => "",
            };
            vec![
                lesson.number.to_string(),
                lesson.id.clone(),
                lesson.title.clone(),
                format!("{} min", lesson.minutes),
                state.to_owned(),
            ]
        };
        printer::table(
            &["", "LESSON", "ABOUT", "TIME", ""],
            lessons.iter().map(row).collect(),
        )
    })
}

/// A file where there is one of this name, or where it can be meant for nothing else.
fn wanted(lesson: &str) -> Result<LessonStart, Failure> {
    let path = Path::new(lesson);
    let is_toml = path
        .extension()
        .is_some_and(|extension| extension == "toml");
    if !is_toml && !path.is_file() {
        return Ok(LessonStart {
            lesson: lesson.to_owned(),
            text: None,
        });
    }
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::new(format!("cannot read {lesson}: {error}")).usage())?;
    Ok(LessonStart {
        lesson: lesson.to_owned(),
        text: Some(text),
    })
}

fn wish(answer: Option<usize>, skip: bool) -> LessonMove {
    LessonMove {
        answer,
        skip,
        wait: u64::try_from(PATIENCE.as_millis()).unwrap_or_default(),
    }
}

/// A lesson of one's own that is wrong is the user's mistake, not the lab's.
fn told(error: ClientError) -> Failure {
    match error {
        ClientError::Refused { status, .. } if status == UNUSABLE => Failure::from(error).usage(),
        error => error.into(),
    }
}

/// Asks for the prediction of the step that has just been shown, where somebody can answer.
async fn predict(client: &Client, view: &LessonView, printer: &Printer) -> Result<(), Failure> {
    let prediction = view.step.as_ref().and_then(|step| step.predict.as_ref());
    let Some(prediction) = prediction else {
        return Ok(());
    };
    if printer.is_json() || !io::stdin().is_terminal() || !io::stderr().is_terminal() {
        return Ok(());
    }
    let last = prediction.choices.len();
    loop {
        printer.draw(&format!("Your prediction, 1 to {last} (Enter for none): "));
        let mut line = String::new();
        if io::stdin().read_line(&mut line)? == 0 || line.trim().is_empty() {
            return Ok(());
        }
        let answer = line.trim().parse().ok();
        if let Some(answer) = answer.filter(|answer| (1..=last).contains(answer)) {
            let wish = LessonMove {
                answer: Some(answer),
                ..LessonMove::default()
            };
            let _: LessonView = client.post("/api/lessons/check", &wish).await?;
            return Ok(());
        }
    }
}
