//! A cluster DNS to ask, and the words to ask it with.

#![expect(
    clippy::unwrap_used,
    reason = "a test fails by panicking, and so do the functions it is made of"
)]

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use hickory_proto::op::{Message, Query, ResponseCode};
use hickory_proto::rr::{Name, RData, RecordType};
use lab::dns::{Settings, serve};
use lab::model::{ClusterIp, EndpointSlice, Service};
use lab::net::Trigger;
use lab::registry::{Cluster, Registry};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinHandle;

use crate::kube_proxy_support::{PATIENCE, endpoint, service};

pub(crate) struct Dns {
    pub(crate) address: SocketAddr,
    pub(crate) registry: Registry,
    pub(crate) trigger: Trigger,
    pub(crate) task: JoinHandle<()>,
}

impl Dns {
    pub(crate) async fn start(settings: Settings) -> Self {
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

    pub(crate) async fn ask(&self, name: &str, kind: RecordType) -> Message {
        let over_udp = self.exchange(&question(name, kind)).await.unwrap();
        let over_tcp = self.exchange_tcp(&question(name, kind)).await.unwrap();
        assert_eq!(
            sorted(&over_udp),
            sorted(&over_tcp),
            "UDP and TCP differ for {name}"
        );
        over_udp
    }

    pub(crate) async fn exchange(&self, query: &Message) -> Option<Message> {
        self.send(&query.to_vec().unwrap()).await
    }

    /// `None` if there is no answer to this packet, which a ping behind it tells.
    pub(crate) async fn send(&self, packet: &[u8]) -> Option<Message> {
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

    pub(crate) async fn exchange_tcp(&self, query: &Message) -> std::io::Result<Message> {
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
    // As on a host whose only address is one.
    let mut elsewhere = service("elsewhere", "127.43.200.22:8080".parse().unwrap());
    elsewhere.cluster_ip = ClusterIp::Address([10, 43, 0, 9].into());
    for service in [inventory, headless, nobody, elsewhere] {
        put(&mut cluster, service);
    }
    cluster
}

pub(crate) fn put(cluster: &mut Cluster, service: Service) {
    cluster
        .services
        .insert(service.name.clone(), service.into());
}

pub(crate) fn question(name: &str, kind: RecordType) -> Message {
    let mut query = Message::query();
    query.metadata.id &= 0x7fff;
    query.metadata.recursion_desired = true;
    query.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
    query
}

pub(crate) fn addresses(message: &Message) -> Vec<IpAddr> {
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

pub(crate) fn ip(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 43, 200, last))
}

pub(crate) fn pod(last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 42, 200, last))
}
