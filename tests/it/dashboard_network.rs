//! The network of the machine changes while a page loads, as it does when containers come and go: the
//! browser drops what is on its way.

use crate::support::browser::Browser;
use crate::support::dashboard::opened_after;
use crate::support::lab::Lab;

#[tokio::test(flavor = "multi_thread")]
async fn a_page_without_all_of_its_files_loads_again() {
    let lab = Lab::start("process", "");
    let browser = Browser::launch().await;
    for part in ["*://*:*/js/api.js", "*://*:*/css/state.css"] {
        let page = browser.open("about:blank", 1366, 768).await;
        page.block(&[part]).await;
        page.goto(lab.ok(&["open", "--print", "state"]).trim())
            .await;
        page.wait_until("wentWrong.some((one) => one.endsWith('did not load'))")
            .await;
        page.block(&[]).await;
        page.wait_for("[data-connection=live]").await;
        page.wait_until("wentWrong.length === 0").await;
    }
    browser.close().await;
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_dropped_is_sent_again() {
    const DROPPED: &str = "const whole = window.fetch; const dropped = new Map();
        window.fetch = (path, request) => {
          const times = dropped.get(path) ?? 0;
          dropped.set(path, times + 1);
          return times < 2 ? Promise.reject(new TypeError('Failed to fetch')) : whole(path, request);
        };";
    let lab = Lab::start("process", "");
    let browser = Browser::launch().await;
    let page = opened_after(&lab, &browser, "lessons", DROPPED).await;
    page.wait_for_text("main", "What a ClusterIP is not").await;
    assert_eq!(page.count(".toast").await, 0);
    browser.close().await;
    lab.down();
}
