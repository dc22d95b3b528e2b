//! Chromium, driven as a person would: real clicks and keys, waiting for what becomes visible.
//!
//! Every browser has a profile of its own in a temporary folder, which goes when the browser goes,
//! also when the test failed.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use chromiumoxide::browser::BrowserConfig;
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams,
};
use chromiumoxide::cdp::browser_protocol::input::{
    DispatchKeyEventParams, DispatchKeyEventType, InsertTextParams,
};
use chromiumoxide::cdp::browser_protocol::network::{
    BlockPattern, EnableParams, SetBlockedUrLsParams,
};
use chromiumoxide::error::CdpError;
use chromiumoxide::page::ScreenshotParams;
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use tempfile::TempDir;
use tokio::task::JoinHandle;

use crate::eventually;
use crate::support::PATIENCE;

/// What a browser in a test must not do: ask the network for anything, or need a screen.
const FLAGS: &[&str] = &[
    "disable-gpu",
    "disable-quic",
    "no-first-run",
    "disable-background-networking",
    "disable-component-update",
    "disable-sync",
];

/// A running browser. The fields end in this order: the process before its profile.
#[derive(Debug)]
pub(crate) struct Browser {
    inner: chromiumoxide::Browser,
    handler: JoinHandle<()>,
    profile: Profile,
}

/// A folder that Chromium may still write to while it is being removed.
#[derive(Debug)]
struct Profile(Option<TempDir>);

/// One tab.
#[derive(Debug)]
pub(crate) struct Page(chromiumoxide::Page);

// === impl Browser ===

impl Browser {
    /// Starts Chromium (`LAB_CHROMIUM`, else the first known name on the `PATH`) for somebody who
    /// has imported this CA, as a user of the lab would.
    pub(crate) async fn launch_trusting(ca: &Path) -> Self {
        Self::launch_with(Some(ca)).await
    }

    /// Starts Chromium for pages without TLS.
    pub(crate) async fn launch() -> Self {
        Self::launch_with(None).await
    }

    async fn launch_with(ca: Option<&Path>) -> Self {
        let profile = tempfile::Builder::new()
            .prefix("lab-browser-")
            .tempdir()
            .unwrap();
        if let Some(ca) = ca {
            import(ca, profile.path());
        }
        let config = BrowserConfig::builder()
            .chrome_executable(executable())
            .user_data_dir(profile.path().join("profile"))
            // Certificates that the user trusts are looked for in the home folder.
            .env("HOME", profile.path().display().to_string())
            .no_sandbox()
            .args(FLAGS.iter().copied())
            .launch_timeout(Duration::from_secs(60))
            .viewport(None)
            .build()
            .unwrap();
        let profile = Profile(Some(profile));
        let (inner, mut handler) = chromiumoxide::Browser::launch(config).await.unwrap();
        let handler = tokio::spawn(async move { while handler.next().await.is_some() {} });
        Self {
            inner,
            handler,
            profile,
        }
    }

    /// A new tab of this size at this address.
    pub(crate) async fn open(&self, url: &str, width: i64, height: i64) -> Page {
        let page = Page(self.inner.new_page("about:blank").await.unwrap());
        page.resize(width, height).await;
        page.watch_errors().await;
        page.goto(url).await;
        page
    }

    /// Ends the browser and waits until it is gone.
    pub(crate) async fn close(mut self) {
        let _ = self.inner.close().await;
        let _ = self.inner.wait().await;
        self.handler.abort();
        drop(self.profile);
    }
}

