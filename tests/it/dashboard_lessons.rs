//! Every lesson in a real browser: what the page says is read there, typed into a shell, and the page
//! lets nobody go on before the lab has seen it.

use std::ops::RangeBounds;

use crate::eventually;
use crate::lessons::Class;
use crate::support::browser::{Browser, Page};
use crate::support::dashboard::{assert_fits, opened};

/// Runs what the page tells to type.
async fn type_commands(class: &Class, page: &Page, lesson: &str) {
    for command in page.texts(".step .commands code").await {
        let output = class.shell(&command);
        let told = String::from_utf8_lossy(&output.stderr);
        // Some are meant to fail, and the lab sees whether they did the right thing.
        assert_ne!(
            output.status.code(),
            Some(127),
            "{lesson}: {command}: {told}"
        );
    }
}

async fn lesson_to_its_end(class: &Class, page: &Page, id: &str) {
    let begun = class.state();
    page.click(&format!("[data-lesson={id}]")).await;
    let steps = class.eventually_started(id).await;
    for number in 1..=steps {
        page.wait_for_text(".step h2", &format!("Step {number} of {steps}"))
            .await;
        assert_eq!(
            page.count("[data-next][disabled]").await,
            1,
            "{id}, step {number}"
        );
        if page.count(".predict input").await > 0 {
            page.click(".predict label:first-of-type input").await;
        }
        let toml = page.texts(".step pre").await;
        if let Some(toml) = toml.first() {
            class.write(toml);
        }
        type_commands(class, page, id).await;
        let mut seen;
        eventually!(format!("{id}, step {number}: {seen:#?}"), {
            seen = class.lesson(&["show"]).step.unwrap().observations;
            seen.iter().all(|one| one.holds).then_some(())
        });
        page.wait_for("[data-next]:not([disabled])").await;
        page.click("[data-next]").await;
        page.wait_for(&format!("[aria-label='Step {number} explained']"))
            .await;
    }
    page.wait_for_text(".step h2", "The lesson is over").await;
    class.write("");
    type_commands(class, page, id).await;
    page.click(".step button.primary").await;
    page.wait_for(".lesson-list").await;
    assert_eq!(class.state(), begun, "{id} leaves something");
}

async fn lessons(numbers: impl RangeBounds<usize>) {
    let class = Class::begin("process");
    let browser = Browser::launch().await;
    let page = opened(&class.lab, &browser, "lessons").await;
    page.wait_for(".lesson-list [data-lesson]").await;
    let ids: Vec<String> = page
        .evaluate(
            "[...document.querySelectorAll('[data-lesson]')].map((one) => one.dataset.lesson)",
        )
        .await;
    let meant = (1..)
        .zip(&ids)
        .filter(|(number, _)| numbers.contains(number));
    let meant: Vec<&String> = meant.map(|(_, id)| id).collect();
    assert!(meant.len() > 5, "{ids:?}");
    for id in &meant {
        lesson_to_its_end(&class, &page, id).await;
    }
    assert_eq!(page.count(".lesson-list .badge.good").await, meant.len());
    assert_eq!(page.errors().await, Vec::<String>::new());
    browser.close().await;
    class.lab.down();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lessons_1_to_6_are_taken_in_the_browser() {
    lessons(1..=6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lessons_7_and_on_are_taken_in_the_browser() {
    lessons(7..).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lesson_is_read_in_every_size_and_begun_without_a_mouse() {
    let class = Class::begin("process");
    let browser = Browser::launch().await;
    let page = opened(&class.lab, &browser, "lessons").await;
    assert_fits(&page, "lessons", "[data-lesson]").await;
    page.tab_to("[data-lesson=grpc-pinning]").await;
    page.press("Enter").await;
    page.wait_for(".predict input").await;
    page.tab_to(".predict input").await;
    page.press(" ").await;
    page.wait_until("document.querySelector('.predict input:checked')")
        .await;
    assert_fits(&page, "lesson", ".predict").await;
    let current = class.lesson(&["show"]);
    assert_eq!(current.step.unwrap().predict.unwrap().answer, Some(1));
    browser.close().await;
    class.lab.down();
}
