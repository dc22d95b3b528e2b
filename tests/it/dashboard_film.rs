//! The view Film in a real browser, on a lab that was started through the released binary.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::eventually;
use crate::support::browser::Page;
use crate::support::dashboard::{Dashboard, SIZES};
use crate::support::lab::Lab;

/// Names in quotes that come right after one of these.
fn quoted_after<'t>(text: &'t str, marks: &[&str]) -> BTreeSet<&'t str> {
    let starts = marks.iter().flat_map(|mark| {
        let places = text.match_indices(mark);
        places.map(|(at, mark)| &text[at + mark.len()..])
    });
    let names = starts.filter_map(|rest| rest.split('"').next());
    let is_code = |name: &&str| {
        !name.is_empty()
            && name
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte == b'-')
    };
    names.filter(is_code).collect()
}

#[test]
fn every_code_of_a_failure_has_its_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let read = |file: &str| std::fs::read_to_string(root.join(file)).unwrap();
    let failure = read("src/ingress/failure.rs");
    let codes = failure.split("fn codes").nth(1).unwrap();
    let codes = codes.split("fn status").next().unwrap();
    let mut known = quoted_after(codes, &[", \"", "                \""]);
    let film = read("src/ingress/film.rs");
    known.extend(quoted_after(&film, &["\"error_code\", json!(\""]));
    let filters: Vec<String> = ["access", "forward_auth", "limits"]
        .map(|name| read(&format!("src/ingress/filters/{name}.rs")))
        .into();
    for filter in &filters {
        known.extend(quoted_after(filter, &["code: \"", "refusal(status, \""]));
        let lines = filter
            .lines()
            .filter(|line| line.contains("refusal(StatusCode"));
        for line in lines {
            known.extend(quoted_after(line, &[", \""]));
        }
    }
    for code in [
        "no-rule",
        "connect-timeout",
        "endpoint-tls",
        "password",
        "source",
        "limit",
        "client-gone",
    ] {
        assert!(known.contains(code), "{code} was not found among {known:?}");
    }
    let pages = read("assets/dashboard/js/views/film/why.js");
    for code in &known {
        let has = [format!("  {code}: {{"), format!("  '{code}': {{")];
        assert!(
            has.iter().any(|key| pages.contains(key)),
            "{code} has no page"
        );
    }
}

/// The film as the lab's own command tells it.
fn told(lab: &Lab, trace: &str) -> Value {
    serde_json::from_str(&lab.ok(&["trace", trace, "-o", "json"])).unwrap()
}

/// Every hop of a film.
fn hops(film: &Value) -> Vec<&Value> {
    fn walk<'f>(hops: &'f Value, found: &mut Vec<&'f Value>) {
        for hop in hops.as_array().into_iter().flatten() {
            found.push(hop);
            walk(&hop["children"], found);
        }
    }
    let mut found = Vec::new();
    walk(&film["hops"], &mut found);
    found
}

async fn open_film(dashboard: &Dashboard) -> String {
    let trace = "document.querySelector('[data-film]')?.dataset.film ?? ''";
    eventually!("a film is open", {
        let trace: String = dashboard.page.evaluate(trace).await;
        (!trace.is_empty()).then_some(trace)
    })
}

