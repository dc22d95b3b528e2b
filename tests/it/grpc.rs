//! Which pod a gRPC call reaches: pinned behind a ClusterIP, and spread by each of the cures.

use std::collections::BTreeMap;

use serde_json::json;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_client::HealthClient;

use crate::eventually;
use crate::support::lab::Lab;

/// Calls that each share of pods is judged by.
const CALLS: usize = 60;

/// So many calls of inventory through the REST API, by the pod that answered.
async fn share(lab: &Lab, token: &str) -> BTreeMap<String, usize> {
    let url = lab.list_url();
    let body = json!({"query": {"page": {"start": 1, "limit": 1}}});
    let mut connection = lab.https().connect(&url).await.unwrap();
    let mut share = BTreeMap::new();
    for _ in 0..CALLS {
        let answer = connection.post(&url, Some(token), &body).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        // console-api's pod, then inventory's.
        let pods = answer.headers["x-lab-served-by"].to_str().unwrap();
        let pod = pods.rsplit(',').next().unwrap().trim();
        *share.entry(pod.to_owned()).or_default() += 1;
    }
    share
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_stays_with_its_pod_and_the_ingress_does_not() {
    let lab = Lab::start("process", "[services.inventory]\nreplicas = 3\n");
    let token = lab.token().await;
    let pinned = share(&lab, &token).await;
    assert_eq!(pinned.len(), 1, "one connection, one pod: {pinned:?}");
    lab.ok(&["scale", "inventory", "5"]);
    let still = share(&lab, &token).await;
    assert_eq!(pinned, still, "scaling moves nothing");

    // One connection from outside, and each call is balanced.
    let api = lab.status()["urls"]["console_api"]
        .as_str()
        .unwrap()
        .to_owned();
    let url = api.replace("console-api.lab", "inventory.grpc.lab");
    let channel = lab.https().channel(&url).await.unwrap();
    let mut client = HealthClient::new(channel);
    eventually!("calls reach five pods", {
        let mut spread = BTreeMap::<String, usize>::new();
        for _ in 0..10 {
            let answer = client.check(HealthCheckRequest::default()).await.unwrap();
            let pod = answer
                .metadata()
                .get("x-lab-pod")
                .unwrap()
                .to_str()
                .unwrap();
            *spread.entry(pod.to_owned()).or_default() += 1;
        }
        (spread.len() == 5 && spread.values().all(|calls| *calls == 2)).then_some(())
    });
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_headless_service_and_round_robin_spread_evenly() {
    let lab = Lab::start(
        "process",
        "[services.inventory]\nreplicas = 3\nheadless = true\n[grpc]\nload_balancing = \"round_robin\"\nresolve_again = \"100ms\"\n",
    );
    let token = lab.token().await;
    let spread = share(&lab, &token).await;
    let each = CALLS / 3;
    assert!(
        spread.len() == 3 && spread.values().all(|calls| calls.abs_diff(each) <= 1),
        "a third each: {spread:?}"
    );
    lab.ok(&["scale", "inventory", "5"]);
    eventually!("new pods get calls", {
        (share(&lab, &token).await.len() == 5).then_some(())
    });
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_end_are_drawn_anew() {
    let lab = Lab::start(
        "process",
        "[services.inventory]\nreplicas = 3\n[grpc]\nmax_connection_age = \"50ms\"\n",
    );
    let token = lab.token().await;
    eventually!("several pods get calls", {
        (share(&lab, &token).await.len() > 1).then_some(())
    });
    lab.down();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_channels_are_more_draws() {
    let lab = Lab::start(
        "process",
        "[services.inventory]\nreplicas = 2\n[kube_proxy]\nmode = \"ipvs\"\n[grpc]\nchannels = 4\n",
    );
    let token = lab.token().await;
    let spread = share(&lab, &token).await;
    assert_eq!(spread.len(), 2, "{spread:?}");
    lab.down();
}
