//! The cases of the Kubernetes ingress conformance suite, over real sockets and in both flavours,
//! and the page that tells how they end.
//!
//! A file of `tests/conformance` holds objects, `---`, and cases as in `tests/filters`, with
//! `# case: NAME` above each. `= @traefik …` stands for all other expectations in that flavour, and
//! then `# differs traefik: WHY` must say why it differs from the specification.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Response;

use crate::filters::Ingresses;
use crate::gateway;
use crate::ingress_support;

const FLAVOURS: [&str; 2] = ["traefik", "nginx"];
const BEGIN: &str = "<!-- fidelity:begin -->\n";
const END: &str = "<!-- fidelity:end -->";

/// The suite has 30 cases; these two are no request to one Ingress.
const ELSEWHERE: [(&str, &str); 2] = [
    (
        "load balancing: 100 requests reach all of 10 pods",
        "a_hundred_requests_reach_all_of_ten_pods",
    ),
    (
        "ingress class: an unknown class gets no address",
        "a_lab_serves_what_manifests_say",
    ),
];

struct Case {
    name: String,
    block: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Each file with its objects and its cases.
fn files() -> Vec<(PathBuf, String, Vec<Case>)> {
    let names = ["default_backend", "hosts", "paths"];
    let read = |name: &str| {
        let path = root().join(format!("tests/conformance/{name}.txt"));
        let text = std::fs::read_to_string(&path).unwrap();
        let (objects, cases) = text.split_once("\n---\n").unwrap();
        let cases = cases.split("\n\n").map(|block| Case {
            name: line(block, "# case: ").unwrap().to_owned(),
            block: block.to_owned(),
        });
        (path.clone(), objects.to_owned(), cases.collect())
    };
    names.into_iter().map(read).collect()
}

/// The rest of the first line that begins so.
fn line<'b>(block: &'b str, start: &str) -> Option<&'b str> {
    block.lines().find_map(|line| line.strip_prefix(start))
}

/// What is expected in one flavour.
fn in_flavour(block: &str, flavour: &str) -> String {
    let own = format!("= @{flavour} ");
    let differs = block.contains(&own);
    let mut text = String::new();
    for line in block.lines() {
        match line.strip_prefix(&own) {
            Some(expected) => writeln!(text, "= {expected}").unwrap(),
            None if line.starts_with("= @") || differs && line.starts_with("= ") => {}
            None => writeln!(text, "{line}").unwrap(),
        }
    }
    text
}

/// Whether a flavour has a reason to end otherwise than the specification says.
fn reason<'b>(block: &'b str, flavour: &str) -> Option<&'b str> {
    line(block, &format!("# differs {flavour}: "))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_ends_as_the_page_says() {
    let mut wrong = Vec::new();
    let mut seen = BTreeSet::new();
    for (path, objects, cases) in files() {
        for flavour in FLAVOURS {
            let config = format!("[ingress]\ncontroller = \"{flavour}\"\n{objects}");
            let ingresses = Ingresses::start(&config).await;
            for case in &cases {
                seen.insert(case.name.clone());
                let block = in_flavour(&case.block, flavour);
                assert!(block.contains("\n= "), "{}: {flavour}", case.name);
                for problem in ingresses.check(&block).await {
                    let file = path.display();
                    wrong.push(format!("{file}: {} ({flavour}): {problem}", case.name));
                }
            }
        }
    }
    assert_eq!(seen.len() + ELSEWHERE.len(), 30, "all cases of the suite");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test]
async fn a_hundred_requests_reach_all_of_ten_pods() {
    let mut pods = Vec::new();
    for number in 0..10 {
        let told = format!("pod {number}");
        let answer = move |_| {
            let body = Full::new(Bytes::from(told.clone())).map_err(|never| match never {});
            async move { Response::new(body.boxed()) }
        };
        pods.push(ingress_support::pod(answer).await);
    }
    let path = ingress_support::Path::start(&pods);
    let mut sender = path.h1().await;
    let mut reached = BTreeSet::new();
    for _ in 0..100 {
        sender.ready().await.unwrap();
        let response = sender
            .send_request(ingress_support::get("/"))
            .await
            .unwrap();
        assert_eq!(response.status(), 200);
        reached.insert(ingress_support::text(response).await);
    }
    assert_eq!(reached.len(), 10, "{reached:?}");
}

