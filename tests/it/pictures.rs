//! The README's pictures, of a lab under way: `docs/pictures` makes them anew.

use std::path::Path;

use crate::support::api::Api;
use crate::support::browser::Browser;
use crate::support::dashboard::{Traffic, opened};
use crate::support::lab::Lab;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readmes_pictures_can_be_made() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let lab = Lab::start(
        "process",
        "[trace]\nkeep = 10_000\n[services.inventory]\nreplicas = 3\n",
    );
    // One call that anybody sees in the list of films, then many.
    let api = Api::of(&lab).await;
    let query = serde_json::json!({"query": {"page": {"start": 1, "limit": 20}}});
    api.post("/inventory/cloud-service/list", query).await;
    let browser = Browser::launch().await;
    let page = opened(&lab, &browser, "path").await;
    let traffic = Traffic::of(&lab).await;
    page.wait_for("[data-wire='service:console-api-v2>service:inventory'].is-open")
        .await;
    page.wait_for("[data-wire='service:inventory>service:mongodb'].is-open")
        .await;
    page.wait_for(".recent a").await;
    page.screenshot(&folder.join("readme-path.png")).await;

    page.click(".recent a").await;
    page.wait_for_text(".film-story", "What happened").await;
    drop(traffic);
    page.screenshot(&folder.join("readme-film.png")).await;
    assert_eq!(page.errors().await, Vec::<String>::new());
    browser.close().await;
    lab.down();
}
