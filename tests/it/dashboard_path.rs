//! The dashboard's view Path in a real browser, on a lab's own services.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::eventually;
use crate::support::browser::{Browser, Page};
use crate::support::dashboard::{Traffic, assert_fits, opened, opened_after};
use crate::support::lab::{Lab, service};

fn pods_of(status: &Value, deployment: &str) -> Vec<String> {
    let pods = status["pods"].as_array().unwrap().iter();
    let own = pods.filter(|pod| pod["deployment"] == deployment);
    own.map(|pod| pod["name"].as_str().unwrap().to_owned())
        .collect()
}

fn stop(name: &str) -> String {
    format!(".picture [data-stop=\"{name}\"]")
}

/// How soon the page showed what it was told, by its own clock.
#[derive(Debug, Deserialize)]
struct Seen {
    /// Milliseconds from the click, or from the beginning, to the event of the lab.
    told: f64,
    /// The same to the change of the page.
    shown: f64,
    /// Frames that the page drew between the two.
    frames: u32,
}

/// Makes `window.seen` a promise of [`Seen`]: `told` says of a status, and `shown` of the page, whether
/// the change is there.
async fn watch(page: &Page, told: &str, shown: &str) {
    let begun: bool = page
        .evaluate(&format!(
            "import('/js/store.js').then(({{ subscribe }}) => {{
               let [begun, told, frames] = [performance.now(), 0, 0];
               addEventListener('click', () => (begun = performance.now()), true);
               const count = () => {{ frames += 1; requestAnimationFrame(count); }};
               const isTold = (status) => {told};
               const isShown = () => {shown};
               subscribe((now, before) => {{
                 if (told || now.status === before.status || !isTold(now.status)) return;
                 told = performance.now();
                 requestAnimationFrame(count);
               }});
               window.seen = new Promise((done) => new MutationObserver((_, observer) => {{
                 if (!isShown()) return;
                 observer.disconnect();
                 done({{ told: told - begun, shown: performance.now() - begun, frames }});
               }}).observe(document.querySelector('.picture'), {{ subtree: true, childList: true, attributes: true }}));
               return true;
             }})"
        ))
        .await;
    assert!(begun);
}

