//! `lab route URL`: which rule would serve a request. Nothing is sent.

use clap::Args;

use super::arguments::Global;
use super::paragraphs::labelled;
use super::printer::{Failure, Printer};
use crate::client::Client;
use crate::model::{RuleAnswer, RuleName, RuleQuestion};

/// The request that is thought of.
#[derive(Debug, Args)]
#[command(
    after_help = "Nothing is sent: the table that the ingress uses is asked. \
                        `lab trace URL` sends the request and shows its way."
)]
pub(super) struct RouteArguments {
    /// The request's URL; without a scheme it is https, and a port does not matter
    url: String,
    /// The method
    #[arg(short = 'X', long, default_value = "GET")]
    method: String,
    /// A header, 'name: value'; may be given several times
    #[arg(short = 'H', long = "header", value_name = "HEADER")]
    headers: Vec<String>,
}

pub(super) async fn run(
    arguments: &RouteArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let question = RuleQuestion {
        url: arguments.url.clone(),
        method: arguments.method.clone(),
        header: arguments.headers.join("\n"),
    };
    let answer = Client::find(&global.folder()?)?.route(&question).await?;
    printer.data(&answer, || text(&answer, &arguments.method))
}

fn text(answer: &RuleAnswer, method: &str) -> String {
    let over = if answer.tls {
        "over TLS"
    } else {
        "in clear text"
    };
    let mut lines = vec![labelled(
        "asked  ",
        &format!("{method} {}{} {over}", answer.host, answer.path),
        0,
    )];
    let winner = answer.winner.as_ref().map_or_else(|| "none".into(), rule);
    lines.push(labelled("rule   ", &winner, 0));
    lines.push(labelled("why    ", &answer.why, 0));
    lines.push(labelled("then   ", &answer.outcome, 0));
    for to in &answer.goes_to {
        let share = match answer.goes_to.len() {
            1 => String::new(),
            _ => format!(" gets {:.0} %", to.share),
        };
        let endpoints = if to.endpoints.is_empty() {
            "nobody is ready".to_owned()
        } else {
            to.endpoints.join(", ")
        };
        let service = format!("{}:{}{share}: {endpoints}", to.service, to.port);
        lines.push(labelled("to     ", &service, 0));
    }
    if !answer.losers.is_empty() {
        lines.push("\nnot these, in the order in which they are tried:".to_owned());
    }
    for loser in &answer.losers {
        lines.push(labelled("- ", &rule(&loser.rule), 0));
        lines.push(labelled("", &loser.reason, 4));
    }
    lines.join("\n")
}

fn rule(rule: &RuleName) -> String {
    let RuleName {
        route,
        ingress,
        priority,
    } = rule;
    format!("{route} of {ingress}, priority {priority}")
}
