//! What the ingress and the load balancer do to requests and connections.

use super::*;
use crate::eventually;

#[test]
fn what_makes_no_sense_is_refused_and_what_acts_is_shown() {
    let lab = Lab::start("process", &shop(1));
    let pod = ready_pods(&lab, "shop").pop().unwrap();
    for (arguments, expected) in [
        (
            &["full", "shpo"][..],
            &["there is no pod", "did you mean shop?"][..],
        ),
        (&["down", &*pod], &["down needs a Deployment", "freeze"]),
        (&["freeze", "ingress"], &["freeze needs a pod"]),
        (&["clock", "example.org", "--by", "+1d"], &["example.org"]),
        (
            &["clock", "shop", "--by", "+1d"],
            &["clock needs a host name"],
        ),
        (
            &["reset", "shop", "--rate", "1.5"],
            &["more than 0 and at most 1"],
        ),
        (
            &["errors", "shop", "--status", "200"],
            &["between 400 and 599"],
        ),
        (&["delay", "shop", "--by", "2h"], &["between 1ms and 1h"]),
        (&["errors", "mailer"], &["errors needs a pod"]),
    ] {
        let told = refused(&lab.run(&[&["fault", "add"][..], arguments].concat()));
        for part in expected {
            assert!(told.contains(part), "{arguments:?}: {told}");
        }
    }
    assert!(refused(&lab.run(&["fault", "undo", "7"])).contains("there is no fault 7"));
    assert!(lab.ok(&["fault", "list"]).contains("nothing is broken"));

    let id = add(&lab, &["delay", "shop", "--by", "1ms", "--seed", "42"]);
    assert_eq!(list(&lab)[0]["seed"], 42);
    assert_eq!(lab.status()["faults"][0]["target"], "Service shop");
    let shown = lab.ok(&["status"]);
    assert!(shown.contains("delay by 1 ms at Service shop"), "{shown}");
    // Reading the files again mends nothing.
    lab.file(
        "lab.toml",
        &std::fs::read_to_string(lab.folder().join("lab.toml")).unwrap(),
    );
    lab.ok(&["reload"]);
    assert_eq!(list(&lab).len(), 1);
    lab.ok(&["fault", "undo", &id.to_string()]);
    assert!(!lab.ok(&["status"]).contains("broken"));
    lab.down();
}

#[tokio::test]
async fn a_fault_ends_by_itself_when_its_time_is_over() {
    let lab = Lab::start("process", &shop(1));
    add(&lab, &["errors", "shop", "--for", "1s"]);
    eventually!("it ends", list(&lab).is_empty().then_some(()));
    assert_eq!(errors(&load(&lab, &[])), []);
    lab.down();
}

#[test]
fn delays_of_a_service_of_a_pod_and_of_the_ingress_are_felt_until_undone() {
    let lab = Lab::start("process", &shop(1));
    let pod = ready_pods(&lab, "shop").pop().unwrap();
    for target in ["shop", &pod, "ingress", "traefik-0"] {
        add(&lab, &["delay", target, "--by", "300ms"]);
        let result = load(&lab, &[]);
        assert_eq!(errors(&result), [], "{target}");
        assert!(
            result["latency"]["p50"].as_u64() >= Some(300_000),
            "{target}: {result}"
        );
        let film = lab.ok(&["trace", &shop_url(&lab)]);
        assert!(
            film.contains("broken on purpose: fault"),
            "{target}: {film}"
        );
        assert!(film.contains("delay by 300 ms"), "{target}: {film}");
        undo(&lab);
        let result = load(&lab, &[]);
        assert!(
            result["latency"]["p50"].as_u64() < Some(300_000),
            "{target}: {result}"
        );
    }
    lab.down();
}

#[tokio::test]
async fn errors_are_drawn_at_their_rate_and_a_seed_repeats_them() {
    let lab = Lab::start("process", &shop(1));
    let (https, url) = (lab.https(), shop_url(&lab));
    let mut sequences = Vec::new();
    for seed in ["7", "7", "8"] {
        add(
            &lab,
            &[
                "errors", "shop", "--rate", "0.3", "--status", "500", "--seed", seed,
            ],
        );
        let mut sequence = Vec::new();
        for _ in 0..60 {
            let answer = https.get(&url).await.unwrap();
            let code = answer.headers.get("x-lab-error");
            assert_eq!(
                code.is_some_and(|code| code == "fault"),
                answer.status == 500
            );
            sequence.push(answer.status.as_u16());
        }
        sequences.push(sequence);
        undo(&lab);
    }
    let count = sequences[0].iter().filter(|status| **status == 500).count();
    assert!((8..30).contains(&count), "{count} of 60");
    assert_eq!(sequences[0], sequences[1]);
    assert_ne!(sequences[0], sequences[2]);
    let answer = https.get(&url).await.unwrap();
    assert_eq!(answer.status, 200);
    lab.down();
}

#[test]
fn resets_silence_and_full_queues_end_with_their_undoing() {
    let lab = Lab::start("process", &shop(1));
    let timeout = ["--timeout", "300ms"];
    for (fault, expected) in [
        (&["reset", "shop"][..], ("status 502", Some("fault"))),
        (&["reset", "ingress"], ("reset", None)),
        (&["drop", "shop"], ("timeout", None)),
        (&["drop", "ingress"], ("timeout", None)),
        (&["reset", "load-balancer"], ("TLS reset", None)),
        (&["drop", "load-balancer"], ("connect timeout", None)),
        (&["full", "load-balancer"], ("connect timeout", None)),
    ] {
        add(&lab, fault);
        let result = load(&lab, &timeout);
        let told = errors(&result);
        let (cause, code, _) = told[0];
        assert_eq!((cause, code), expected, "{fault:?}: {result}");
        assert_eq!(result["statuses"].get("200"), None, "{fault:?}: {result}");
        undo(&lab);
        assert_eq!(errors(&load(&lab, &timeout)), [], "{fault:?}");
    }
    lab.down();
}

#[test]
fn a_clock_that_is_wrong_shows_in_the_certificate_until_undone() {
    for controller in ["traefik", "nginx"] {
        let toml = format!("{}\n[ingress]\ncontroller = \"{controller}\"\n", shop(1));
        let lab = Lab::start("process", &toml);
        let host = "shop.lab.localhost";
        let good = || -> Value {
            let told: Value = serde_json::from_str(&lab.ok(&["-o", "json", "cert", host])).unwrap();
            told["good"].clone()
        };
        assert_eq!(good(), true);
        for (by, expected) in [("-400d", "expired"), ("+2d", "not valid yet")] {
            add(&lab, &["clock", host, "--by", by]);
            let started = std::time::Instant::now();
            while good() == true {
                assert!(
                    started.elapsed().as_secs() < 20,
                    "{controller} {by}: it is served"
                );
            }
            let result = load(&lab, &[]);
            let told = errors(&result);
            assert!(
                told[0].0.starts_with("TLS: "),
                "{controller} {by}: {result}"
            );
            assert!(told[0].0.contains(expected), "{controller} {by}: {result}");
            undo(&lab);
            let started = std::time::Instant::now();
            while good() == false {
                assert!(
                    started.elapsed().as_secs() < 20,
                    "{controller} {by}: it is gone"
                );
            }
        }
        assert_eq!(errors(&load(&lab, &[])), []);
        lab.down();
    }
}
