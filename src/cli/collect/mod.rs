//! `lab collect NAME`: runs a collector as the console's button does, and tells what came of it.

mod job;
mod progress;
mod tables;

use std::time::Duration;

use clap::Args;
use serde::Serialize;
use serde_json::{Value, json};

use super::arguments::Global;
use super::printer::{Failure, Printer};
use super::trace::{LabAddress, Session, client_config};
use crate::client::Client;
use crate::config;
use crate::model::{SpanId, TraceId, Traceparent};
use job::{Job, Task};
use progress::Progress;

/// Between two looks at a job: what an eye takes for "at once", and little work for the lab.
const PAUSE: Duration = Duration::from_millis(300);

/// What to collect.
#[derive(Debug, Args)]
pub(super) struct CollectArguments {
    /// Name of a collector, or of a plugin that one collector has
    #[arg(value_name = "NAME")]
    collector: String,
    /// Return as soon as the job has begun
    #[arg(long)]
    no_wait: bool,
}

/// What is printed.
#[derive(Debug, Serialize)]
pub(super) struct Collected {
    collector: String,
    /// Of the film.
    trace_id: TraceId,
    job: Job,
    tasks: Vec<Task>,
}

pub(super) async fn run(
    arguments: &CollectArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let client = Client::find(&global.folder()?)?;
    let status = client.status().await?;
    if status.login.is_none() {
        return Err(Failure::new("this lab has no collectors")
            .hint("they are part of Cloudforet: write enabled = true into [cloudforet]"));
    }
    let status = serde_json::to_value(status).map_err(|error| Failure::from_error(&error))?;
    let lab = LabAddress::from_status(&status)?;
    let mut session = Session::open(&lab, &client_config(&lab.ca_certificate, false)?).await?;
    session.log_in(&lab.login).await?;
    let collectors = session
        .call("/inventory/collector/list", &json!({}), None)
        .await?;
    let collector = find(&collectors, &arguments.collector)?;
    let traceparent = Traceparent {
        trace: TraceId::from_random(fastrand::u128(..)),
        parent: SpanId::from_random(fastrand::u64(..)),
        sampled: true,
    };
    let wish = json!({"collector_id": collector["collector_id"]});
    let begun = session
        .call("/inventory/collector/collect", &wish, Some(traceparent))
        .await?;
    let mut collected = Collected {
        collector: text(&collector, "name").to_owned(),
        trace_id: traceparent.trace,
        job: Job::read(&begun),
        tasks: Vec::new(),
    };
    if !arguments.no_wait {
        follow(&mut session, &mut collected, printer).await?;
    }
    printer.data(&collected, || tables::collected(&collected))?;
    printer.note(&format!("its film: lab trace {}", collected.trace_id));
    let job = &collected.job;
    if job.runs() || job.succeeded() {
        return Ok(());
    }
    Err(Failure::new(format!(
        "job {} of {} ended as {}",
        job.job_id, collected.collector, job.status
    ))
    .hint("see why with: lab logs inventory-worker"))
}

/// Looks at the job until it has ended.
async fn follow(
    session: &mut Session,
    collected: &mut Collected,
    printer: &Printer,
) -> Result<(), Failure> {
    let of_job = json!({"job_id": collected.job.job_id});
    let mut progress = Progress::new(printer);
    loop {
        // The job first: when it has ended, so have all of its tasks.
        let job = session.call("/inventory/job/get", &of_job, None).await?;
        collected.job = Job::read(&job);
        let tasks = session
            .call("/inventory/job-task/list", &of_job, None)
            .await?;
        collected.tasks = results(&tasks).iter().map(Task::read).collect();
        progress.show(&collected.job, &collected.tasks);
        if !collected.job.runs() {
            progress.end();
            return Ok(());
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// The collector that is meant: by its own name or id, else by that of its plugin.
fn find(collectors: &Value, name: &str) -> Result<Value, Failure> {
    let all = results(collectors);
    let own = |found: &&Value| [text(found, "name"), text(found, "collector_id")].contains(&name);
    if let Some(found) = all.iter().find(own) {
        return Ok(found.clone());
    }
    let plugin = |found: &Value| {
        let id = found.pointer("/plugin_info/plugin_id");
        id.and_then(Value::as_str).unwrap_or_default().to_owned()
    };
    let of_plugin: Vec<&Value> = all
        .iter()
        .filter(|found| [name, &format!("plugin-{name}")].contains(&&*plugin(found)))
        .collect();
    let names = |of: &[&Value]| {
        let names = of.iter().map(|found| text(found, "name").to_owned());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    };
    match of_plugin.as_slice() {
        [found] => Ok((*found).clone()),
        [] => {
            let known = names(&all.iter().collect::<Vec<_>>());
            let failure = if known.is_empty() {
                Failure::new(format!("there is no collector {name:?}, and no other one"))
            } else {
                let known = known.join(", ");
                Failure::new(format!("there is no collector {name:?}; there is {known}"))
            };
            Err(
                match config::nearest(name, known.iter().map(String::as_str)) {
                    Some(near) => failure.hint(format!("did you mean {near}?")),
                    None => failure,
                },
            )
        }
        several => {
            let names = names(several).join(", ");
            Err(Failure::new(format!(
                "several collectors have the plugin {name:?}: {names}"
            ))
            .hint("name one of them"))
        }
    }
}

/// `results` of a list.
fn results(list: &Value) -> &[Value] {
    let results = list.get("results").and_then(Value::as_array);
    results.map_or(&[], Vec::as_slice)
}

/// A text, empty where there is none.
fn text<'v>(object: &'v Value, key: &str) -> &'v str {
    object.get(key).and_then(Value::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collector_is_found_by_its_name_before_its_plugin() {
        let collector = |name: &str, plugin: &str| {
            json!({
                "collector_id": format!("collector-{name}"),
                "name": name,
                "plugin_info": {"plugin_id": plugin},
            })
        };
        let list = json!({"results": [
            collector("aws", "plugin-sample-cloud"),
            collector("azure", "plugin-sample-cloud"),
            collector("my machine", "plugin-host"),
            collector("plugin-sample-cloud", "plugin-other"),
        ]});
        let found = |name: &str| find(&list, name).map(|found| text(&found, "name").to_owned());
        assert_eq!(found("aws").unwrap(), "aws");
        assert_eq!(found("collector-azure").unwrap(), "azure");
        assert_eq!(found("host").unwrap(), "my machine");
        assert_eq!(found("plugin-host").unwrap(), "my machine");
        assert_eq!(found("plugin-sample-cloud").unwrap(), "plugin-sample-cloud");
        let several = found("sample-cloud").unwrap_err().to_string();
        assert!(several.ends_with(": aws, azure"), "{several}");
        let none = found("azur").unwrap_err().to_string();
        assert!(none.contains("there is aws, azure, my machine"), "{none}");
        let none = find(&json!({}), "x").unwrap_err().to_string();
        assert!(none.ends_with("no other one"), "{none}");
    }
}
