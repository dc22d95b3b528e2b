//! Load balancer providers in a running lab: addresses and reasons in its status, health, and the
//! quiet of a lab with nothing to do.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::Duration;

use lab::net::holder_of;
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::eventually;
use crate::support::lab::{Lab, service};

/// Says who it is.
async fn greeter() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            // A health check leaves without listening.
            let _ = stream.write_all(b"web").await;
        }
    });
    address
}

/// Ports that nobody has now.
async fn free_ports<const COUNT: usize>() -> [u16; COUNT] {
    let mut held = Vec::new();
    for _ in 0..COUNT {
        held.push(TcpListener::bind("127.0.0.1:0").await.unwrap());
    }
    std::array::from_fn(|index| held[index].local_addr().unwrap().port())
}

async fn said(port: u16) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    let mut said = String::new();
    stream.read_to_string(&mut said).await.unwrap();
    said
}

#[tokio::test(flavor = "multi_thread")]
async fn metallb_gives_what_its_pools_have_and_says_why_not() {
    let endpoint = greeter().await;
    let ports: [u16; 5] = free_ports().await;
    let balanced = |name: &str, port: u16, more: &str| {
        format!(
            "[services.{name}]\ntype = \"LoadBalancer\"\nport = {port}\napp_protocol = \"tcp\"\n\
             endpoints = [\"{endpoint}\"]\n{more}\n"
        )
    };
    let shared = "annotations = { \"metallb.io/allow-shared-ip\" = \"ours\" }\nload_balancer_ip = \"192.168.1.240\"";
    let toml = [
        "cloudforet.enabled = false\n[load_balancer]\nhttp = 0\nhttps = 0\nprovider = \"metallb\"\n\
         pools = [{ name = \"default\", addresses = [\"192.168.1.240-192.168.1.241\"] }]\n"
            .to_owned(),
        balanced("a", ports[0], shared),
        balanced("b", ports[1], shared),
        balanced("c", ports[2], ""),
        balanced("d", ports[3], ""),
        balanced("e", ports[4], "load_balancer_ip = \"10.9.9.9\""),
    ];
    let lab = Lab::start("process", &toml.concat());
    let status = eventually!("every Service has its address or its reason", {
        let status = lab.status();
        let told = ["a", "b", "c", "d", "e"].iter().all(|name| {
            let service = service(&status, name);
            service["address"].is_string() || service["pending"].is_string()
        });
        told.then_some(status)
    });
    for (name, address) in [
        ("a", "192.168.1.240"),
        ("b", "192.168.1.240"),
        ("c", "192.168.1.241"),
    ] {
        assert_eq!(service(&status, name)["address"], address, "{status:#}");
    }
    let why = |name| service(&status, name)["pending"].as_str().unwrap();
    assert!(why("d").contains("no address left in pool default"));
    assert!(why("e").contains("10.9.9.9 is not in pool default"));
    // Nothing listens for those that are pending, and the others are reached at the host ports.
    let holder = holder_of(SocketAddr::from(([127, 0, 0, 1], ports[3])));
    assert!(holder.is_none_or(|holder| holder.pid != lab.pid()));
    let holder = holder_of(SocketAddr::from(([127, 0, 0, 1], ports[0])));
    assert_eq!(holder.map(|holder| holder.pid), Some(lab.pid()));
    assert_eq!(said(ports[0]).await, "web");
    let text = lab.ok(&["status"]);
    let expected = format!(
        "Service c: 192.168.1.241 (reached at 127.0.0.1:{}; simulated metallb",
        ports[2]
    );
    assert!(text.contains(&expected), "{text}");
    assert!(text.contains("announced by node lab"), "{text}");
    // The ingress' own ports are open whatever its provider says.
    let traefik = service(&status, "traefik");
    assert_eq!(traefik["external"].as_array().unwrap().len(), 2);
    assert!(
        traefik["notes"]
            .to_string()
            .contains("would leave it pending")
    );

    // A reload that changes nothing changes no Service.
    let reloaded: Value = serde_json::from_str(&lab.ok(&["-o", "json", "reload"])).unwrap();
    assert_eq!(reloaded["changes"], serde_json::json!([]), "{reloaded:#}");
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloud_takes_its_time_and_looks_after_its_target() {
    let endpoint = greeter().await;
    let [web, here, away] = free_ports().await;
    let toml = format!(
        "cloudforet.enabled = false\n[load_balancer]\nhttp = 0\nhttps = 0\nprovider = \"aws-nlb\"\n\
         provisioning = \"3s\"\nhealth_check_interval = \"50ms\"\n\
         [services.web]\ntype = \"LoadBalancer\"\nport = {web}\napp_protocol = \"tcp\"\nendpoints = [\"{endpoint}\"]\n\
         [services.here]\ntype = \"LoadBalancer\"\nexternal_traffic_policy = \"Local\"\nport = {here}\n\
         app_protocol = \"tcp\"\nendpoints = [\"{endpoint}\"]\n\
         [services.away]\ntype = \"LoadBalancer\"\nexternal_traffic_policy = \"Local\"\nport = {away}\n\
         app_protocol = \"tcp\"\nendpoints = [\"192.0.2.1:80\"]\n"
    );
    let lab = Lab::start("process", &toml);
    eventually!("it is told that the address takes its time", {
        let status = lab.status();
        let pending = service(&status, "web")["pending"].to_string();
        let words = ["aws-nlb is provisioning since", "in reality"];
        words
            .iter()
            .all(|word| pending.contains(word))
            .then_some(())
    });
    let status = eventually!("it has its address, and its target is healthy", {
        let status = lab.status();
        let web = service(&status, "web");
        let healthy = web["notes"].to_string().contains("target healthy (TCP");
        (web["external"][0].is_string() && healthy).then_some(status)
    });
    let address = service(&status, "web")["address"].as_str().unwrap();
    assert!(address.starts_with("k8s-cloudfor-web-"), "{address}");
    assert!(
        address.ends_with(".elb.us-east-1.amazonaws.com"),
        "{address}"
    );
    assert_eq!(said(web).await, "web");

    // Local: where there is an endpoint, and where there is none.
    for (name, local, answer) in [
        ("here", 1, "200 OK"),
        ("away", 0, "503 Service Unavailable"),
    ] {
        let port = service(&status, name)["health_check_node_port"].as_u64();
        let port = u16::try_from(port.unwrap()).unwrap();
        let mut stream = TcpStream::connect(("127.0.0.1", port)).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nHost: node\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).await.unwrap();
        assert!(said.starts_with(&format!("HTTP/1.1 {answer}")), "{said}");
        assert!(
            said.contains(&format!("\"localEndpoints\":{local}")),
            "{said}"
        );
    }
    assert_eq!(said(here).await, "web");
    let dropped = TcpStream::connect(("127.0.0.1", away));
    let dropped = tokio::time::timeout(Duration::from_millis(300), dropped).await;
    assert!(dropped.is_err(), "{dropped:?}");
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_range_without_a_free_port_is_told_and_costs_nothing() {
    let mut manifest = String::from(
        "apiVersion: v1\nkind: Service\nmetadata: { name: all }\nspec:\n  type: NodePort\n  ports:\n",
    );
    for port in 30_000..=32_767 {
        let number = port - 29_999;
        writeln!(
            manifest,
            "    - {{ name: p{number}, port: {number}, nodePort: {port} }}"
        )
        .unwrap();
    }
    let lab = Lab::new(
        "process",
        "manifests = [\"all.yaml\"]\n\
         [services.late]\ntype = \"NodePort\"\nport = 80\nendpoints = [\"127.0.0.1:9\"]\n",
    );
    lab.file("all.yaml", &manifest);
    lab.up();
    let why = eventually!("it is told", {
        let status = lab.status();
        let why = service(&status, "late")["pending"].as_str();
        why.map(str::to_owned)
    });
    assert_eq!(why, "no NodePort is left of 30000 to 32767");

    // A lab at rest: its processes and those of its pods together, in a hundredth of a second each.
    let window = Duration::from_secs(1);
    let used = eventually!("a second in which nearly nothing is done", {
        let before = ticks(&lab);
        tokio::time::sleep(window).await;
        let used = ticks(&lab) - before;
        (used < 20).then_some(used)
    });
    println!("{used} ticks in a second of rest");
    lab.down();
}

/// User and system time of all processes of a lab (`proc_pid_stat(5)`, fields 14 and 15).
fn ticks(lab: &Lab) -> u64 {
    let mut total = 0;
    let mut processes = 0;
    for entry in std::fs::read_dir("/proc").unwrap() {
        let folder = entry.unwrap().path();
        // What is not ours, or has just gone, cannot be read.
        let environment = std::fs::read(folder.join("environ")).unwrap_or_default();
        let mark = format!("LAB_TEST_NAME={}", lab.name());
        if !environment
            .split(|byte| *byte == 0)
            .any(|one| one == mark.as_bytes())
        {
            continue;
        }
        let stat = std::fs::read_to_string(folder.join("stat")).unwrap_or_default();
        let Some((_, fields)) = stat.rsplit_once(") ") else {
            continue;
        };
        let fields: Vec<&str> = fields.split(' ').collect();
        total += fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap();
        processes += 1;
    }
    assert!(processes > 3, "{processes} processes of the lab");
    total
}