impl Drop for Profile {
    fn drop(&mut self) {
        let Some(folder) = self.0.take() else { return };
        let path = folder.keep();
        // A killed browser's helpers end a moment after it. Until then they may still write, and
        // even make the folder again.
        let mut gone_for = 0;
        for _ in 0..100 {
            let removed = std::fs::remove_dir_all(&path).is_ok();
            gone_for = if removed || path.exists() {
                0
            } else {
                gone_for + 1
            };
            if gone_for == 5 {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }
}

/// Imports a CA into the NSS database of a home folder.
fn import(ca: &Path, home: &Path) {
    let database = home.join(".pki/nssdb");
    std::fs::create_dir_all(&database).unwrap();
    let certutil = |arguments: &[&str]| {
        let status = std::process::Command::new("certutil")
            .args(["-d", &format!("sql:{}", database.display())])
            .args(arguments)
            .status()
            .expect("certutil on the PATH (hint: install libnss3-tools)");
        assert!(status.success(), "certutil {arguments:?}: {status}");
    };
    certutil(&["-N", "--empty-password"]);
    let ca = ca.display().to_string();
    certutil(&["-A", "-t", "C,,", "-n", "lab", "-i", &ca]);
}

fn executable() -> PathBuf {
    if let Some(path) = std::env::var_os("LAB_CHROMIUM") {
        return path.into();
    }
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let names = [
        "chromium",
        "chromium-browser",
        "google-chrome",
        "google-chrome-stable",
    ];
    std::env::split_paths(&folders)
        .flat_map(|folder| names.map(|name| folder.join(name)))
        .find(|path| path.is_file())
        .expect("Chromium on the PATH (hint: apt-get install chromium, or set LAB_CHROMIUM)")
}

// === impl Page ===

impl Page {
    /// Goes to an address.
    pub(crate) async fn goto(&self, url: &str) {
        self.0.goto(url).await.unwrap();
    }

    /// From now on, lets nothing through that matches one of these URL patterns.
    pub(crate) async fn block(&self, patterns: &[&str]) {
        let patterns = patterns.iter().map(|one| BlockPattern::new(*one, true));
        self.0.execute(EnableParams::default()).await.unwrap();
        let blocked = SetBlockedUrLsParams::builder().url_patterns(patterns);
        self.0.execute(blocked.build()).await.unwrap();
    }

    /// The size of the viewport.
    pub(crate) async fn resize(&self, width: i64, height: i64) {
        let params = SetDeviceMetricsOverrideParams::new(width, height, 1.0, width < 600);
        self.0.execute(params).await.unwrap();
    }

    /// `light` or `dark`; and no more motion, so that a picture shows how it ends.
    pub(crate) async fn prefer_colours(&self, scheme: &str) {
        let colours = MediaFeature::new("prefers-color-scheme", scheme);
        let motion = MediaFeature::new("prefers-reduced-motion", "reduce");
        let features = vec![colours, motion];
        self.0.emulate_media_features(features).await.unwrap();
    }

    /// The value of an expression.
    pub(crate) async fn evaluate<T: DeserializeOwned>(&self, expression: &str) -> T {
        let result = self.try_evaluate(expression).await;
        result.unwrap_or_else(|error| panic!("{expression}: {error}"))
    }

    async fn try_evaluate<T: DeserializeOwned>(&self, expression: &str) -> Result<T, CdpError> {
        let result = self.0.evaluate(expression).await?;
        Ok(result.into_value()?)
    }

    /// Waits until the expression is true; else tells what the page shows.
    pub(crate) async fn wait_until(&self, expression: &str) {
        const SHOWN: &str = "JSON.stringify({address: location.href, errors: window.wentWrong,
            text: document.body?.innerText.slice(0, 2000)})";
        let wanted = format!("Boolean({expression})");
        let deadline = Instant::now() + PATIENCE;
        loop {
            // A page that is being loaded again has nothing to be asked for a moment.
            let last = self.try_evaluate::<bool>(&wanted).await;
            if matches!(last, Ok(true)) {
                return;
            }
            if Instant::now() > deadline {
                let shown: String = self.evaluate(SHOWN).await;
                panic!("never happened: {expression}, last {last:?}; the page shows {shown}");
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for an element.
    pub(crate) async fn wait_for(&self, selector: &str) {
        self.wait_until(&format!("document.querySelector({selector:?})"))
            .await;
    }

    /// Waits until no such element is there.
    pub(crate) async fn wait_gone(&self, selector: &str) {
        self.wait_until(&format!("!document.querySelector({selector:?})"))
            .await;
    }

    /// Waits until the first such element shows this text somewhere.
    pub(crate) async fn wait_for_text(&self, selector: &str, text: &str) {
        let shown = format!("document.querySelector({selector:?})?.innerText.includes({text:?})");
        self.wait_until(&shown).await;
    }

    /// Clicks with the mouse.
    pub(crate) async fn click(&self, selector: &str) {
        self.wait_for(selector).await;
        eventually!(format!("click on {selector}"), {
            // The element may be replaced between looking and clicking.
            match self.0.find_element(selector).await {
                Ok(element) => element.click().await.ok().map(|_| ()),
                Err(_) => None,
            }
        });
    }

    /// Replaces what a text field holds by typing.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
        self.wait_for(selector).await;
        let select = format!(
            "(() => {{ const field = document.querySelector({selector:?}); field.focus(); field.select(); return true; }})()"
        );
        assert!(self.evaluate::<bool>(&select).await);
        self.0.execute(InsertTextParams::new(text)).await.unwrap();
    }

    /// Presses a key, wherever the focus is.
    pub(crate) async fn press(&self, key: &str) {
        let code = match key {
            "Tab" => 9,
            "Enter" => 13,
            "Escape" => 27,
            " " => 32,
            "End" => 35,
            "Home" => 36,
            "ArrowLeft" => 37,
            "ArrowUp" => 38,
            "ArrowRight" => 39,
            "ArrowDown" => 40,
            _ => 0,
        };
        let text = match key {
            "Enter" => Some("\r"),
            one if one.chars().count() == 1 => Some(one),
            _ => None,
        };
        for kind in [DispatchKeyEventType::KeyDown, DispatchKeyEventType::KeyUp] {
            let mut event = DispatchKeyEventParams::builder()
                .r#type(kind.clone())
                .key(key)
                .windows_virtual_key_code(code);
            if let (Some(text), DispatchKeyEventType::KeyDown) = (text, kind) {
                event = event.text(text);
            }
            self.0.execute(event.build().unwrap()).await.unwrap();
        }
    }

    /// Presses Tab until this element has the focus, as somebody without a mouse would.
    pub(crate) async fn tab_to(&self, selector: &str) {
        self.wait_for(selector).await;
        let reached = format!("document.activeElement?.matches({selector:?}) ?? false");
        // More than any page here has stops.
        for _ in 0..120 {
            if self.evaluate::<bool>(&reached).await {
                return;
            }
            self.press("Tab").await;
        }
        panic!("{selector} cannot be reached with the Tab key");
    }

    /// Chooses an option of a `<select>` by its value.
    pub(crate) async fn choose(&self, selector: &str, value: &str) {
        let offered = format!(
            "[...(document.querySelector({selector:?})?.options ?? [])].some((one) => one.value === {value:?})"
        );
        self.wait_until(&offered).await;
        let choose = format!(
            "(() => {{ const field = document.querySelector({selector:?}); field.value = {value:?};
              field.dispatchEvent(new Event('change', {{ bubbles: true }})); return true; }})()"
        );
        assert!(self.evaluate::<bool>(&choose).await);
    }

    /// The text of the first such element.
    pub(crate) async fn text(&self, selector: &str) -> String {
        self.evaluate(&format!(
            "document.querySelector({selector:?})?.innerText ?? ''"
        ))
        .await
    }

    /// The texts of all such elements.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let all =
            format!("[...document.querySelectorAll({selector:?})].map((one) => one.innerText)");
        self.evaluate(&all).await
    }

    /// How many such elements there are.
    pub(crate) async fn count(&self, selector: &str) -> usize {
        self.evaluate(&format!("document.querySelectorAll({selector:?}).length"))
            .await
    }

    /// From the next page on, remembers what goes wrong in it.
    async fn watch_errors(&self) {
        const WATCH: &str = "window.wentWrong = [];
            addEventListener('error', (event) => wentWrong.push(event.message ?? `${event.target.src ?? event.target.href} did not load`), true);
            addEventListener('unhandledrejection', (event) => wentWrong.push(`${event.reason?.stack ?? event.reason}`));
            addEventListener('securitypolicyviolation', (event) => wentWrong.push(`${event.violatedDirective} ${event.blockedURI}`));
            for (const tone of ['error', 'warn']) console[tone] = (...told) => wentWrong.push(told.join(' '));";
        self.before_pages(WATCH).await;
    }

    /// Runs a script in each page from the next one on, before the page's own.
    pub(crate) async fn before_pages(&self, script: &str) {
        self.0.evaluate_on_new_document(script).await.unwrap();
    }

    /// What went wrong in the page since it was loaded.
    pub(crate) async fn errors(&self) -> Vec<String> {
        self.evaluate("window.wentWrong").await
    }

    /// Path and query of the address bar.
    pub(crate) async fn address(&self) -> String {
        self.evaluate("location.pathname + location.search").await
    }

    /// A picture of the page, as PNG.
    pub(crate) async fn screenshot(&self, file: &Path) {
        self.0
            .save_screenshot(ScreenshotParams::default(), file)
            .await
            .unwrap();
    }
}
