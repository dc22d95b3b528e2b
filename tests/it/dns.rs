//! What cluster DNS says about names.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{RData, RecordType};
use lab::dns::Settings;
use lab::net::Resolver;
use std::net::IpAddr;

use crate::dns_support::{Dns, addresses, ip, pod, put, question};
use crate::kube_proxy_support::service;

#[tokio::test]
async fn names_of_services_have_these_addresses() {
    let dns = Dns::start(Settings::default()).await;
    let no_error = ResponseCode::NoError;
    let no_name = ResponseCode::NXDomain;
    let cases: &[(&str, ResponseCode, &[IpAddr])] = &[
        ("inventory.", no_error, &[ip(20)]),
        ("inventory.cloudforet.", no_error, &[ip(20)]),
        ("inventory.cloudforet.svc.", no_error, &[ip(20)]),
        (
            "inventory.cloudforet.svc.cluster.local.",
            no_error,
            &[ip(20)],
        ),
        (
            "INVENTORY.CloudForet.SVC.cluster.LOCAL.",
            no_error,
            &[ip(20)],
        ),
        ("elsewhere.", no_error, &[ip(22)]),
        ("plugins.", no_error, &[pod(1), pod(2)]),
        (
            "plugins.cloudforet.svc.cluster.local.",
            no_error,
            &[pod(1), pod(2)],
        ),
        (
            "plugins-2.plugins.cloudforet.svc.cluster.local.",
            no_error,
            &[pod(2)],
        ),
        (
            "plugins-3.plugins.cloudforet.svc.cluster.local.",
            no_name,
            &[],
        ),
        ("nobody.cloudforet.svc.cluster.local.", no_name, &[]),
        (
            "10-42-0-7.cloudforet.pod.cluster.local.",
            no_error,
            &[[10, 42, 0, 7].into()],
        ),
        ("10-42-0.cloudforet.pod.cluster.local.", no_name, &[]),
        ("unknown.", no_name, &[]),
        ("unknown.cloudforet.", no_name, &[]),
        ("unknown.cloudforet.svc.cluster.local.", no_name, &[]),
        ("inventory.default.svc.cluster.local.", no_name, &[]),
        ("x.inventory.cloudforet.svc.cluster.local.", no_name, &[]),
        ("inventory.cluster.local.", no_name, &[]),
        ("cloudforet.svc.cluster.local.", no_error, &[]),
        ("svc.cluster.local.", no_error, &[]),
        ("cluster.local.", no_error, &[]),
    ];
    for (name, code, expected) in cases {
        let answer = dns.ask(name, RecordType::A).await;
        assert_eq!(answer.metadata.response_code, *code, "{name}");
        assert_eq!(addresses(&answer), *expected, "{name}");
        assert!(answer.metadata.authoritative, "{name}");
        // Who asks in mixed case compares letter by letter.
        assert_eq!(answer.queries[0].name().to_ascii(), *name);
        for record in &answer.answers {
            assert_eq!(record.name.to_ascii(), *name);
            assert_eq!(record.ttl, 5);
        }
        // An empty answer says how long it may be remembered.
        let negative = matches!(
            answer.authorities.as_slice(),
            [record] if record.record_type() == RecordType::SOA
        );
        assert_eq!(negative, expected.is_empty(), "{name}");
    }
}

#[tokio::test]
async fn other_types_of_a_known_name_are_empty_and_no_error() {
    let dns = Dns::start(Settings::default()).await;
    for kind in [
        RecordType::AAAA,
        RecordType::TXT,
        RecordType::MX,
        RecordType::HTTPS,
    ] {
        let answer = dns
            .ask("inventory.cloudforet.svc.cluster.local.", kind)
            .await;
        assert_eq!(answer.metadata.response_code, ResponseCode::NoError);
        assert_eq!(answer.answers, []);
        assert_eq!(answer.authorities[0].record_type(), RecordType::SOA);
    }
}

#[tokio::test]
async fn named_ports_are_found_by_srv() {
    let dns = Dns::start(Settings::default()).await;
    let full = "_grpc._tcp.inventory.cloudforet.svc.cluster.local.";
    for name in [
        full,
        "_grpc._tcp.inventory.",
        "_grpc._tcp.inventory.cloudforet.",
    ] {
        let answer = dns.ask(name, RecordType::SRV).await;
        let [record] = answer.answers.as_slice() else {
            panic!("{name}: {answer}");
        };
        let RData::SRV(srv) = &record.data else {
            panic!("{name}: {answer}");
        };
        assert_eq!(srv.port, 50051);
        let target = "inventory.cloudforet.svc.cluster.local.";
        assert_eq!(srv.target.to_ascii(), target);
        assert_eq!(answer.additionals[0].name.to_ascii(), target);
    }
    let headless = "_grpc._tcp.plugins.cloudforet.svc.cluster.local.";
    let answer = dns.ask(headless, RecordType::SRV).await;
    assert_eq!((answer.answers.len(), answer.additionals.len()), (2, 2));
    // The targets resolve, too.
    for record in &answer.additionals {
        let target = dns.ask(&record.name.to_ascii(), RecordType::A).await;
        assert_eq!(target.answers[0].data, record.data);
    }
    let unknown = full.replace("grpc", "http");
    let answer = dns.ask(&unknown, RecordType::SRV).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);
}