#[expect(
    clippy::print_stdout,
    reason = "how long it took is what one wants to read"
)]
async fn assert_seen_at_once(page: &Page, what: &str) {
    let seen: Seen = page.evaluate("window.seen").await;
    println!(
        "{what}: told after {:.0} ms, shown {:.1} ms and {} frames later",
        seen.told,
        seen.shown - seen.told,
        seen.frames
    );
    assert!(
        seen.told <= seen.shown,
        "nothing is shown before it is told"
    );
    // One that is being drawn already, and the one with the change.
    assert!(seen.frames <= 2, "{what}: {seen:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_kill_and_a_scale_by_keyboard_are_seen_with_the_next_frame() {
    let lab = Lab::start("process", "");
    let browser = Browser::launch().await;
    let page = opened(&lab, &browser, "path").await;
    let status = lab.status();
    for found in status["services"].as_array().unwrap() {
        let (name, address) = (&found["name"], found["cluster_ip"].as_str().unwrap());
        let head = stop(&format!("service:{}", name.as_str().unwrap()));
        page.wait_for(&head).await;
        if address != "None" {
            let port = &found["ports"][0]["port"];
            page.wait_for_text(&head, &format!("{address}:{port}"))
                .await;
        }
    }
    let all = status["pods"].as_array().unwrap().len();
    assert_eq!(page.count(".picture .pod").await, all);

    let pod = pods_of(&status, "inventory").remove(0);
    page.tab_to(&stop(&pod)).await;
    page.press("Enter").await;
    page.wait_for_text(".path-panel h2", &pod).await;
    page.wait_until("document.activeElement?.tagName === 'H2'")
        .await;
    page.wait_for_text(".path-panel", &format!("lab kill {pod}"))
        .await;
    watch(
        &page,
        &format!("!status.pods.find(({{ name }}) => name === '{pod}')?.ready"),
        &format!(
            "!document.querySelector('.picture [data-stop=\"{pod}\"]')?.classList.contains('is-ready')"
        ),
    )
    .await;
    page.tab_to(".path-panel .kill").await;
    page.press("Enter").await;
    assert_seen_at_once(&page, "a kill").await;
    page.wait_for_text(".news", &pod).await;
    page.wait_for(&format!("{}.is-ready", stop(&pod))).await;
    page.wait_for_text(&stop(&pod), "↻1").await;
    let restarts = lab.status()["pods"].clone();
    let restarts = restarts.as_array().unwrap().iter();
    let killed = restarts.into_iter().find(|one| one["name"] == pod.as_str());
    assert_eq!(killed.unwrap()["restarts"], 1);

    watch(
        &page,
        "status.services.find(({ name }) => name === 'inventory').replicas === 2",
        "document.querySelector('.picture [data-stop=\"service:inventory\"]').innerText.includes('of 2') || document.querySelectorAll('[data-pods=\"service:inventory\"] .pod').length === 2",
    )
    .await;
    page.tab_to(".path-panel [aria-label='More pods of inventory']")
        .await;
    page.press("Enter").await;
    assert_seen_at_once(&page, "a scale").await;
    page.wait_until(
        "document.querySelectorAll('[data-pods=\"service:inventory\"] .pod.is-ready').length === 2",
    )
    .await;
    assert_eq!(service(&lab.status(), "inventory")["replicas"], 2);

    // The panel closes, and the focus is where it was.
    page.press("Escape").await;
    page.wait_gone(".path-panel").await;
    let focused = format!("document.activeElement?.dataset.stop === {pod:?}");
    page.wait_until(&focused).await;
    // To the right of inventory are the stores, and back.
    page.press("ArrowRight").await;
    page.wait_until("document.activeElement?.closest('.in-store')")
        .await;
    page.press("ArrowLeft").await;
    page.wait_until("document.activeElement?.closest('.in-backend')")
        .await;
    assert_eq!(page.errors().await, Vec::<String>::new());
    browser.close().await;
    lab.down();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_are_dots_that_lead_to_their_films_or_counts_where_nothing_is_to_move() {
    // By default ten seconds of traffic: on a busy machine the page may be looked at for longer.
    let lab = Lab::start("process", "[trace]\nkeep = 10_000\n");
    let browser = Browser::launch().await;
    let page = opened(&lab, &browser, "path").await;
    let traffic = Traffic::of(&lab).await;

    // A dot that is under the pointer when it is pressed.
    let found = eventually!("a dot to click on", {
        let found: String = page
            .evaluate(
                "import('/js/views/path/dots.js').then(({ dots }) => {
                   const picture = document.querySelector('.picture');
                   const box = picture.getBoundingClientRect();
                   for (let x = 0; x < box.width; x += 8) for (let y = 0; y < box.height; y += 8) {
                     const [clientX, clientY] = [box.left + x, box.top + y];
                     const under = document.elementFromPoint(clientX, clientY);
                     if (!dots.near(x, y) || !under?.closest('.picture') || under.closest('button, a')) continue;
                     under.dispatchEvent(new MouseEvent('click', { clientX, clientY, bubbles: true }));
                     return location.hash;
                   }
                   return '';
                 })",
            )
            .await;
        (!found.is_empty()).then_some(found)
    });
    let trace = found.strip_prefix("#/film/").unwrap().to_owned();
    let film = lab.ok(&["trace", &trace]);
    assert!(film.contains("inventory"), "{film}");

    page.evaluate::<bool>("((location.hash = '#/path'), true)")
        .await;
    page.wait_for(".recent a").await;
    let recent: String = page
        .evaluate("document.querySelector('.recent a').getAttribute('href')")
        .await;
    lab.ok(&["trace", recent.strip_prefix("#/film/").unwrap()]);
    // Requests went to the pod that the lab says has the connection, and the wires there are in use.
    let pod = pods_of(&lab.status(), "inventory").remove(0);
    page.wait_until(&format!(
        "document.querySelector({:?})?.innerText.match(/[1-9].*\\/s/)",
        stop(&pod)
    ))
    .await;
    page.wait_for("[data-wire='service:console-api-v2>service:inventory'].is-open")
        .await;
    page.wait_for("[data-wire='service:inventory>service:mongodb'].is-open")
        .await;

    assert_fits(&page, "path", ".picture .pod").await;
    // It has preferred reduced motion since: numbers on the wires, and not one dot.
    page.wait_for_text(".counts", "/s").await;
    let moving: usize = page
        .evaluate("import('/js/views/path/dots.js').then(({ dots }) => dots.size)")
        .await;
    assert_eq!(moving, 0);
    drop(traffic);
    browser.close().await;
    lab.down();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_probe_is_a_word_and_a_shape_and_is_told() {
    let lab = Lab::start(
        "process",
        "[services.inventory]
         readiness = { grpc = 50051, period = \"200ms\", timeout = \"200ms\", failure_threshold = 1 }",
    );
    let browser = Browser::launch().await;
    let page = opened(&lab, &browser, "path").await;
    let pod = pods_of(&lab.status(), "inventory").remove(0);
    page.wait_for(&format!("{}.is-ready", stop(&pod))).await;
    let signal = |name: &str| {
        let pid = lab.pid_of_pod(&pod).unwrap().to_string();
        let status = std::process::Command::new("kill")
            .args([name, &pid])
            .status()
            .unwrap();
        assert!(status.success());
    };
    watch(
        &page,
        &format!("!status.pods.find(({{ name }}) => name === '{pod}')?.ready"),
        &format!(
            "!document.querySelector('.picture [data-stop=\"{pod}\"]')?.classList.contains('is-ready')"
        ),
    )
    .await;
    signal("-STOP");
    assert_seen_at_once(&page, "a failed probe").await;
    page.wait_for_text(&stop(&pod), "not ready").await;
    page.wait_for(&format!("{} .shape.is-unready", stop(&pod)))
        .await;
    page.wait_for_text(".news", &format!("{pod} is not ready"))
        .await;
    page.wait_for_text(&stop("service:inventory"), "0 of 1")
        .await;
    signal("-CONT");
    page.wait_for(&format!("{}.is-ready", stop(&pod))).await;
    page.wait_for_text(".news", &format!("{pod} is ready"))
        .await;
    browser.close().await;
    lab.down();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn services_of_the_users_own_are_where_an_ingress_leads() {
    let lab = Lab::start(
        "process",
        "[cloudforet]
         enabled = false
         [services.echo]
         endpoints = [\"127.0.0.1:9\"]
         port = 80
         [services.apart]
         endpoints = [\"127.0.0.1:9\"]
         port = 80
         [[ingresses]]
         name = \"echo\"
         rules = [{ host = \"echo.lab.localhost\", paths = [{ path = \"/\", service = \"echo\", port = 80 }] }]",
    );
    let browser = Browser::launch().await;
    let page = opened(&lab, &browser, "path").await;
    page.wait_for("[data-wire='lb>service:traefik']").await;
    page.wait_for("[data-wire='service:traefik>service:echo']")
        .await;
    assert_eq!(page.count("[data-wire$='service:apart']").await, 0);
    page.wait_for_text(".in-web [data-stop='127.0.0.1:9']", "127.0.0.1:9")
        .await;
    page.wait_for_text(".in-backend", "apart").await;
    page.wait_for_text(".path", "lab trace echo.lab.localhost/")
        .await;
    assert_eq!(lab.status()["ingresses"][0]["services"], json!(["echo"]));
    assert_eq!(page.errors().await, Vec::<String>::new());
    browser.close().await;
    lab.down();
}

/// What `dashboard_frames.js` measures; times in milliseconds.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Frames {
    tiles: usize,
    drawn: usize,
    p50: f64,
    p95: f64,
    max: f64,
    dots: usize,
    drawn_anew: usize,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_pods_and_five_hundred_requests_a_second_place_nothing_anew() {
    let lab = Lab::start("process", "");
    let browser = Browser::launch().await;
    // What the lab itself tells after its first word would mix with what is made up.
    let first_event_only = "const ask = window.fetch;
        window.fetch = async (path, options) => {
          const answer = await ask(path, options);
          if (path !== 'api/live') return answer;
          const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
          let told = '';
          while (!told.includes('\\n\\n')) told += (await reader.read()).value;
          const first = new TextEncoder().encode(told.slice(0, told.indexOf('\\n\\n') + 2));
          return new Response(new ReadableStream({ start: (stream) => stream.enqueue(first) }));
        };";
    let page = opened_after(&lab, &browser, "path", first_event_only).await;
    page.wait_for(".picture .pod").await;
    let script = include_str!("dashboard_frames.js");
    let script = script.split_once("\n(async").unwrap().1;
    let seconds = 5;
    let frames: Frames = page.evaluate(&format!("(async{script}({seconds})")).await;
    println!(
        "200 pods, 500 requests/s: {} frames in {seconds} s; between frames p50 {} ms, p95 {} ms, max {} ms",
        frames.drawn, frames.p50, frames.p95, frames.max
    );
    assert_eq!(frames.tiles, 200);
    assert!(frames.dots > 200, "{frames:?}");
    assert_eq!(frames.drawn_anew, 0, "ticks move dots and change texts");
    assert_eq!(page.errors().await, Vec::<String>::new());
    browser.close().await;
    lab.down();
}
