//! What the view State asks the admin API for, and the view itself in a real browser.

use std::sync::Arc;

use lab::config::{self, Overrides};
use lab::model::{AppliedConfig, Flavour, Objects, Setting, compile};
use serde_json::Value;

use crate::admin::{Api, api, request, send};
use crate::support::dashboard::{Dashboard, SIZES};
use crate::support::lab::Lab;

/// The API with the default's rules.
fn with_rules() -> Api {
    let api = api();
    let default = config::parse(None, &Overrides::default()).unwrap();
    api.state.registry.change(|cluster| {
        let objects = Objects::new(&cluster.services);
        let compiled = compile(&default.ingresses, &objects, &Flavour::default());
        cluster.routes = Arc::new(compiled.table);
    });
    api
}

async fn route(api: &Api, query: &str) -> (u16, Value) {
    let path = format!("/api/route?{query}");
    let (status, answer) = send(&api.state, request("GET", &path, "")).await;
    (status.as_u16(), answer)
}

#[tokio::test]
async fn the_tester_says_which_rule_wins_and_why_the_others_lose() {
    let api = with_rules();
    let (status, answer) = route(&api, "url=https://Console.Lab.Localhost:8443/a//b?c=d").await;
    assert_eq!(status, 200, "{answer}");
    assert_eq!(answer["host"], "console.lab.localhost");
    assert_eq!(answer["winner"]["ingress"], "console");
    assert!(
        answer["why"]
            .as_str()
            .unwrap()
            .contains("the host is equal")
    );
    assert_eq!(answer["goes_to"][0]["service"], "console");
    assert_eq!(answer["goes_to"][0]["share"], 100.0);
    // No pod runs in this test.
    assert!(
        answer["outcome"].as_str().unwrap().starts_with("503"),
        "{answer}"
    );
    let losers = answer["losers"].as_array().unwrap();
    assert!(losers.len() > 3, "{answer}");
    assert!(
        losers
            .iter()
            .all(|loser| !loser["reason"].as_str().unwrap().is_empty())
    );

    let (_, nobody) = route(&api, "url=nothing.test/x").await;
    assert_eq!(
        (&nobody["winner"], &nobody["tls"]),
        (&Value::Null, &true.into())
    );
    assert!(nobody["outcome"].as_str().unwrap().contains("no-rule"));
}

#[tokio::test]
async fn the_tester_says_what_is_wrong_with_a_question() {
    let api = with_rules();
    for (query, complaint) in [
        ("", "url"),
        ("url=ftp://a/", "neither"),
        ("url=https://a/%2525%zz", "query"),
        ("url=https://a/%25zz", "percent sign"),
        ("url=https:///", "no URL"),
        ("url=a.test&header=nonsense", "`nonsense` is no header"),
        ("url=a.test&colour=red", "colour"),
    ] {
        let (status, answer) = route(&api, query).await;
        assert_eq!(status, 400, "{query} {answer}");
        assert!(
            answer["error"].as_str().unwrap().contains(complaint),
            "{query} {answer}"
        );
    }
}

#[tokio::test]
async fn the_config_is_told_as_the_app_hands_it_over() {
    let api = api();
    let config = AppliedConfig {
        summary: vec!["one".to_owned()],
        settings: vec![Setting {
            key: "ingress.replicas".to_owned(),
            value: 3.into(),
            default: Some(1.into()),
            differs: true,
        }],
        ..AppliedConfig::default()
    };
    let handed = Arc::new(config.clone());
    api.tell(|facts| facts.config = handed);
    let (status, told) = send(&api.state, request("GET", "/api/config", "")).await;
    assert_eq!(status, 200);
    assert_eq!(
        serde_json::from_value::<AppliedConfig>(told).unwrap(),
        config
    );
}

