//! Which ports are open, when they are not, and what becomes of them at the end.

use std::time::{Duration, Instant};

use lab::kube_proxy::Settings;
use lab::model::ProxyMode;
use tokio::io::AsyncReadExt;
use tokio::net::{TcpListener, TcpStream};

use crate::kube_proxy_support::{
    CLUSTER_IP, PATIENCE, Proxied, dial, echo, endpoints, free_port, pods, service,
};

#[tokio::test]
async fn a_taken_port_is_reported_and_does_not_stop_the_others() {
    let settings = Settings {
        retry: Duration::from_millis(10),
        ..Settings::default()
    };
    let mut proxied = Proxied::start(ProxyMode::Iptables, settings);
    let holder = TcpListener::bind((CLUSTER_IP, 0)).await.unwrap();
    let taken = holder.local_addr().unwrap();
    let nowhere = "192.0.2.1:50051".parse().unwrap();
    let listen = free_port().await;
    let pods = pods(1).await;
    proxied.put(service("a", taken), endpoints(&pods)).await;
    proxied.put(service("b", nowhere), endpoints(&pods)).await;
    let status = proxied.put(service("c", listen), endpoints(&pods)).await;
    assert_eq!(status.open, 1);
    let problems: Vec<_> = status.problems.iter().map(ToString::to_string).collect();
    assert_eq!(problems.len(), 2, "{problems:?}");
    assert!(problems[0].starts_with("service a port 50051: cannot listen on"));
    assert!(problems[1].contains("on no interface"), "{problems:?}");
    dial(listen).await;
    // It is tried again without any change of the registry.
    drop(holder);
    let opened = async {
        while TcpStream::connect(taken).await.is_err() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, opened).await.unwrap();
    assert_eq!(dial(taken).await.1, "inventory-0");
}

#[tokio::test]
async fn an_address_stays_with_its_service_and_passes_on_when_that_goes() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let listen = free_port().await;
    let pods = pods(2).await;
    proxied
        .put(service("new", listen), vec![pods[0].endpoint()])
        .await;
    let status = proxied
        .put(service("also", listen), vec![pods[1].endpoint()])
        .await;
    assert_eq!(status.problems[0].service, "also");
    assert_eq!(dial(listen).await.1, "inventory-0");
    proxied.registry.change(|cluster| {
        cluster.services.remove("new");
        cluster.slices.remove("new");
    });
    assert_eq!(proxied.settled().await.problems, vec![]);
    assert_eq!(dial(listen).await.1, "inventory-1");
}

#[tokio::test]
async fn shutdown_refuses_new_connections_and_drains_the_open_ones() {
    let settings = Settings {
        drain: PATIENCE,
        ..Settings::default()
    };
    let mut proxied = Proxied::start(ProxyMode::Iptables, settings);
    let listen = free_port().await;
    let pods = pods(1).await;
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    let (mut stream, _) = dial(listen).await;
    proxied.trigger.trigger();
    let refused = async {
        while TcpStream::connect(listen).await.is_ok() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, refused).await.unwrap();
    echo(&mut stream).await.unwrap();
    assert!(!proxied.task.is_finished());
    drop(stream);
    tokio::time::timeout(PATIENCE, proxied.task)
        .await
        .unwrap()
        .unwrap();
}

#[tokio::test]
async fn shutdown_cuts_what_outlasts_the_drain() {
    let settings = Settings {
        drain: Duration::from_millis(1),
        ..Settings::default()
    };
    let mut proxied = Proxied::start(ProxyMode::Iptables, settings);
    let listen = free_port().await;
    let pods = pods(1).await;
    proxied
        .put(service("inventory", listen), endpoints(&pods))
        .await;
    let (mut stream, _) = dial(listen).await;
    proxied.trigger.trigger();
    tokio::time::timeout(PATIENCE, proxied.task)
        .await
        .unwrap()
        .unwrap();
    let ended = tokio::time::timeout(PATIENCE, stream.read(&mut [0])).await;
    assert!(matches!(ended.unwrap(), Ok(0) | Err(_)));
}

/// Many Services whose endpoints come and go: what is open follows, and only changed Services are
/// touched.
#[tokio::test]
async fn a_thousand_services_of_fifty_endpoints_churn() {
    let mut proxied = Proxied::start(ProxyMode::Iptables, Settings::default());
    let pods = pods(1).await;
    let fifty = vec![pods[0].endpoint(); 50];
    let mut listens = Vec::new();
    {
        // All held at once, so that no port is handed out twice.
        let mut holders = Vec::new();
        for _ in 0..1_000 {
            let holder = TcpListener::bind("127.43.200.2:0").await.unwrap();
            listens.push(holder.local_addr().unwrap());
            holders.push(holder);
        }
    }
    let started = Instant::now();
    proxied.registry.change(|cluster| {
        for (number, listen) in listens.iter().enumerate() {
            let service = service(&format!("service-{number:04}"), *listen);
            let slice = lab::model::EndpointSlice {
                service: service.name.clone(),
                endpoints: fifty.clone(),
            };
            let name = service.name.clone();
            cluster.slices.insert(name.clone(), slice.into());
            cluster.services.insert(name, service.into());
        }
    });
    let status = proxied.settled().await;
    println!("1,000 Services opened in {:?}", started.elapsed());
    assert_eq!((status.open, status.problems), (1_000, vec![]));

    let started = Instant::now();
    for (round, &listen) in listens.iter().enumerate().take(100) {
        let name = format!("service-{round:04}");
        let status = proxied.put(service(&name, listen), vec![]).await;
        assert_eq!(status.open, 999);
        assert!(TcpStream::connect(listen).await.is_err());
        proxied.put(service(&name, listen), fifty.clone()).await;
        dial(listen).await;
    }
    println!("200 changes in {:?}", started.elapsed());
    proxied.registry.change(|cluster| {
        cluster.services.clear();
        cluster.slices.clear();
    });
    assert_eq!(proxied.settled().await.open, 0);
}