#[test]
fn the_page_tells_what_the_tests_know() {
    let page = root().join("docs/fidelity.md");
    let readme = root().join("README.md");
    let text = std::fs::read_to_string(&readme).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (_, after) = rest.split_once(END).unwrap();
    let wanted = format!("{before}{BEGIN}{}{END}{after}", summary());
    if std::env::var_os("LAB_BLESS").is_some() {
        std::fs::write(&page, whole()).unwrap();
        std::fs::write(&readme, wanted).unwrap();
        return;
    }
    let hint = "run the test with LAB_BLESS=1 to write it";
    assert_eq!(std::fs::read_to_string(&page).unwrap(), whole(), "{hint}");
    assert_eq!(text, wanted, "{hint}");
}

/// The lines of the README.
fn summary() -> String {
    let mut text = "| 30 cases of the ingress conformance suite | as specified | differ on purpose |\n|---|---|---|\n".to_owned();
    let files = files();
    for flavour in FLAVOURS {
        let cases = files.iter().flat_map(|(_, _, cases)| cases);
        let differ = cases
            .filter(|case| reason(&case.block, flavour).is_some())
            .count();
        writeln!(text, "| `{flavour}` | {} | {differ} |", 30 - differ).unwrap();
    }
    text.push_str(
        "\n| cases of the Gateway API suite, both flavours | as specified | partly | not |\n|---|---|---|---|\n",
    );
    let cases = gateway::cases();
    for (kind, start) in [("HTTPRoute", "HTTP"), ("GRPCRoute", "GRPC")] {
        for level in ["core", "extended", "provisional"] {
            let of_kind = |name: &str, of: &str| name.starts_with(start) && of == level;
            let run = cases.iter().filter(|case| of_kind(&case.name, &case.level));
            let partly = run.clone().filter(|case| case.partly.is_some()).count();
            let not = gateway::NOT_PASSED.iter();
            let not = not.filter(|(name, of, _)| of_kind(name, of)).count();
            let passed = run.count() - partly;
            writeln!(text, "| {kind}, {level} | {passed} | {partly} | {not} |").unwrap();
        }
    }
    text
}

/// The rows of Gateway API.
fn gateway_rows(page: &mut String) {
    page.push_str("\n## Gateway API conformance\n\nBoth flavours read Gateway API's objects in the same way.\n\n| case | level | traefik and nginx |\n|---|---|---|\n");
    for case in gateway::cases() {
        let outcome = case
            .partly
            .map_or("pass".to_owned(), |why| format!("partly: {why}"));
        writeln!(page, "| {} | {} | {outcome} |", case.name, case.level).unwrap();
    }
    for (name, level, why) in gateway::NOT_PASSED {
        writeln!(page, "| {name} | {level} | not: {why} |").unwrap();
    }
}

/// The whole page.
fn whole() -> String {
    let mut page = "# Fidelity\n\nWritten from the data that the tests run on; `LAB_BLESS=1` writes it anew.\n\n\
        ## Ingress conformance\n\n| case | traefik | nginx |\n|---|---|---|\n"
        .to_owned();
    for (_, _, cases) in files() {
        for case in cases {
            let [traefik, nginx] = FLAVOURS.map(|flavour| match reason(&case.block, flavour) {
                Some(reason) => format!("differs: {reason}"),
                None => "pass".to_owned(),
            });
            writeln!(page, "| {} | {traefik} | {nginx} |", case.name).unwrap();
        }
    }
    for (name, test) in ELSEWHERE {
        writeln!(page, "| {name} (`{test}`) | pass | pass |").unwrap();
    }
    gateway_rows(&mut page);
    page.push_str(
        "\n## Differences from the real controllers\n\nFound by sending the same objects and requests to the lab, to Traefik 3.7, and to nginx\nconfigured as ingress-nginx renders the objects.\n\n\
         | requests | flavour | the real one | the lab | why |\n|---|---|---|---|---|\n",
    );
    let differences = root().join("tests/conformance/differences.txt");
    let differences = std::fs::read_to_string(differences).unwrap();
    let mut seen = 0;
    for line in differences.lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<_> = line
            .split(" | ")
            .map(|cell| cell.replace('|', "\\|"))
            .collect();
        assert_eq!(cells.len(), 5, "{line}");
        writeln!(page, "| {} |", cells.join(" | ")).unwrap();
        seen += 1;
    }
    assert!(seen > 20, "differences were found");
    page
}
