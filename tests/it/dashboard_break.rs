//! The dashboard's view Break it in a real browser: what it breaks is broken, and undone by a button.

use serde_json::Value;

use crate::eventually;
use crate::faults::{list, load, shop};
use crate::support::browser::{Browser, Page};
use crate::support::dashboard::{assert_fits, opened};
use crate::support::lab::Lab;

fn form(kind: &str) -> String {
    // Its only number, where it has one, and else its only button.
    format!(".kind:has(#break-{kind})")
}

/// Chooses where, by the value of its option, and waits until the page has taken it up.
async fn at(page: &Page, place: &str) {
    page.choose("#break-target", place).await;
    let name = place.rsplit('/').next().unwrap();
    let commands = "[...document.querySelectorAll('.kind .command code')]";
    let named = format!("{commands}.every((one) => one.innerText.includes({name:?}))");
    page.wait_until(&named).await;
}

fn kinds(lab: &Lab) -> Vec<String> {
    let faults = list(lab).into_iter();
    faults
        .map(|fault| fault["kind"].as_str().unwrap().to_owned())
        .collect()
}

fn statuses(lab: &Lab) -> Value {
    load(lab, &[])["statuses"].clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_page_breaks_is_broken_until_its_button_undoes_it() {
    let lab = Lab::start("process", &shop(2));
    let browser = Browser::launch().await;
    let page = opened(&lab, &browser, "break").await;
    page.wait_for_text("main", "Nothing is broken").await;

    at(&page, "ingress/ingress").await;
    page.fill("#break-errors", "100").await;
    page.click(&format!("{} button[type=submit]", form("errors")))
        .await;
    page.wait_for_text(".faults", "Errors").await;
    assert_eq!(kinds(&lab), ["errors"]);
    assert_eq!(
        statuses(&lab)
            .as_object()
            .unwrap()
            .keys()
            .collect::<Vec<_>>(),
        ["503"]
    );

    // What somebody else breaks is shown as well, and the command that the page names is the same.
    let pod = lab.status()["pods"][1]["name"].as_str().unwrap().to_owned();
    at(&page, &format!("pod/{pod}")).await;
    let told = page.texts(".kind .command code").await;
    let freeze = told.iter().find(|line| line.contains("freeze")).unwrap();
    let words: Vec<&str> = freeze.split_whitespace().skip(1).collect();
    lab.ok(&words);
    page.wait_until("document.querySelectorAll('.faults li').length === 2")
        .await;
    assert_eq!(kinds(&lab), ["errors", "freeze"]);

    page.click(".faults li:first-child button").await;
    page.wait_until("document.querySelectorAll('.faults li').length === 1")
        .await;
    assert_eq!(kinds(&lab), ["freeze"]);
    page.click("main > .break > .row > button").await;
    page.wait_for_text("main", "Nothing is broken").await;
    assert!(list(&lab).is_empty());
    eventually!("everything is served again", {
        let told = statuses(&lab);
        let keys: Vec<_> = told.as_object().unwrap().keys().cloned().collect();
        (keys == ["200"]).then_some(())
    });
    assert_eq!(page.errors().await, Vec::<String>::new());
    browser.close().await;
    lab.down();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn things_are_broken_and_undone_without_a_mouse() {
    let lab = Lab::start("process", &shop(1));
    let browser = Browser::launch().await;
    let page = opened(&lab, &browser, "break").await;
    page.tab_to("#break-target").await;
    at(&page, "service/shop").await;
    page.tab_to("#break-delay").await;
    page.fill("#break-delay", "50").await;
    page.press("Enter").await;
    page.wait_for_text(".faults", "Delay 50 ms").await;
    page.tab_to(".faults li button").await;
    page.press("Enter").await;
    page.wait_for_text("main", "Nothing is broken").await;
    assert!(list(&lab).is_empty());
    lab.ok(&[
        "fault", "add", "delay", "shop", "--by", "10ms", "--for", "10m",
    ]);
    page.wait_for(".faults li").await;
    assert_fits(&page, "break", ".faults li").await;
    browser.close().await;
    lab.down();
}
