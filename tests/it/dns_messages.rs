//! What cluster DNS does with packets of every kind, and the resolver that asks it.

use std::net::SocketAddr;
use std::time::Duration;

use hickory_proto::op::{Edns, Message, OpCode, ResponseCode};
use hickory_proto::rr::RecordType;
use lab::dns::Settings;
use lab::model::EndpointSlice;
use lab::net::Resolver;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UdpSocket};

use crate::dns_support::{Dns, addresses, ip, put, question};
use crate::kube_proxy_support::{PATIENCE, endpoint, service};

#[tokio::test]
async fn what_does_not_fit_is_truncated_and_whole_over_tcp() {
    let dns = Dns::start(Settings::default()).await;
    dns.registry.change(|cluster| {
        let endpoints = (0..200)
            .map(|number| {
                let address = SocketAddr::from(([127, 42, 201, number], 50051));
                endpoint(&format!("plugins-{number}"), address)
            })
            .collect();
        let slice = EndpointSlice {
            service: "plugins".to_owned(),
            endpoints,
        };
        cluster.slices.insert("plugins".to_owned(), slice.into());
    });
    let mut query = question("plugins.", RecordType::A);
    let plain = dns.exchange(&query).await.unwrap();
    assert!(plain.metadata.truncation);
    assert!(plain.to_vec().unwrap().len() <= 512);
    assert!(plain.answers.len() > 20, "{}", plain.answers.len());
    let mut edns = Edns::new();
    edns.set_max_payload(4096);
    query.set_edns(edns);
    let larger = dns.exchange(&query).await.unwrap();
    assert!(larger.metadata.truncation);
    assert!(larger.edns.is_some());
    let length = larger.to_vec().unwrap().len();
    assert!((1000..=1232).contains(&length), "{length}");
    let whole = dns.exchange_tcp(&query).await.unwrap();
    assert!(!whole.metadata.truncation);
    assert_eq!(whole.answers.len(), 200);
    // The resolver takes that way by itself.
    let found = Resolver::at(dns.address)
        .resolve("plugins", 1)
        .await
        .unwrap();
    assert_eq!(found.len(), 200);
}

#[tokio::test]
async fn what_is_not_a_plain_question_gets_the_code_for_it() {
    let dns = Dns::start(Settings::default()).await;
    let name = "inventory.cloudforet.svc.cluster.local.";
    let code = |message: Option<Message>| message.unwrap().metadata.response_code;

    let mut other = question(name, RecordType::A);
    other.metadata.op_code = OpCode::Update;
    assert_eq!(code(dns.exchange(&other).await), ResponseCode::NotImp);

    let mut two = question(name, RecordType::A);
    two.add_query(two.queries[0].clone());
    assert_eq!(code(dns.exchange(&two).await), ResponseCode::FormErr);

    let mut none = question(name, RecordType::A);
    none.queries.clear();
    assert_eq!(code(dns.exchange(&none).await), ResponseCode::FormErr);

    let transfer = question("cluster.local.", RecordType::AXFR);
    assert_eq!(code(dns.exchange(&transfer).await), ResponseCode::Refused);

    let mut chaos = question(name, RecordType::TXT);
    chaos.queries[0].set_query_class(hickory_proto::rr::DNSClass::CH);
    assert_eq!(code(dns.exchange(&chaos).await), ResponseCode::Refused);

    let mut future = question(name, RecordType::A);
    let mut edns = Edns::new();
    edns.set_version(7);
    future.set_edns(edns);
    // 16 means BADSIG beside a signature and BADVERS beside EDNS; the library cannot tell.
    assert_eq!(u16::from(code(dns.exchange(&future).await)), 16);

    let outside = question("example.com.", RecordType::A);
    assert_eq!(code(dns.exchange(&outside).await), ResponseCode::Refused);

    let mut response = question(name, RecordType::A).into_response();
    response.metadata.id = 1;
    assert_eq!(dns.exchange(&response).await, None);
}

