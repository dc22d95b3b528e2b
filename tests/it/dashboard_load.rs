//! The dashboard's view Load in a real browser: a run, what came of it, and the run before.

use serde_json::{Value, json};

use crate::faults::{load, shop, shop_url};
use crate::support::browser::Browser;
use crate::support::dashboard::{assert_fits, opened};
use crate::support::lab::Lab;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_run_is_shown_with_its_spread_its_errors_and_the_run_before() {
    let lab = Lab::start("process", &shop(3));
    // From the command line, before anybody looks.
    let first = load(&lab, &[]);
    let browser = Browser::launch().await;
    let page = opened(&lab, &browser, "load").await;
    page.wait_for_text(".load-result", &format!("Run {}", first["id"]))
        .await;

    page.choose("#load-method", "GET").await;
    page.fill("#load-url", &shop_url(&lab)).await;
    page.fill("#load-rate", "60").await;
    page.fill("#load-seconds", "2").await;
    page.fill("#load-connections", "3").await;
    page.click(".load-form button[type=submit]").await;
    page.wait_for("[aria-label='Under way'] progress").await;
    page.wait_for_text(".load-result", "Run 2").await;
    page.wait_for_text(".load-result", "120 sent, 120 answered, none failed")
        .await;
    let shares = page.texts(".shares .name").await;
    let status = lab.status();
    let pods = status["pods"].as_array().unwrap().iter();
    let shops = pods.filter(|pod| pod["service"] == "shop");
    let mut names: Vec<&str> = shops.map(|pod| pod["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    let mut shown: Vec<&str> = shares.iter().map(String::as_str).collect();
    shown.sort_unstable();
    assert_eq!(shown, names);
    // Three connections, in turn over three pods.
    let counts = page.texts(".shares .number:not(.muted)").await;
    assert_eq!(counts, ["40", "40", "40"]);
    page.wait_for_text(".load-result", "take turns").await;
    page.wait_for_text(".load-result thead", "run 1").await;

    lab.ok(&["fault", "add", "errors", "ingress"]);
    page.fill("#load-seconds", "1").await;
    page.click(".load-form button[type=submit]").await;
    page.wait_for_text(".load-result", "Run 3").await;
    page.wait_for_text("[aria-label=Errors]", "status 503")
        .await;
    page.wait_for_text("[aria-label=Errors]", "the ingress: fault")
        .await;
    assert_fits(&page, "load", "[aria-label=Errors]").await;
    browser.close().await;
    lab.down();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_path_that_wants_a_login_is_loaded_as_the_labs_own_user() {
    let lab = Lab::start("process", "");
    let url = lab.list_url();
    let body = r#"{"query": {"page": {"limit": 1}}}"#;
    let run = |more: &[&str]| -> Value {
        let arguments = ["-o", "json", "load", &url, "-X", "POST", "-d", body];
        let json = ["-H", "content-type: application/json"];
        let arguments = [
            &arguments[..],
            &json[..],
            &["--rate", "20", "--duration", "1s"],
            more,
        ]
        .concat();
        serde_json::from_str(&lab.ok(&arguments)).unwrap()
    };
    assert_eq!(run(&[])["statuses"], json!({"401": 20}));
    assert_eq!(run(&["--token"])["statuses"], json!({"200": 20}));

    let browser = Browser::launch().await;
    let page = opened(&lab, &browser, "load").await;
    page.choose("#load-method", "POST").await;
    page.fill("#load-url", &url).await;
    page.fill("#load-body", body).await;
    page.fill("#load-rate", "20").await;
    page.fill("#load-seconds", "1").await;
    page.click("#load-token").await;
    page.wait_for_text(".load-form", "--token").await;
    page.click(".load-form button[type=submit]").await;
    page.wait_for_text(".load-result", "20 sent, 20 answered, none failed")
        .await;
    browser.close().await;

    lab.ok(&["fault", "add", "down", "identity"]);
    let refused = lab.run(&["load", &url, "--token"]);
    let told = String::from_utf8(refused.stderr).unwrap();
    assert_eq!(refused.status.code(), Some(1), "{told}");
    assert!(told.contains("cannot log in"), "{told}");
    lab.ok(&["fault", "undo"]);
    lab.down();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_url_that_is_not_the_labs_is_refused_with_what_to_do() {
    let lab = Lab::start("process", &shop(1));
    let browser = Browser::launch().await;
    let page = opened(&lab, &browser, "load").await;
    page.tab_to("#load-url").await;
    page.fill("#load-url", "https://example.com/").await;
    page.press("Enter").await;
    page.wait_for_text(".toast.bad", "lab status").await;
    assert_eq!(page.count(".load-result").await, 0);
    browser.close().await;
    lab.down();
}
