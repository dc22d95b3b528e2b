//! A film as a tree in the terminal, hop by hop, in plain words.
//!
//! Load balancer, ingress and the first pod stand below one another, because they are the way in;
//! from there on each call stands below the hop that made it. Pure: the same film and style give
//! the same text.

use crate::model::{Event, Film, Hop, Span, SpanKind};

use super::fold::{Shown, fold, more};
use super::style::{Paint, Style};
use super::tree::{Branch, Line, draw, draw_line};
use super::words::{age, clean, count, duration, shorten, value};

/// Characters of a MongoDB command that are shown.
const COMMAND: usize = 160;

/// The film as text. `request` is what was asked for, as the user knows it; without it the first
/// hop's own words are used.
pub fn render(film: &Film, request: Option<&str>, style: Style) -> String {
    let screen = Screen { film, style };
    let mut text = draw_line(&screen.title(request), style);
    if let Some(line) = screen.afterwards() {
        text.push_str(&draw_line(&line, style));
    }
    let mut branches = Vec::new();
    for hop in &film.hops {
        screen.way_in(hop, &mut branches);
    }
    text.push_str(&draw(&branches, style));
    for line in screen.doubts() {
        text.push_str(&draw_line(&line, style));
    }
    text
}

/// What every line may refer to.
pub(super) struct Screen<'a> {
    pub(super) film: &'a Film,
    pub(super) style: Style,
}

impl Screen<'_> {
    fn title(&self, request: Option<&str>) -> Line {
        let film = self.film;
        let line = Line::new()
            .with(Paint::Strong, clean(request.unwrap_or(&film.name)))
            .plain(format!(" {} ", self.style.arrow()))
            .with(outcome(&film.status), clean(&film.status))
            .plain(format!(" in {}", duration(film.duration)));
        line.dim(format!("   trace {}", film.trace))
    }

    /// When the work was done that the request had put into a queue.
    fn afterwards(&self) -> Option<Line> {
        let workers = |span: &&Span| span.kind == SpanKind::Worker;
        let last = self.film.spans().filter(workers).map(Span::end).max()?;
        let after = last.saturating_sub(self.film.started);
        let text = format!(
            "what it put into a queue was done {} after it came",
            duration(after)
        );
        Some(Line::new().plain(text))
    }

    /// Tasks of this request of which nobody has told that they are done.
    fn undone(&self) -> u64 {
        let undone = |hop: &Hop| {
            let span = hop.span().filter(|span| span.name.starts_with("RPUSH "))?;
            let workers = hop.children.iter().filter_map(Hop::span);
            let done = workers.filter(|span| span.kind == SpanKind::Worker).count();
            let put = span.number("tasks").unwrap_or(1);
            Some(put.saturating_sub(u64::try_from(done).unwrap_or(u64::MAX)))
        };
        self.film.walk().filter_map(undone).sum()
    }

    fn doubts(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        let mut doubt = |text: String| lines.push(Line::new().with(Paint::Warning, text));
        if !self.film.settled {
            doubt("The film may not be complete: some hops have not told yet.".into());
        }
        let undone = self.undone();
        if undone > 0 {
            let tasks = count(usize::try_from(undone).unwrap_or(usize::MAX), "task");
            doubt(format!(
                "Not done yet: {tasks} in the queue. To look again: lab trace --id {}",
                self.film.trace
            ));
        }
        if self.film.left_out > 0 {
            doubt(format!(
                "{} more found no room in this film.",
                count(
                    usize::try_from(self.film.left_out).unwrap_or(usize::MAX),
                    "hop"
                )
            ));
        }
        lines
    }

    /// The hops before the first pod become siblings, so that the tree begins where calls fan out.
    fn way_in(&self, hop: &Hop, branches: &mut Vec<Branch>) {
        let kind = hop.span().map(|span| span.kind);
        if matches!(kind, Some(SpanKind::LoadBalancer | SpanKind::Ingress)) {
            branches.push(self.alone(hop));
            for child in &hop.children {
                self.way_in(child, branches);
            }
        } else {
            branches.push(self.branch(hop));
        }
    }

    fn branch(&self, hop: &Hop) -> Branch {
        let mut branch = self.alone(hop);
        let shown = fold(&hop.children).into_iter();
        branch.children = shown
            .map(|shown| match shown {
                Shown::Whole(child) => self.branch(child),
                Shown::More(spans) => more(&spans),
            })
            .collect();
        branch
    }

    fn alone(&self, hop: &Hop) -> Branch {
        let mut branch = match &hop.what {
            Event::Span(span) => self.span(span, hop),
            Event::Connection(connection) => self.connection(connection, hop),
        };
        if let Some(note) = &hop.note {
            let paint = if hop.joined {
                Paint::Dim
            } else {
                Paint::Warning
            };
            branch.details.push(Line::new().with(paint, clean(note)));
        } else if !hop.joined {
            branch.details.push(Line::new().with(
                Paint::Warning,
                "placed here by its parent's id; no address proves it",
            ));
        }
        branch
    }

    fn span(&self, span: &Span, hop: &Hop) -> Branch {
        match span.kind {
            SpanKind::LoadBalancer => self.load_balancer(span),
            SpanKind::Ingress => self.ingress(span),
            SpanKind::HttpServer | SpanKind::GrpcServer | SpanKind::MongoServer => served(span),
            SpanKind::Worker => worked(span),
            SpanKind::GrpcClient => self.grpc_call(span, hop),
            SpanKind::MongoClient => mongo_call(span),
            SpanKind::RedisClient => redis_call(span),
        }
    }

    fn grpc_call(&self, span: &Span, hop: &Hop) -> Branch {
        let called = match (attribute(span, "service"), attribute(span, "method")) {
            (Some(service), Some(method)) if !method.contains('/') => format!("{service}/{method}"),
            (_, Some(method)) => method,
            _ => clean(&span.name),
        };
        let mut details = Vec::new();
        // With the connection below, its own line says when it was drawn.
        if let Some(at) = span.number("connected_at")
            && !hop
                .children
                .iter()
                .any(|child| child.connection().is_some())
        {
            details.push(Line::new().plain(format!("channel opened {}", self.when(at))));
        }
        Branch {
            head: Line::new()
                .plain("gRPC ")
                .with(Paint::Strong, called)
                .plain("   ")
                .with(outcome(&span.status), clean(&span.status))
                .plain(format!("   {}", duration(span.duration))),
            details,
            ..Branch::default()
        }
    }

    /// A moment relative to the request, which is what matters about a connection.
    pub(super) fn when(&self, moment: u64) -> String {
        let started = self.film.started;
        if moment < started {
            format!("{} before this request", age(started - moment))
        } else {
            format!("for this request, {} into it", duration(moment - started))
        }
    }
}