#[tokio::test]
async fn malformed_packets_do_no_harm() {
    let dns = Dns::start(Settings::default()).await;
    let good = question("inventory.", RecordType::A).to_vec().unwrap();
    assert_eq!(dns.send(&[]).await, None);
    assert_eq!(dns.send(&good[..11]).await, None);
    for length in 12..good.len() {
        let answer = dns.send(&good[..length]).await.unwrap();
        assert_eq!(answer.metadata.response_code, ResponseCode::FormErr);
    }
    // A name that points to itself.
    let mut endless = good[..12].to_vec();
    endless.extend([0xc0, 12, 0, 1, 0, 1]);
    let answer = dns.send(&endless).await.unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::FormErr);

    // Whatever the bytes are, the server goes on (`send` waits for its next answer).
    let mut dice = fastrand::Rng::with_seed(5);
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    for _ in 0..3_000 {
        let mut packet = good.clone();
        for _ in 0..dice.usize(1..6) {
            let place = dice.usize(..packet.len());
            packet[place] = dice.u8(..);
        }
        socket.send_to(&packet, dns.address).await.unwrap();
        let noise: Vec<u8> = (0..dice.usize(..80)).map(|_| dice.u8(..)).collect();
        socket.send_to(&noise, dns.address).await.unwrap();
    }
    let mut stream = TcpStream::connect(dns.address).await.unwrap();
    stream.write_all(&[0, 3, 1, 2, 3, 0, 0]).await.unwrap();
    let ended = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await;
    assert!(matches!(ended.unwrap(), Ok(0) | Err(_)));
    assert_eq!(
        addresses(&dns.ask("inventory.", RecordType::A).await),
        [ip(20)]
    );
}

#[tokio::test]
async fn other_names_are_forwarded_and_the_next_server_is_asked() {
    // The upstream is another of these servers, which knows a Service by that name.
    let upstream = Dns::start(Settings::default()).await;
    upstream.registry.change(|cluster| {
        let mut outside = service("example", "127.43.200.99:80".parse().unwrap());
        outside.namespace = "com".to_owned();
        put(cluster, outside);
    });
    let silent = UdpSocket::bind("127.43.200.11:0").await.unwrap();
    let dns = Dns::start(Settings {
        upstream: vec![silent.local_addr().unwrap(), upstream.address],
        timeout: Duration::from_millis(50),
    })
    .await;
    let answer = Resolver::at(dns.address).resolve("example.com", 80).await;
    assert_eq!(answer.unwrap(), ["127.43.200.99:80".parse().unwrap()]);
    let over_tcp = dns
        .exchange_tcp(&question("example.com.", RecordType::A))
        .await;
    assert_eq!(addresses(&over_tcp.unwrap()), [ip(99)]);
    // Our own names never leave.
    let answer = dns.ask("unknown.", RecordType::A).await;
    assert_eq!(answer.metadata.response_code, ResponseCode::NXDomain);

    upstream.trigger.trigger();
    upstream.task.await.unwrap();
    let mut query = question("example.com.", RecordType::A);
    query.metadata.id = 77;
    let answer = dns.exchange_tcp(&query).await.unwrap();
    assert_eq!(answer.metadata.response_code, ResponseCode::ServFail);
    assert_eq!(answer.metadata.id, 77);
}

#[tokio::test]
async fn the_resolver_says_what_is_wrong() {
    let dns = Dns::start(Settings::default()).await;
    let resolver = Resolver::at(dns.address);
    let found = resolver.resolve("inventory", 50051).await.unwrap();
    assert_eq!(found, [SocketAddr::new(ip(20), 50051)]);
    let literal = resolver.resolve("127.0.0.1", 1).await.unwrap();
    assert_eq!(literal, ["127.0.0.1:1".parse().unwrap()]);
    let error = resolver.resolve("unknown", 1).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::NotFound);
    let expected = format!("no such name unknown (asked {})", dns.address);
    assert_eq!(error.to_string(), expected);
    let error = resolver.resolve("example.com", 1).await.unwrap_err();
    assert!(error.to_string().contains("example.com"), "{error}");
    let error = resolver.resolve("a..b", 1).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    dns.trigger.trigger();
    dns.task.await.unwrap();
    let error = resolver.resolve("inventory", 1).await.unwrap_err();
    assert!(
        error.to_string().contains("asking 127.43.200.10"),
        "{error}"
    );
}
