//! The console's pages beside the list, in a real browser, with an API that answers by the book.
//!
//! How they work on a lab's real services is for the tests that start a lab.

use serde_json::{Value, json};

use crate::eventually;
use crate::support::browser::{Browser, Page};
use crate::support::mock_api::MockApi;

/// Sizes that people have: a laptop, a projector, a phone.
const SIZES: [(i64, i64); 3] = [(1366, 768), (1920, 1080), (390, 844)];

fn id(name: &str) -> String {
    format!("[data-testid=\"{name}\"]")
}

async fn picture(page: &Page, name: &str) {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    page.screenshot(&folder.join(format!("pages-{name}.png")))
        .await;
}

async fn log_in(page: &Page) {
    page.fill(&id("login-user"), "admin").await;
    page.fill(&id("login-password"), "secret").await;
    page.press("Enter").await;
    page.wait_for(&id("shell")).await;
}

async fn opened(hidden: &[&'static str]) -> (MockApi, Browser, Page) {
    let api = MockApi::without(hidden).await;
    let browser = Browser::launch().await;
    let page = browser.open(&api.url("/"), 1366, 768).await;
    log_in(&page).await;
    page.wait_for(&id("row")).await;
    (api, browser, page)
}

/// What has the focus, as its test id or its element's name.
async fn focused(page: &Page) -> String {
    page.evaluate("document.activeElement.dataset.testid ?? document.activeElement.tagName")
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn searches_become_conditions_and_the_overview_leads_to_lists() {
    let (api, browser, page) = opened(&[]).await;
    let last_query = || api.asked("/inventory/cloud-service/list").pop().unwrap()["query"].clone();

    page.fill(
        &id("search"),
        "web provider:aws data.compute.core:>2 name:!test,demo",
    )
    .await;
    let conditions = json!([
        {"k": "provider", "v": "aws", "o": "contain"},
        {"k": "data.compute.core", "v": 2, "o": "gt"},
        {"k": "name", "v": ["test", "demo"], "o": "not_contain_in"},
    ]);
    eventually!(
        "the conditions",
        (last_query()["filter"] == conditions).then_some(())
    );
    assert_eq!(last_query()["keyword"], "web");
    assert_eq!(page.texts(&id("chip")).await.len(), 4);
    assert!(page.address().await.contains("q=web"));

    // What cannot be understood is said, and the list stays as it is.
    let before = api.asked("/inventory/cloud-service/list").len();
    for (text, complaint) in [
        ("colour:red", "no field"),
        ("name:", "needs a value"),
        ("name:>3", "is text"),
        ("size:many", "number"),
        ("created:soon", "date"),
        ("name:\"open", "not closed"),
    ] {
        page.fill(&id("search"), text).await;
        page.wait_for_text(&id("search-complaint"), complaint).await;
    }
    assert_eq!(api.asked("/inventory/cloud-service/list").len(), before);
    page.click(&id("search-help")).await;
    page.wait_for_text(&id("search-help-text"), "data.compute.core:>4")
        .await;
    page.press("Escape").await;
    assert_eq!(focused(&page).await, "search-help");
    page.click(&id("clear-filters")).await;
    eventually!(
        "no conditions",
        (last_query()["filter"] == json!([])).then_some(())
    );

    // Detail: data as a tree, and who collected it.
    page.click(&id("row-name")).await;
    page.wait_for_text(&id("detail-collection"), "sample").await;
    page.click(&id("tab-data")).await;
    page.wait_for_text(&id("detail-tree"), "core").await;

    page.click(&id("nav-overview")).await;
    page.wait_for_text(&id("figure-resources"), "5").await;
    assert_eq!(focused(&page).await, "H1");
    assert_eq!(
        page.evaluate::<String>("document.title").await,
        "Overview – Cloudforet console"
    );
    picture(&page, "overview").await;
    page.click(&id("region-us-east-1")).await;
    page.wait_for(&id("row")).await;
    assert!(
        page.address()
            .await
            .contains("provider=aws&region=us-east-1")
    );
    let region = json!({"k": "region_code", "v": ["us-east-1"], "o": "in"});
    eventually!(
        "the region",
        last_query()["filter"]
            .as_array()
            .unwrap()
            .contains(&region)
            .then_some(())
    );
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn workspaces_are_switched_and_made() {
    let (api, browser, page) = opened(&[]).await;
    assert_eq!(page.count(&id("row")).await, 5);
    page.click(&id("workspace-button")).await;
    page.press("ArrowDown").await;
    assert_eq!(focused(&page).await, "workspace-Second");
    page.press("Enter").await;
    page.wait_for_text(&id("workspace-button"), "Second").await;
    eventually!(
        "its rows",
        (page.count(&id("row")).await == 2).then_some(())
    );
    let granted = api.asked("/identity/token/grant").pop().unwrap();
    assert_eq!(
        (&granted["scope"], &granted["workspace_id"]),
        (&json!("WORKSPACE"), &json!("workspace-2"))
    );

    // It is still the one after the page was loaded again.
    page.goto(&api.url("/workspaces")).await;
    page.wait_for(&id("workspace-row")).await;
    page.wait_for_text(&id("workspace-button"), "Second").await;
    page.click(&id("workspace-create")).await;
    page.click(&id("workspace-save")).await;
    page.wait_for_text(&id("workspace-dialog"), "Enter a name")
        .await;
    page.fill(&id("workspace-name"), "Third").await;
    page.click(&id("workspace-save")).await;
    page.wait_for_text(&id("workspaces-total"), "3").await;
    let domain = api
        .asked("/identity/token/grant")
        .into_iter()
        .any(|grant| grant["scope"] == "DOMAIN");
    assert!(domain, "made with a token for the domain");
    page.click(&id("enter-Third")).await;
    page.wait_for_text(&id("workspace-button"), "Third").await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_collector_is_made_changed_run_and_deleted() {
    let (api, browser, page) = opened(&[]).await;
    page.click(&id("nav-collectors")).await;
    page.wait_for(&id("collector-row")).await;

    // The only plugin is chosen already, with a form for its options.
    page.click(&id("collector-create")).await;
    page.fill(&id("collector-input-name"), "nightly").await;
    page.fill(&id("option-count"), "none").await;
    page.click(&id("collector-enabled")).await;
    page.click(&id("hour-3")).await;
    page.click(&id("hour-0")).await;
    page.click(&id("collector-save")).await;
    page.wait_for_text(&id("complaint-option count"), "number")
        .await;
    page.fill(&id("option-count"), "250").await;
    picture(&page, "collector-dialog").await;
    page.click(&id("collector-save")).await;
    page.wait_for_text(&id("collector-name"), "nightly").await;
    let made = api.asked("/inventory/collector/create").pop().unwrap();
    assert_eq!(made["schedule"], json!({"state": "ENABLED", "hours": [3]}));
    assert_eq!(made["plugin_info"]["options"], json!({"count": 250}));
    assert_eq!(
        (&made["resource_group"], &made["workspace_id"]),
        (&json!("WORKSPACE"), &json!("workspace-1"))
    );
    page.wait_for_text(&id("collector-schedule"), "03:00").await;

    // Its job moves while somebody looks, and its end is told in words.
    page.click(&id("collect-nightly")).await;
    page.wait_for_text(&id("job-status"), "In progress").await;
    page.wait_for_text(&id("job-said"), "tasks done").await;
    page.wait_for_text(&id("job-status"), "Failure").await;
    page.wait_for_text(
        &id("task-errors"),
        "The plugin failed: the cloud said no × 2",
    )
    .await;
    eventually!("said aloud", {
        let said: String = page
            .evaluate("document.querySelector('[data-testid=job-said]').textContent")
            .await;
        said.contains("1 of 3 tasks failed").then_some(())
    });
    assert!(
        page.text(&id("tasks")).await.contains("14"),
        "counts are summed up"
    );
    let bar: Vec<String> = page
        .evaluate("['aria-valuenow', 'aria-valuemax'].map((name) => document.querySelector('[role=progressbar]').getAttribute(name))")
        .await;
    assert_eq!(bar, ["3", "3"]);
    picture(&page, "job").await;
    let looks = api.asked("/inventory/job/get").len();

    // Options as JSON; the schedule alone needs no second method.
    page.click(&id("collector-edit")).await;
    page.click(&id("options-json")).await;
    page.fill(&id("collector-options-json"), "{oops").await;
    page.click(&id("collector-save")).await;
    page.wait_for_text(&id("complaint-options"), "Not valid JSON")
        .await;
    page.fill(
        &id("collector-options-json"),
        r#"{"count": 9, "other": [1]}"#,
    )
    .await;
    page.click(&id("collector-save")).await;
    page.wait_for_text(&id("collector-options"), "other").await;
    let changed = api.asked("/inventory/collector/update-plugin");
    assert_eq!(
        changed.last().unwrap()["options"],
        json!({"count": 9, "other": [1]})
    );
    page.click(&id("collector-edit")).await;
    page.click(&id("collector-enabled")).await;
    page.click(&id("collector-save")).await;
    page.wait_for_text(&id("collector-schedule"), "Off").await;
    assert_eq!(
        api.asked("/inventory/collector/update-plugin").len(),
        changed.len()
    );
    assert_eq!(
        api.asked("/inventory/job/get").len(),
        looks,
        "a job that is over is left alone"
    );

    page.click(&id("collector-delete")).await;
    page.wait_for_text(&id("confirm-dialog"), "nightly").await;
    page.click(&id("confirm-delete")).await;
    page.wait_until("document.querySelectorAll('[data-testid=collector-row]').length === 1")
        .await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn costs_are_drawn_told_and_synchronised() {
    let (api, browser, page) = opened(&[]).await;
    page.click(&id("nav-costs")).await;
    page.wait_for(&id("chart")).await;
    let asked = |_: &str| api.asked("/cost-analysis/cost/analyze").pop().unwrap()["query"].clone();
    assert_eq!(asked("")["granularity"], "MONTHLY");
    // Seven groups and one for the rest, and all of it in the table too.
    assert_eq!(
        page.count(&format!("{} tbody tr", id("cost-table"))).await,
        8
    );
    assert!(page.text(&id("legend")).await.contains("3 others"));
    assert!(page.text(&id("legend")).await.contains("$1,100.00"));

    // The arrow keys go from bar to bar, and what a bar holds is said.
    page.tab_to(&id("chart")).await;
    page.press("Home").await;
    eventually!("the first bar", {
        page.text(&id("legend"))
            .await
            .contains("$550.00")
            .then_some(())
    });
    page.press("ArrowRight").await;
    page.wait_for_text(&id("legend"), "$0.00").await;
    picture(&page, "costs").await;

    page.choose(&id("cost-by"), "provider").await;
    eventually!(
        "by provider",
        (asked("")["group_by"] == json!(["provider"])).then_some(())
    );
    page.click(&id("cost-daily")).await;
    eventually!("daily", (asked("")["granularity"] == "DAILY").then_some(()));
    page.click(&id("cost-before")).await;
    page.wait_until("/period=\\d{4}-\\d\\d/.test(location.search)")
        .await;
    let link = page.address().await;
    page.goto(&api.url(&link)).await;
    page.wait_for(&id("chart")).await;
    let again: Value = asked("");
    assert!(link.contains(again["start"].as_str().unwrap().get(..7).unwrap()));

    page.click(&id("cost-sync")).await;
    page.wait_for_text(&id("sync-said"), "is synchronised")
        .await;
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_api_does_not_offer_is_not_shown() {
    let (_api, browser, page) = opened(&[
        "/inventory/collector",
        "/inventory/job",
        "/cost-analysis",
        "/repository",
        "/identity/workspace",
        "/inventory/cloud-service/create",
    ])
    .await;
    for missing in [
        "nav-collectors",
        "nav-costs",
        "nav-workspaces",
        "create-button",
    ] {
        assert_eq!(page.count(&id(missing)).await, 0, "{missing}");
    }
    page.click(&id("workspace-button")).await;
    page.wait_for(&id("workspace-First")).await;
    assert_eq!(page.count(&id("workspace-all")).await, 0);
    browser.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn somebody_works_with_the_keyboard_alone() {
    let (api, browser, page) = opened(&[]).await;
    page.tab_to(&id("nav-collectors")).await;
    page.press("Enter").await;
    page.wait_for(&id("collector-row")).await;
    // Reading starts at the heading of the new page.
    eventually!("the heading", (focused(&page).await == "H1").then_some(()));
    page.tab_to(&id("collector-sample")).await;
    page.press("Enter").await;
    page.wait_for_text(&id("collector-name"), "sample").await;
    page.tab_to(&id("collect-sample")).await;
    page.press("Enter").await;
    page.wait_for_text(&id("job-status"), "Failure").await;
    page.tab_to(&id("collector-edit")).await;
    page.press("Enter").await;
    page.wait_for(&id("collector-dialog")).await;
    page.press("Escape").await;
    page.wait_gone(&id("collector-dialog")).await;
    eventually!(
        "where it was opened",
        (focused(&page).await == "collector-edit").then_some(())
    );
    assert!(api.asked("/inventory/collector/update").is_empty());

    // Every control has a name, every field a label, and there is one main part.
    for path in [
        "/inventory/overview",
        "/inventory/resources",
        "/inventory/collectors",
        "/inventory/collectors?id=collector-1",
        "/costs",
        "/workspaces",
    ] {
        page.goto(&api.url(path)).await;
        page.wait_until("document.querySelector('main')?.getAttribute('aria-busy') === 'false'")
            .await;
        let nameless: Vec<String> = page
            .evaluate(
                "[...document.querySelectorAll('button, a, input, select, textarea')].filter((one) => !(
                   one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length)).map((one) => one.outerHTML)",
            )
            .await;
        assert_eq!(nameless, Vec::<String>::new(), "{path}");
        assert_eq!(page.count("main").await, 1, "{path}");
        assert_eq!(page.count("h1").await, 1, "{path}");
        for (width, height) in SIZES {
            page.resize(width, height).await;
            let overflow =
                "document.documentElement.scrollWidth > document.documentElement.clientWidth";
            assert!(!page.evaluate::<bool>(overflow).await, "{path} at {width}");
        }
        page.resize(1366, 768).await;
    }
    browser.close().await;
}
