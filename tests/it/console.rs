//! The console in a real browser, on a lab that was started through the released binary.

use crate::eventually;
use crate::support::browser::{Browser, Page};
use crate::support::lab::Lab;

/// Pictures to look at after a run.
async fn picture(page: &Page, name: &str) {
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR"));
    page.screenshot(&folder.join(format!("console-{name}.png")))
        .await;
}

/// A selector for the elements that tests name.
fn id(name: &str) -> String {
    format!("[data-testid=\"{name}\"]")
}

async fn log_in(page: &Page) {
    page.wait_for_text(&id("login-domain"), "spaceone").await;
    page.fill(&id("login-user"), "admin").await;
    page.fill(&id("login-password"), "Admin123!@#").await;
    page.click(&id("login-submit")).await;
    page.wait_for(&id("row")).await;
}

async fn total(page: &Page) -> usize {
    page.wait_until("document.querySelector('main').getAttribute('aria-busy') === 'false'")
        .await;
    page.text(&id("total"))
        .await
        .replace(',', "")
        .parse()
        .unwrap_or(0)
}

async fn wait_for_total(page: &Page, wanted: usize) {
    eventually!(
        format!("a total of {wanted}"),
        (total(page).await == wanted).then_some(())
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_person_works_with_the_inventory_in_chromium() {
    let lab = Lab::start("process", "");
    let status = lab.status();
    let console = status["urls"]["console"].as_str().unwrap();
    let console = console.trim_end_matches('/');
    let ca = std::path::PathBuf::from(status["ca_certificate"].as_str().unwrap());
    let browser = Browser::launch_trusting(&ca).await;
    let page = browser.open(console, 1366, 768).await;

    // A wrong password is told, and nothing else happens.
    page.fill(&id("login-user"), "admin").await;
    page.fill(&id("login-password"), "wrong").await;
    page.click(&id("login-submit")).await;
    page.wait_for_text(&id("login-error"), "wrong").await;
    log_in(&page).await;
    let all = total(&page).await;
    assert!(all > 100, "sample data is there: {all}");

    picture(&page, "list").await;
    page_and_sort(&page).await;
    filter(&page, console, all).await;
    create(&page, all).await;
    rename_and_delete(&page).await;
    keep_working_while_it_scales(&page, &lab, all).await;
    see_who_answered(&page, &lab, console).await;

    // On a phone, rows are cards and the sidebar is a drawer.
    page.resize(390, 844).await;
    page.click(&id("sidebar-button")).await;
    page.click(&id("nav-servers")).await;
    page.wait_for_text("h1", "Servers").await;
    page.wait_for(&id("row")).await;
    picture(&page, "phone").await;
    page.prefer_colours("dark").await;
    page.resize(1920, 1080).await;
    picture(&page, "wide-dark").await;
    page.prefer_colours("light").await;
    page.resize(390, 844).await;
    let overflow = "document.documentElement.scrollWidth > document.documentElement.clientWidth";
    assert!(!page.evaluate::<bool>(overflow).await);
    page.resize(1366, 768).await;

    // Logged out for good, too.
    page.click(&id("user-button")).await;
    page.click(&id("logout")).await;
    page.wait_for(&id("login-page")).await;
    page.goto(console).await;
    page.wait_for(&id("login-submit")).await;

    browser.close().await;
    lab.down();
}

async fn page_and_sort(page: &Page) {
    assert_eq!(page.count(&id("row")).await, 25);
    let first = page.text(&id("row")).await;
    page.click(&id("page-next")).await;
    page.wait_for_text(&id("page-info"), "26–50").await;
    eventually!(
        "other rows",
        (page.text(&id("row")).await != first).then_some(())
    );
    assert!(page.address().await.contains("page=2"));
    page.choose(&id("page-size"), "10").await;
    page.wait_for_text(&id("page-info"), "1–10").await;
    eventually!(
        "ten rows",
        (page.count(&id("row")).await == 10).then_some(())
    );

    // Sorted by name, both ways.
    for (click, descending) in [(1, false), (2, true)] {
        page.click(&id("sort-name")).await;
        eventually!(format!("sorted, click {click}"), {
            let names = page.texts(&id("row-name")).await;
            let mut sorted = names.clone();
            sorted.sort();
            if descending {
                sorted.reverse();
            }
            (names.len() == 10 && names == sorted && names.first() != names.last()).then_some(())
        });
    }
}

/// The link says which filters are in force.
async fn filter(page: &Page, console: &str, all: usize) {
    page.click(&id("filter-button")).await;
    page.click(&id("filter-provider")).await;
    page.click(&id("choice-aws")).await;
    page.wait_for_text(&id("chip"), "AWS").await;
    eventually!("fewer", (total(page).await < all).then_some(()));
    let aws = total(page).await;
    assert!(page.address().await.contains("provider=aws"));
    let link = page.address().await;
    page.goto(&format!("{console}{link}")).await;
    page.wait_for(&id("row")).await;
    wait_for_total(page, aws).await;
    page.click(&id("clear-filters")).await;
    wait_for_total(page, all).await;

    // Servers only.
    page.click(&id("nav-servers")).await;
    eventually!("servers are fewer", (total(page).await < all).then_some(()));
    page.click(&id("nav-all")).await;
    wait_for_total(page, all).await;
}

async fn create(page: &Page, all: usize) {
    page.click(&id("create-button")).await;
    page.click(&id("create-submit")).await;
    page.wait_for(&id("complaint-name")).await;
    page.choose(&id("create-provider"), "aws").await;
    page.choose(&id("create-type"), "EC2/Instance").await;
    page.fill(&id("create-name"), "made-by-hand").await;
    page.fill(&id("create-ip"), "10.9.8.7").await;
    page.fill(&id("create-data"), r#"{"note": {"by": "a test"}}"#)
        .await;
    page.click(&id("create-submit")).await;
    page.wait_for_text(&id("detail-name"), "made-by-hand").await;
    wait_for_total(page, all + 1).await;
    page.click(&id("tab-data")).await;
    page.wait_for_text(&id("detail-tree"), "a test").await;
    page.click(&id("tab-json")).await;
    page.wait_for_text(&id("detail-json"), "a test").await;
    page.prefer_colours("dark").await;
    picture(page, "detail").await;
    page.prefer_colours("light").await;
}

async fn rename_and_delete(page: &Page) {
    page.click(&id("rename-button")).await;
    page.fill(&id("rename-input"), "renamed-by-hand").await;
    page.click(&id("rename-save")).await;
    page.wait_for_text(&id("detail-name"), "renamed-by-hand")
        .await;
    page.fill(&id("search"), "renamed-by").await;
    wait_for_total(page, 1).await;

    // Deleted, after a question.
    page.click(&id("delete-button")).await;
    page.wait_for_text(&id("confirm-dialog"), "renamed-by-hand")
        .await;
    page.click(&id("confirm-delete")).await;
    page.wait_for(&id("list-empty")).await;
    page.wait_gone(&id("detail")).await;
}

/// Four more pods behind the page; nothing of it is seen but the list.
async fn keep_working_while_it_scales(page: &Page, lab: &Lab, all: usize) {
    lab.ok(&["scale", "inventory", "5"]);
    page.fill(&id("search"), "").await;
    wait_for_total(page, all).await;
    lab.ok(&["scale", "inventory", "1"]);
    page.click(&id("nav-servers")).await;
    eventually!("servers are fewer", (total(page).await < all).then_some(()));
    page.click(&id("nav-all")).await;
    wait_for_total(page, all).await;
    assert_eq!(page.count(&id("list-error")).await, 0);
}

/// The pods that `lab status` knows; until it is switched off, and then for good.
async fn see_who_answered(page: &Page, lab: &Lab, console: &str) {
    for service in ["console-api-v2", "inventory"] {
        let status = lab.status();
        let pods = status["pods"].as_array().unwrap();
        let pod = pods.iter().find(|pod| pod["service"] == service).unwrap();
        page.wait_for_text(&id("footer-pods"), pod["name"].as_str().unwrap())
            .await;
    }
    page.click(&id("footer-open")).await;
    page.wait_for_text(&id("footer-history"), "/inventory/cloud-service/delete")
        .await;
    picture(page, "footer").await;
    page.click(&id("footer-hide")).await;
    page.wait_gone(&id("footer")).await;
    page.goto(console).await;
    page.wait_for(&id("row")).await;
    assert_eq!(page.count(&id("footer")).await, 0);
}