/// Gives the page a film's file.
async fn hand_over(page: &Page, film: &str) {
    let hand_over = format!(
        "(() => {{ const files = new DataTransfer();
          files.items.add(new File([{film:?}], 'other.film.json'));
          const field = document.querySelector('[type=file]'); field.files = files.files;
          field.dispatchEvent(new Event('change')); return true; }})()"
    );
    assert!(page.evaluate::<bool>(&hand_over).await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_click_is_traced_told_pinned_compared_and_saved() {
    let lab = Lab::start("process", "");
    let dashboard = Dashboard::open(&lab, "film").await;
    let page = &dashboard.page;
    page.click("[data-do=click]").await;
    let first = open_film(&dashboard).await;
    let film = told(&lab, &first);
    page.wait_for_text(".film-story", "What happened").await;

    // The story names every pod that the film knows, and how each connection was drawn.
    for hop in hops(&film) {
        let name = if hop["event"] == "connection" {
            &hop["pod"]
        } else {
            &hop["source"]
        };
        let name = name.as_str().unwrap();
        if name != "lb" {
            page.wait_for_text(".film-story", name).await;
        }
        if hop["event"] == "connection" {
            let drawn = format!("Connection #{} was drawn", hop["id"]);
            page.wait_for_text(".film-story", &drawn).await;
        }
    }
    for words in [
        "TLS 1.3",
        "won: the host is equal",
        "rules lost",
        "externalTrafficPolicy is Cluster",
        "uniform random",
    ] {
        page.wait_for_text(".film-story", words).await;
    }
    let count = |selector| format!("document.querySelectorAll('{selector}').length");
    let (bars, steps) = (count(".film-bar-row"), count(".film-step"));
    page.wait_until(&format!("{bars} > 5 && {bars} === {steps}"))
        .await;
    dashboard.picture("film-one").await;

    // A second one, compared with the first.
    page.click("[data-do=click]").await;
    eventually!(
        "another film",
        (open_film(&dashboard).await != first).then_some(())
    );
    let second = open_film(&dashboard).await;
    page.choose("[name=with]", &first).await;
    page.wait_for(".film-compare tbody tr").await;
    page.wait_for_text(".film-compare", "≠").await;
    dashboard.picture("film-compare").await;
    dashboard.go(&format!("film/{second}")).await;
    page.wait_gone(".film-compare").await;

    // The list, by keyboard alone: down, pin, open, back.
    page.press("Escape").await;
    page.wait_for_text(".idle", "Choose a film").await;
    let focused = "document.activeElement.dataset.trace ?? ''";
    eventually!(
        "the focus is back",
        (page.evaluate::<String>(focused).await == second).then_some(())
    );
    page.press("ArrowDown").await;
    eventually!(
        "the one below",
        (page.evaluate::<String>(focused).await == first).then_some(())
    );
    page.press("p").await;
    page.wait_for(&format!("[data-list=pinned] [data-trace=\"{first}\"]"))
        .await;
    page.press("ArrowUp").await;
    page.press("Enter").await;
    page.wait_for("[data-film]").await;

    // A pinned film survives the page, and its text is a film to the command as well.
    let kept = "JSON.stringify(JSON.parse(localStorage.getItem('lab/films'))[0])";
    let kept: String = page.evaluate(kept).await;
    let pinned = lab.folder().join("one.film.json");
    std::fs::write(&pinned, &kept).unwrap();
    let shown = lab.ok(&["trace", "--open", pinned.to_str().unwrap()]);
    assert!(
        shown.contains(&first) && shown.contains("ClusterIP inventory"),
        "{shown}"
    );
    let saved = lab.folder().join("two.film.json");
    lab.ok(&["trace", &second, "--save", saved.to_str().unwrap()]);
    let saved: Value = serde_json::from_slice(&std::fs::read(saved).unwrap()).unwrap();
    assert_eq!(saved["trace"], second.as_str());

    // A film of another lab is opened by handing over its file.
    let other = kept.replace(&first, "0123456789abcdef0123456789abcdef");
    hand_over(page, &other).await;
    page.wait_for("[data-film=\"0123456789abcdef0123456789abcdef\"]")
        .await;
    page.wait_for_text(".film-story", "uniform random").await;

    for (width, height) in SIZES {
        dashboard.fits("film", width, height).await;
        dashboard
            .fits(&format!("film/{first}"), width, height)
            .await;
        dashboard
            .fits(&format!("film/{first}?with={second}"), width, height)
            .await;
    }
    dashboard.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_of_the_ingress_leads_to_the_page_that_says_why() {
    // No request is filmed but for those that fail.
    let lab = Lab::start("process", "[trace]\nfilms_per_second = 0\n");
    let status = lab.status();
    let console = status["urls"]["console"].as_str().unwrap();
    let dashboard = Dashboard::open(&lab, "film").await;
    let page = &dashboard.page;
    lab.ok(&["scale", "console", "0"]);
    let https = lab.https();
    let answer = eventually!("no endpoint", {
        let answer = https.get(console).await.unwrap();
        (answer.status == 503).then_some(answer)
    });
    let trace = answer.headers["x-lab-trace"].to_str().unwrap();
    assert_eq!(answer.headers["x-lab-error"], "no-endpoint");
    assert!(answer.text().contains(&format!("why: lab trace {trace}")));

    // A browser gets a page with a link, and what that leads to says why.
    page.goto(console).await;
    page.wait_for_text("body", "no endpoint of Service").await;
    page.click("a[href*='#/film/']").await;
    page.wait_for("[data-connection=live]").await;
    page.wait_for_text(".film-why", "no pod is ready").await;
    page.wait_for_text(".film-why", "no endpoint of Service \"console\" is ready")
        .await;
    page.wait_for_text(".film-why", "kubectl get endpointslices")
        .await;
    page.wait_for_text(".film-why", "lab logs console").await;
    page.wait_for_text(".film-story", "Filmed only because it failed")
        .await;
    dashboard.picture("film-why").await;

    // It is found among the others by its kind.
    dashboard.go("film").await;
    page.choose("[name=status]", "own").await;
    page.wait_for_text("[data-list=recent]", "no-endpoint")
        .await;
    page.choose("[name=status]", "2").await;
    page.wait_gone("[data-list=recent]").await;
    dashboard.close().await;
}