/// `lab route` answers what the tester answers.
fn assert_the_command_line_tells_rules(lab: &Lab) {
    let told = lab.ok(&["route", "https://console.lab.localhost/x"]);
    for part in [
        "asked  GET console.lab.localhost/x over TLS",
        "of console, priority",
        "the host is equal",
        "to     console:80: console-",
        "not these",
    ] {
        assert!(told.contains(part), "{part}: {told}");
    }
    let told = lab.ok(&["route", "nowhere.test", "-X", "POST", "-H", "A: b & c"]);
    assert!(told.contains("rule   none") && told.contains("no-rule"));
    let refused = lab.run(&["route", "ftp://nowhere.test"]);
    assert_eq!(refused.status.code(), Some(1));
    let refused = String::from_utf8(refused.stderr).unwrap();
    assert!(
        refused.contains("neither http:// nor https://"),
        "{refused}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_section_shows_what_the_command_line_tells() {
    let lab = Lab::start("process", "[ingress]\nreplicas = 2\n");
    let dashboard = Dashboard::open(&lab, "state").await;
    let page = &dashboard.page;
    let status = lab.status();
    let names = |list: &str, key: &str| -> Vec<String> {
        let all = status[list].as_array().unwrap().iter();
        all.map(|one| one[key].as_str().unwrap().to_owned())
            .collect()
    };
    for (section, list, key) in [
        ("services", "services", "name"),
        ("pods", "pods", "name"),
        ("rules", "ingresses", "name"),
        ("certificates", "certificates", "secret"),
    ] {
        page.click(&format!(".state-tabs a[href=\"#/state/{section}\"]"))
            .await;
        let rows = format!("[data-section={section}] tbody th");
        page.wait_for(&rows).await;
        let shown = page.texts(&rows).await;
        for name in names(list, key) {
            assert!(
                shown.contains(&name),
                "{section} shows no {name}: {shown:?}"
            );
        }
        dashboard.picture(&format!("state-{section}")).await;
    }

    assert_the_command_line_tells_rules(&lab);
    // The tester, by keyboard alone, says what the API says.
    page.click(".state-tabs a[href=\"#/state/rules\"]").await;
    page.fill("[name=url]", "https://console.lab.localhost/x")
        .await;
    page.press("Enter").await;
    page.wait_for_text(".rule-verdict", "the host is equal")
        .await;
    let console = names("pods", "name")
        .into_iter()
        .find(|name| name.starts_with("console-") && !name.starts_with("console-api"));
    page.wait_for_text(".rule-verdict", &console.unwrap()).await;
    dashboard.picture("state-verdict").await;
    page.fill("[name=url]", "https://nowhere.test/").await;
    page.tab_to("[type=submit]").await;
    page.press("Enter").await;
    page.wait_for_text(".rule-verdict", "no rule").await;

    // Logs of one pod, found through the list of pods, and searched.
    page.click(".state-tabs a[href=\"#/state/pods\"]").await;
    page.click("[aria-label^=\"Logs of inventory-scheduler\"]")
        .await;
    page.wait_for_text(".log", "starting").await;
    let pods = page.texts(".log-line .log-pod").await;
    assert!(
        pods.iter()
            .all(|pod| pod.starts_with("inventory-scheduler")),
        "{pods:?}"
    );
    page.fill("[name=search]", "no line says this").await;
    page.wait_gone(".log-line").await;
    page.fill("[name=search]", "").await;
    page.wait_for(".log-line").await;
    dashboard.picture("state-logs").await;

    page.click(".state-tabs a[href=\"#/state/connections\"]")
        .await;
    page.wait_for_text("[data-section=connections]", "mongodb")
        .await;
    page.wait_for_text("[data-section=connections]", "uniform random")
        .await;
    page.click(".state-tabs a[href=\"#/state/gateways\"]").await;
    page.wait_for_text("[data-section=gateways]", "There is none")
        .await;
    page.click(".state-tabs a[href=\"#/state/reports\"]").await;
    page.wait_for("[data-section=reports]").await;
    page.click(".state-tabs a[href=\"#/state/config\"]").await;
    page.wait_for_text("[data-section=config]", "ingress.replicas")
        .await;
    let text = page.text("[data-section=config]").await;
    let password = status["login"]["password"].as_str().unwrap();
    assert!(!text.contains(password), "{text}");
    dashboard.picture("state-config").await;

    for (width, height) in SIZES {
        for section in [
            "services",
            "pods",
            "logs",
            "connections",
            "rules",
            "certificates",
            "config",
        ] {
            dashboard
                .fits(&format!("state/{section}"), width, height)
                .await;
        }
    }
    dashboard.close().await;
}
