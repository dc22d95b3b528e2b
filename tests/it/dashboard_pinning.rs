//! The dashboard's view Pinning in a real browser: what it draws is what the lab's proxy says.

use serde_json::Value;

use crate::eventually;
use crate::support::browser::{Browser, Page};
use crate::support::dashboard::{Traffic, assert_fits, opened};
use crate::support::lab::{Lab, service};

/// Open connections to inventory: their ids and where they lead.
fn connections(lab: &Lab) -> Vec<(u64, String)> {
    let told = lab.ok(&["-o", "json", "connections", "inventory"]);
    let told: Vec<Value> = serde_json::from_str(&told).unwrap();
    let mut found: Vec<(u64, String)> = told
        .iter()
        .map(|one| {
            let pod = one["pod"].as_str().unwrap();
            (one["id"].as_u64().unwrap(), pod.to_owned())
        })
        .collect();
    found.sort();
    found
}

/// The same, as the page draws them.
async fn lanes(page: &Page) -> Vec<(u64, String)> {
    let mut found: Vec<(u64, String)> = page
        .evaluate(
            "[...document.querySelectorAll('.connection')]
               .filter(({ dataset }) => document.querySelector(`.lanes [data-wire=\"${dataset.lane}\"]`))
               .map(({ dataset }) => [Number(dataset.lane), dataset.to])",
        )
        .await;
    found.sort();
    found
}

