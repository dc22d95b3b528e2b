//! The dashboard in a real browser: opened as a user opens it, and looked at in every size.

use std::path::Path;

use serde_json::json;
use tokio::task::JoinHandle;

use super::api::Api;
use super::browser::{Browser, Page};
use super::lab::Lab;

/// Sizes that people have: a laptop, a projector, a phone.
pub(crate) const SIZES: [(i64, i64); 3] = [(1366, 768), (1920, 1080), (390, 844)];

/// Requests that go on until this is dropped.
pub(crate) struct Traffic(JoinHandle<()>);

impl Traffic {
    /// Lists of cloud services, one after another.
    pub(crate) async fn of(lab: &Lab) -> Self {
        let api = Api::of(lab).await;
        Self(tokio::spawn(async move {
            loop {
                let query = json!({"query": {"page": {"start": 1, "limit": 1}}});
                api.post("/inventory/cloud-service/list", query).await;
            }
        }))
    }
}

impl Drop for Traffic {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// The dashboard at a view, by the link of `lab open`.
pub(crate) async fn opened(lab: &Lab, browser: &Browser, view: &str) -> Page {
    opened_after(lab, browser, view, "").await
}

/// The same, after a script of the test's.
pub(crate) async fn opened_after(lab: &Lab, browser: &Browser, view: &str, script: &str) -> Page {
    let page = browser.open("about:blank", 1366, 768).await;
    page.before_pages(script).await;
    let link = lab.ok(&["open", "--print", view]);
    page.goto(link.trim()).await;
    page.wait_for("[data-connection=live]").await;
    page
}

/// Every size in both schemes: nothing beside the page, nothing without a name, nothing wrong.
pub(crate) async fn assert_fits(page: &Page, name: &str, ready: &str) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for scheme in ["light", "dark"] {
        page.prefer_colours(scheme).await;
        for (width, height) in SIZES {
            page.resize(width, height).await;
            page.wait_for(ready).await;
            let beside: Vec<String> = page
                .evaluate(
                    "[document.documentElement, document.querySelector('main')]
                       .filter((one) => one.scrollWidth > one.clientWidth)
                       .map((one) => `${one.tagName} ${one.scrollWidth} > ${one.clientWidth}`)",
                )
                .await;
            assert_eq!(
                beside,
                Vec::<String>::new(),
                "{name} at {width}×{height}, {scheme}"
            );
            let file = format!("dashboard-{name}-{width}-{scheme}.png");
            page.screenshot(&folder.join(file)).await;
        }
    }
    let nameless: Vec<String> = page
        .evaluate(
            "[...document.querySelectorAll('button, a, input, select')].filter((one) => !(
               one.textContent.trim() || one.getAttribute('aria-label') || one.labels?.length)).map((one) => one.outerHTML)",
        )
        .await;
    assert_eq!(nameless, Vec::<String>::new(), "{name}");
    assert_eq!(page.count("h1").await, 1, "{name}");
    assert_eq!(page.errors().await, Vec::<String>::new(), "{name}");
}

/// The dashboard in a browser of its own, which trusts the lab's CA.
pub(crate) struct Dashboard {
    browser: Browser,
    pub(crate) page: Page,
}

impl Dashboard {
    /// Opens a view.
    pub(crate) async fn open(lab: &Lab, view: &str) -> Self {
        let ca = lab.status()["ca_certificate"].as_str().unwrap().to_owned();
        let browser = Browser::launch_trusting(Path::new(&ca)).await;
        let page = opened(lab, &browser, view).await;
        Self { browser, page }
    }

    /// Goes to another address of the page.
    pub(crate) async fn go(&self, address: &str) {
        let address = format!("(location.hash = '#/{address}') && true");
        assert!(self.page.evaluate::<bool>(&address).await);
    }

    /// In both colours the view at `address` shows itself without scrolling sideways.
    pub(crate) async fn fits(&self, address: &str, width: i64, height: i64) {
        self.page.resize(width, height).await;
        self.go(address).await;
        for scheme in ["light", "dark"] {
            self.page.prefer_colours(scheme).await;
            let wide = "[document.documentElement, document.querySelector('main')]\
                .every((one) => one.scrollWidth <= one.clientWidth + 1)";
            self.page.wait_until(wide).await;
            let name = address.replace(['/', '?', '='], "-");
            self.picture(&format!("{name}-{width}-{scheme}")).await;
        }
    }

    /// A picture to look at after a run.
    pub(crate) async fn picture(&self, name: &str) {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
        let file = folder.join(format!("dashboard-{name}.png"));
        self.page.screenshot(&file).await;
    }

    /// Ends, and tells what the page complained about.
    pub(crate) async fn close(self) {
        assert_eq!(self.page.errors().await, [""; 0]);
        self.browser.close().await;
    }
}
