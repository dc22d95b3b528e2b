//! `lab open`: the dashboard in a browser.

use std::process::{Command, Stdio};

use clap::Args;
use serde::Serialize;

use super::arguments::Global;
use super::printer::{Failure, Printer};
use crate::client::Client;
use crate::model::SessionCode;

/// How it is opened.
#[derive(Debug, Args)]
pub(super) struct OpenArguments {
    /// Print the address instead of starting a browser; it works once, within a minute
    #[arg(long)]
    print: bool,
    /// Which view: path, film, pinning, break, load, state or lessons
    #[arg(default_value = "path")]
    view: String,
}

#[derive(Serialize)]
struct Opened {
    url: String,
    /// The program that was started, if one was.
    browser: Option<&'static str>,
}

pub(super) async fn run(
    arguments: &OpenArguments,
    global: &Global,
    printer: &Printer,
) -> Result<(), Failure> {
    let view = &arguments.view;
    if !VIEWS.contains(&view.as_str()) {
        return Err(Failure::new(format!("there is no view {view:?}"))
            .hint(format!("name one of: {}", VIEWS.join(", ")))
            .usage());
    }
    let client = Client::find(&global.folder()?)?;
    let SessionCode { code } = client.post("/api/session", &serde_json::json!({})).await?;
    let url = format!("http://{}/#/{view}?code={code}", client.address());
    let browser = if arguments.print {
        None
    } else {
        BROWSERS.into_iter().find(|browser| starts(browser, &url))
    };
    let opened = Opened { url, browser };
    printer.data(&opened, || match opened.browser {
        Some(browser) => format!("the dashboard opens by {browser}"),
        None if arguments.print => opened.url.clone(),
        None => format!(
            "no browser could be started here; open this address within a minute:\n{}",
            opened.url
        ),
    })
}

/// The views of the page.
const VIEWS: [&str; 7] = [
    "path", "film", "pinning", "break", "load", "state", "lessons",
];

/// What opens an address on this system, the first that there is.
#[cfg(target_os = "macos")]
const BROWSERS: [&str; 1] = ["open"];
#[cfg(target_os = "windows")]
const BROWSERS: [&str; 1] = ["explorer"];
#[cfg(not(any(target_os = "macos", target_os = "windows")))]
const BROWSERS: [&str; 3] = ["xdg-open", "wslview", "gio"];

fn starts(browser: &str, url: &str) -> bool {
    let mut command = Command::new(browser);
    if browser == "gio" {
        command.arg("open");
    }
    let quiet = command
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    // These start the browser and end; what they say is for nobody.
    quiet.status().is_ok_and(|status| status.success())
}