#[tokio::test]
async fn a_cluster_ip_has_a_name() {
    let dns = Dns::start(Settings::default()).await;
    let answer = dns
        .ask("20.200.43.127.in-addr.arpa.", RecordType::PTR)
        .await;
    let RData::PTR(name) = &answer.answers[0].data else {
        panic!("{answer}");
    };
    assert_eq!(name.0.to_ascii(), "inventory.cloudforet.svc.cluster.local.");
}

#[tokio::test]
async fn a_change_is_visible_to_the_next_question() {
    let dns = Dns::start(Settings::default()).await;
    assert!(addresses(&dns.ask("redis.", RecordType::A).await).is_empty());
    dns.registry.change(|cluster| {
        put(
            cluster,
            service("redis", "127.43.200.30:6379".parse().unwrap()),
        );
    });
    assert_eq!(addresses(&dns.ask("redis.", RecordType::A).await), [ip(30)]);
}

/// The names that an answer goes along, and the addresses at its end.
fn chain(answer: &hickory_proto::op::Message) -> (Vec<String>, Vec<IpAddr>) {
    let names = answer
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::CNAME(name) => Some(name.0.to_ascii()),
            _ => None,
        });
    (names.collect(), addresses(answer))
}

#[tokio::test]
async fn an_external_name_is_an_alias() {
    // Somebody else's server, which knows one name.
    let elsewhere = Dns::start(Settings::default()).await;
    elsewhere.registry.change(|cluster| {
        let mut outside = service("example", "127.43.200.99:80".parse().unwrap());
        outside.namespace = "com".to_owned();
        put(cluster, outside);
    });
    let dns = Dns::start(Settings {
        upstream: vec![elsewhere.address],
        ..Settings::default()
    })
    .await;
    let external = |name: &str, target: &str| {
        let mut service = service(name, "127.43.200.31:80".parse().unwrap());
        service.kind = lab::model::ServiceType::ExternalName;
        service.cluster_ip = lab::model::ClusterIp::None;
        service.external_name = Some(target.to_owned());
        service.ports.clear();
        service
    };
    dns.registry.change(|cluster| {
        for (name, target) in [
            ("inside", "inventory.cloudforet.svc.cluster.local"),
            ("further", "inside.cloudforet.svc.cluster.local"),
            ("outside", "Example.com"),
            ("lost", "nowhere.invalid"),
            ("circle", "circle.cloudforet.svc.cluster.local"),
        ] {
            put(cluster, external(name, target));
        }
    });
    let inventory = "inventory.cloudforet.svc.cluster.local.";
    let inside = "inside.cloudforet.svc.cluster.local.";
    for (name, names, expected) in [
        ("inside.", vec![inventory], vec![ip(20)]),
        (inside, vec![inventory], vec![ip(20)]),
        ("further.", vec![inside, inventory], vec![ip(20)]),
    ] {
        let answer = dns.ask(name, RecordType::A).await;
        assert_eq!(
            answer.metadata.response_code,
            ResponseCode::NoError,
            "{name}"
        );
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        assert_eq!(chain(&answer), (names, expected), "{name}");
    }
    // The end of these is somebody else's to know.
    for (name, target, expected) in [
        ("outside.", "example.com.", vec![ip(99)]),
        ("lost.", "nowhere.invalid.", vec![]),
    ] {
        let answer = dns.exchange_tcp(&question(name, RecordType::A)).await;
        assert_eq!(chain(&answer.unwrap()), (vec![target.to_owned()], expected));
    }
    let over_udp = Resolver::at(dns.address).resolve("outside", 80).await;
    assert_eq!(over_udp.unwrap(), ["127.43.200.99:80".parse().unwrap()]);
    // Who asks for the alias gets the alias, and another type of the target is empty.
    let alias = dns.ask("inside.", RecordType::CNAME).await;
    assert_eq!(chain(&alias), (vec![inventory.to_owned()], vec![]));
    let other = dns.ask("inside.", RecordType::AAAA).await;
    assert_eq!(chain(&other), (vec![inventory.to_owned()], vec![]));
    // It has an end.
    let circle = dns.ask("circle.", RecordType::A).await;
    assert_eq!(chain(&circle).0.len(), 8);
    let below = dns.ask("_http._tcp.inside.", RecordType::SRV).await;
    assert_eq!(below.metadata.response_code, ResponseCode::NXDomain);
}