/// A pod that answered.
fn served(span: &Span) -> Branch {
    let head = Line::new()
        .with(Paint::Strong, clean(&span.source))
        .plain(format!("   {}   ", clean(&span.name)))
        .with(outcome(&span.status), clean(&span.status))
        .plain(format!("   {}", duration(span.duration)));
    Branch {
        head,
        ..Branch::default()
    }
}

/// A worker that did a task.
fn worked(span: &Span) -> Branch {
    let mut branch = served(span);
    let named = |name, words: &str| {
        let value = attribute(span, name)?;
        Some(format!("{words} {value}"))
    };
    let about = [
        named("collector_id", "collector"),
        named("job_task_id", "job task"),
        named("sub_task", "part"),
    ];
    let about: Vec<String> = about.into_iter().flatten().collect();
    if !about.is_empty() {
        branch.details.push(Line::new().dim(about.join(", ")));
    }
    branch
}

fn mongo_call(span: &Span) -> Branch {
    let mut head = Line::new()
        .plain("MongoDB ")
        .with(Paint::Strong, clean(&span.name))
        .plain("   ")
        .with(outcome(&span.status), clean(&span.status))
        .plain(format!("   {}", duration(span.duration)));
    let returned = span.number("documents").or_else(|| span.number("n"));
    if let Some(documents) = returned {
        let documents = usize::try_from(documents).unwrap_or(usize::MAX);
        head = head.dim(format!("   {}", count(documents, "document")));
    }
    let command = attribute_json(span, "command");
    Branch {
        head,
        details: command
            .into_iter()
            .map(|command| Line::new().dim(shorten(&command, COMMAND)))
            .collect(),
        ..Branch::default()
    }
}

fn redis_call(span: &Span) -> Branch {
    let head = Line::new()
        .plain("Redis ")
        .with(Paint::Strong, clean(&span.name))
        .plain("   ")
        .with(outcome(&span.status), clean(&span.status))
        .plain(format!("   {}", duration(span.duration)));
    Branch {
        head,
        ..Branch::default()
    }
}

/// An attribute that is JSON, whether it came as such or as text.
fn attribute_json(span: &Span, name: &str) -> Option<String> {
    let found = span.attributes.get(name)?;
    Some(found.as_str().map_or_else(|| found.to_string(), clean))
}

/// An attribute in words.
pub(super) fn attribute(span: &Span, name: &str) -> Option<String> {
    let text = value(span.attributes.get(name)?);
    (!text.is_empty()).then_some(text)
}

/// What a status means, whatever the protocol calls it.
pub(super) fn outcome(status: &str) -> Paint {
    match status.as_bytes() {
        [b'1' | b'2', _, _] | b"OK" | b"ok" => Paint::Good,
        [b'3' | b'4', _, _] => Paint::Warning,
        b"" => Paint::Plain,
        _ => Paint::Bad,
    }
}
