//! NodePorts and load balancers of Services, and the table of their connections.

use std::net::SocketAddr;
use std::process::Stdio;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::eventually;
use crate::support::lab::{Lab, service};

/// Sends back what it gets.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut reading, mut writing) = stream.split();
                // A client that goes away ends it.
                let _ = tokio::io::copy(&mut reading, &mut writing).await;
            });
        }
    });
    address
}

/// A port that nobody has now.
async fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().port()
}

async fn echoes(port: u16) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    stream.write_all(b"hello").await.unwrap();
    let mut answer = [0; 5];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"hello");
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn load_balancers_and_node_ports_lead_to_endpoints() {
    let endpoint = echo().await;
    let (port, closed) = (free_port().await, free_port().await);
    let taken = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let held = taken.local_addr().unwrap().port();
    let manifest = format!(
        "apiVersion: v1\nkind: Service\nmetadata: {{ name: fenced }}\nspec:\n  type: LoadBalancer\n  \
         ports: [{{ port: {closed} }}]\n  loadBalancerSourceRanges: [10.0.0.0/8]\n---\n\
         apiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\naddressType: IPv4\nmetadata:\n  name: fenced-1\n  \
         labels: {{ kubernetes.io/service-name: fenced }}\nports: [{{ port: {0}, name: '' }}]\n\
         endpoints: [{{ addresses: [127.0.0.1] }}]\n",
        endpoint.port()
    );
    let lab = Lab::new(
        "process",
        &format!(
            "manifests = [\"*.yaml\"]\ncloudforet.enabled = false\n\
             [services.web]\ntype = \"LoadBalancer\"\nport = {port}\napp_protocol = \"tcp\"\nendpoints = [\"{endpoint}\"]\n\
             [services.late]\ntype = \"LoadBalancer\"\nport = {held}\napp_protocol = \"tcp\"\nendpoints = [\"{endpoint}\"]\n"
        ),
    );
    std::fs::write(lab.folder().join("fenced.yaml"), manifest).unwrap();
    lab.up();
    eventually!("the load balancer has its address", {
        let status = lab.status();
        let web = service(&status, "web");
        (web["external"][0] == format!("127.0.0.1:{port}")).then_some(())
    });
    let status = eventually!("the other one says why it has none", {
        let status = lab.status();
        let why = service(&status, "late")["pending"]
            .as_str()
            .map(str::to_owned);
        // With who holds the port: this test.
        let words = [
            held.to_string(),
            format!("(process {})", std::process::id()),
        ];
        why.is_some_and(|why| words.iter().all(|word| why.contains(word)))
            .then_some(status)
    });
    assert!(lab.ok(&["status"]).contains("pending"));

    let _open = echoes(port).await;
    let node_port = service(&status, "web")["ports"][0]["node_port"]
        .as_u64()
        .unwrap();
    assert!((30_086..32_768).contains(&node_port));
    let _through_node_port = echoes(u16::try_from(node_port).unwrap()).await;

    // They are told a moment after they are made.
    let table = eventually!("both connections are listed", {
        let told = lab.ok(&["-o", "json", "connections"]);
        let table: Vec<Value> = serde_json::from_str(&told).unwrap();
        (table.len() == 2).then_some(table)
    });
    assert!(
        table
            .iter()
            .all(|one| one["endpoint"] == endpoint.to_string())
    );
    assert!(table.iter().all(|one| one["endpoint_gone"] == false));
    let text = lab.ok(&["connections", "web"]);
    assert_eq!(text.matches("random of 1").count(), 1, "{text}");

    // Through the ClusterIP, too, and each half ends on its own.
    let cluster_ip = service(&status, "web")["cluster_ip"].as_str().unwrap();
    let mut inside = TcpStream::connect((cluster_ip, port)).await.unwrap();
    inside.write_all(b"the last word").await.unwrap();
    inside.shutdown().await.unwrap();
    let mut echoed = String::new();
    inside.read_to_string(&mut echoed).await.unwrap();
    assert_eq!(echoed, "the last word");
    drop(inside);

    // Its client is outside of the ranges.
    let mut refused = TcpStream::connect(("127.0.0.1", closed)).await.unwrap();
    let mut nothing = Vec::new();
    // A reset is as good as an end.
    let _ = refused.read_to_end(&mut nothing).await;
    assert!(nothing.is_empty());

    // The port is free again, and the load balancer gets it.
    drop(taken);
    eventually!("the port is had in the end", {
        let status = lab.status();
        let late = service(&status, "late");
        (late["external"][0] == format!("127.0.0.1:{held}")).then_some(())
    });
    let _late = echoes(held).await;
    let down = lab.command(&["down"]).stdout(Stdio::null()).status();
    assert!(down.unwrap().success());
}