/// Calls that are drawn as moving.
async fn beads(page: &Page) -> usize {
    page.evaluate("import('/js/views/pinning/lanes.js').then(({ beads }) => beads.size)")
        .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_pods_and_the_calls_stay_where_they_were() {
    let lab = Lab::start("process", "");
    let browser = Browser::launch().await;
    let traffic = Traffic::of(&lab).await;
    let page = opened(&lab, &browser, "pinning").await;
    page.wait_for_text(".verdict", "One pod takes everything")
        .await;
    eventually!("a lane for each connection", {
        let lanes = lanes(&page).await;
        (!lanes.is_empty() && lanes == connections(&lab)).then_some(())
    });
    // Beads run while there are calls.
    eventually!("beads", (beads(&page).await > 0).then_some(()));

    let before = connections(&lab);
    page.tab_to(".scales [data-replicas='5']").await;
    page.press("Enter").await;
    page.wait_until("document.querySelectorAll('.target.is-ready').length === 5")
        .await;
    assert_eq!(service(&lab.status(), "inventory")["replicas"], 5);
    let calls = "[...document.querySelectorAll('.of-since .value')].reduce((sum, one) => sum + Number(one.innerText.split('· ')[1]), 0)";
    page.wait_until(&format!("{calls} > 60")).await;
    let counted: u32 = page.evaluate(calls).await;
    page.tab_to(".start-over").await;
    page.press("Enter").await;
    page.wait_until(&format!("{calls} < {counted}")).await;
    // All calls since then went to the pod that they went to before.
    page.wait_until(&format!(
        "{calls} >= 25 && document.querySelector('.verdict').innerText.includes('Uneven: p < 0.001')"
    ))
    .await;
    assert_eq!(connections(&lab), before, "a scale moves nothing");
    assert_eq!(lanes(&page).await, before);
    let shares: Vec<(String, String)> = page
        .evaluate(
            "[...document.querySelectorAll('.target')].map((one) => [one.dataset.pod, one.querySelector('.of-since .value').innerText])",
        )
        .await;
    for (pod, share) in &shares {
        let pinned = before.iter().any(|(_, to)| to == pod);
        let expected = if pinned { "100 %" } else { "0 % · 0" };
        assert!(share.starts_with(expected), "{shares:?}, {before:?}");
    }
    page.wait_for_text(".target.is-idle", "nothing is drawn to it")
        .await;
    page.wait_for_text(".why", "4 ready pods get nothing").await;

    // How it was drawn, and among whom.
    page.tab_to(".connection").await;
    page.press("Enter").await;
    page.wait_for_text(".story", &before[0].1).await;
    page.wait_for_text(".story", "the only pod that was ready")
        .await;
    page.wait_for(&format!(".lanes [data-wire='{}'].is-lit", before[0].0))
        .await;
    page.press("Escape").await;
    page.wait_for_text(".story", "Choose a connection").await;

    // The cures that the lab has, as its config would read them.
    for lines in [
        "max_connection_age = ",
        "headless = true",
        "inventory.grpc.lab.localhost",
        "channels = ",
    ] {
        let shown = page.texts(".cure pre").await.join("\n");
        assert!(shown.contains(lines), "{shown}");
    }
    let page_lines = page.texts(".cure pre").await;
    let toml: Vec<&String> = page_lines
        .iter()
        .filter(|lines| lines.contains(" = "))
        .collect();
    assert_eq!(toml.len(), 3);
    for lines in toml {
        lab.file("cure.toml", lines);
        let config = lab.folder().join("cure.toml");
        lab.ok(&["check", config.to_str().unwrap()]);
    }

    assert_fits(&page, "pinning", ".target").await;
    // It has preferred reduced motion since.
    assert_eq!(beads(&page).await, 0);
    // The page reads the files again, as they are, and says what that does.
    page.click(".reload").await;
    page.wait_for_text(".toasts", "nothing has changed").await;
    let config = std::fs::read_to_string(lab.folder().join("lab.toml")).unwrap();
    lab.file("lab.toml", &format!("{config}\n[grpc]\nchannels = 8\n"));
    page.click(".reload").await;
    page.wait_for_text(".toasts", "[grpc] cannot change while the lab runs")
        .await;
    drop(traffic);
    browser.close().await;
    lab.down();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cure_shows_as_even_shares() {
    let lab = Lab::start(
        "process",
        "[services.inventory]
         replicas = 3
         headless = true
         [grpc]
         load_balancing = \"round_robin\"",
    );
    let browser = Browser::launch().await;
    let traffic = Traffic::of(&lab).await;
    let page = opened(&lab, &browser, "pinning").await;
    page.wait_for_text(".why", "This Service is headless").await;
    // "More even than dice", or "As even as dice" for the first few.
    page.wait_until("document.querySelector('.verdict .badge.good')?.innerText.includes('ven')")
        .await;
    for told in page.texts(".of-since .value").await {
        let share: u32 = told.split(' ').next().unwrap().parse().unwrap();
        assert!(
            (25..=42).contains(&share),
            "a third each, give or take a call: {told}"
        );
    }
    assert_eq!(page.count(".connection").await, 0, "no ClusterIP, no lanes");
    drop(traffic);
    browser.close().await;
    lab.down();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chi_square_is_as_in_the_tables() {
    let lab = Lab::start("process", "[cloudforet]\nenabled = false\n");
    let browser = Browser::launch().await;
    let page = opened(&lab, &browser, "pinning").await;
    // Degrees of freedom, the value, and the chance of a larger one.
    for (freedom, value, chance) in [
        (1.0, 3.841_459, 0.05),
        (4.0, 18.466_83, 0.001),
        (9.0, 4.168_159, 0.9),
        (199.0, 232.911_8, 0.05),
    ] {
        let found: f64 = page
            .evaluate(&format!(
                "import('/js/views/pinning/evenness.js').then(({{ upperGamma }}) => upperGamma({freedom} / 2, {value} / 2))"
            ))
            .await;
        assert!(
            (found - chance).abs() < 1e-6,
            "{freedom} {value}: {found} for {chance}"
        );
    }
    for (counts, words) in [
        ("[20, 21, 19, 22, 18]", "As even as dice"),
        ("[100, 0, 0, 0, 0]", "Uneven: p < 0.001"),
        ("[1, 2, 1]", "Too few calls to tell"),
        ("[7]", "One pod takes everything"),
        ("[]", "No pod is ready"),
    ] {
        let said: String = page
            .evaluate(&format!(
                "import('/js/views/pinning/evenness.js').then(({{ evenness }}) => evenness({counts}).verdict)"
            ))
            .await;
        assert!(said.starts_with(words), "{counts}: {said}");
    }
    // A lab without Cloudforet has nothing to show here, and says so.
    page.wait_for_text("main", "There is no Service").await;
    assert_eq!(page.errors().await, Vec::<String>::new());
    browser.close().await;
    lab.down();
}
