//! Cluster DNS over real sockets, asked with another party's messages.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and so do the functions it is made of"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use hickory_proto::op::{Edns, Message, OpCode, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use lab::dns::{Settings, serve};
use lab::model::{ClusterIp, EndpointSlice, Service};
use lab::net::{Resolver, Trigger};
use lab::registry::{Cluster, Registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

use crate::kube_proxy_support::{PATIENCE, endpoint, service};

struct Dns {
    address: SocketAddr,
    registry: Registry,
    trigger: Trigger,
    task: JoinHandle<()>,
}

impl Dns {
    async fn start(settings: Settings) -> Self {
        let (udp, tcp) = sockets().await;
        let address = udp.local_addr().unwrap();
        let registry = Registry::new(cluster());
        let (trigger, shutdown) = Trigger::new();
        let task = tokio::spawn(serve(udp, tcp, registry.reader(), settings, shutdown));
        Self {
            address,
            registry,
            trigger,
            task,
        }
    }

    async fn ask(&self, name: &str, kind: RecordType) -> Message {
        let over_udp = self.exchange(&question(name, kind)).await.unwrap();
        let over_tcp = self.exchange_tcp(&question(name, kind)).await.unwrap();
        assert_eq!(
            sorted(&over_udp),
            sorted(&over_tcp),
            "UDP and TCP differ for {name}"
        );
        over_udp
    }

    async fn exchange(&self, query: &Message) -> Option<Message> {
        self.send(&query.to_vec().unwrap()).await
    }

    /// `None` if there is no answer to this packet, which a ping behind it tells.
    async fn send(&self, packet: &[u8]) -> Option<Message> {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        socket.connect(self.address).await.unwrap();
        socket.send(packet).await.unwrap();
        let mut ping = question("ping.cluster.local.", RecordType::A);
        ping.metadata.id = 0xbeef;
        socket.send(&ping.to_vec().unwrap()).await.unwrap();
        let mut buffer = vec![0; 65_535];
        let received = tokio::time::timeout(PATIENCE, socket.recv(&mut buffer)).await;
        let length = received.unwrap().unwrap();
        let answer = Message::from_vec(&buffer[..length]).unwrap();
        (answer.metadata.id != 0xbeef).then_some(answer)
    }

    async fn exchange_tcp(&self, query: &Message) -> std::io::Result<Message> {
        let mut stream = TcpStream::connect(self.address).await?;
        let packet = query.to_vec().unwrap();
        stream
            .write_u16(u16::try_from(packet.len()).unwrap())
            .await?;
        stream.write_all(&packet).await?;
        let length = stream.read_u16().await?;
        let mut answer = vec![0; usize::from(length)];
        stream.read_exact(&mut answer).await?;
        Ok(Message::from_vec(&answer).unwrap())
    }
}

/// Both sockets on one address.
async fn sockets() -> (UdpSocket, TcpListener) {
    loop {
        let udp = UdpSocket::bind("127.43.200.10:0").await.unwrap();
        if let Ok(tcp) = TcpListener::bind(udp.local_addr().unwrap()).await {
            return (udp, tcp);
        }
    }
}

fn cluster() -> Cluster {
    let mut cluster = Cluster::default();
    let inventory = service("inventory", "127.43.200.20:50051".parse().unwrap());
    let mut headless = service("plugins", "127.43.200.21:50051".parse().unwrap());
    headless.cluster_ip = ClusterIp::None;
    headless.ports[0].listen = None;
    let mut pods: Vec<_> = (1..=3)
        .map(|number| {
            let address = SocketAddr::from(([127, 42, 200, number], 50051));
            endpoint(&format!("plugins-{number}"), address)
        })
        .collect();
    pods[2].conditions.ready = false;
    let mut nobody = headless.clone();
    "nobody".clone_into(&mut nobody.name);
    let slice = EndpointSlice {
        service: "plugins".to_owned(),
        endpoints: pods,
    };
    cluster.slices.insert(slice.service.clone(), slice.into());
    for service in [inventory, headless, nobody] {
        put(&mut cluster, service);
    }
    cluster
}

fn put(cluster: &mut Cluster, service: Service) {
    cluster
        .services
        .insert(service.name.clone(), service.into());
}

fn question(name: &str, kind: RecordType) -> Message {
    let mut query = Message::query();
    query.metadata.id &= 0x7fff;
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    query
}

fn addresses(message: &Message) -> Vec<IpAddr> {
    let mut addresses: Vec<_> = message
        .answers
        .iter()
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            _ => None,
        })
        .collect();
    addresses.sort();
    addresses
}

fn sorted(message: &Message) -> (ResponseCode, Vec<String>) {
    let mut records: Vec<_> = message
        .answers
        .iter()
        .chain(&message.authorities)
        .chain(&message.additionals)
        .map(ToString::to_string)
        .collect();
    records.sort();
    (message.metadata.response_code, records)
}

fn ip(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 43, 200, last))
}

fn pod(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 42, 200, last))
}

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
