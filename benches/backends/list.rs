//! A list of twenty resources, through the console API and from inventory directly.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt as _, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use lab::cloudforet::proto::core::v2::{Page, Query};
use lab::cloudforet::proto::inventory::v1::CloudServiceQuery;
use lab::cloudforet::proto::inventory::v1::cloud_service_client::CloudServiceClient;

use crate::lab::Lab;
use crate::store::{Store, address};
use crate::{Failed, median, meter};

/// Enough for a median; the two ways take turns.
const ROUNDS: usize = 5;
const REQUESTS: usize = 2_000;
/// Before the first round: connections, caches, keys.
const WARM_UP: usize = 200;
const PAGE: u32 = 20;

/// What one way cost in one round.
#[derive(Default)]
struct Way {
    latency: Vec<Duration>,
    /// Microseconds of CPU for each request, by hop.
    cost: BTreeMap<String, Vec<f64>>,
}

pub(crate) async fn measure() -> Result<(), Failed> {
    for store in Store::all() {
        let lab = store.lab("list", "");
        let token = lab.session().token;
        let mut rest = Rest::new(&lab, &token);
        let mut direct = Direct::new(&lab, &token).await?;
        for _ in 0..WARM_UP {
            rest.list().await?;
            direct.list().await?;
        }
        let mut ways = [Way::default(), Way::default()];
        for _ in 0..ROUNDS {
            let before = meter::read(&lab);
            for _ in 0..REQUESTS {
                let started = Instant::now();
                rest.list().await?;
                ways[0].latency.push(started.elapsed());
            }
            let between = meter::read(&lab);
            ways[0].add(&meter::between(&before, &between));
            for _ in 0..REQUESTS {
                let started = Instant::now();
                direct.list().await?;
                ways[1].latency.push(started.elapsed());
            }
            ways[1].add(&meter::between(&between, &meter::read(&lab)));
        }
        let [rest, direct] = &mut ways;
        println!(
            "list of {PAGE} resources, {}, {ROUNDS} rounds of {REQUESTS} requests one after the other",
            store.name()
        );
        rest.tell("console-api-v2 (REST → gRPC → MongoDB)");
        direct.tell("inventory directly (gRPC → MongoDB)");
    }
    Ok(())
}

impl Way {
    fn add(&mut self, spent: &BTreeMap<String, u64>) {
        for (hop, nanoseconds) in spent {
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let cost = *nanoseconds as f64 / 1_000.0 / REQUESTS as f64;
            self.cost.entry(hop.clone()).or_default().push(cost);
        }
    }

    fn tell(&mut self, name: &str) {
        println!("  {name}: p50 {} µs", median(&mut self.latency).as_micros());
        let mut all = 0.0;
        for (hop, costs) in &mut self.cost {
            let cost = median(costs);
            all += cost;
            // What idles beside it is not part of the way.
            if cost >= 1.0 {
                println!("    {hop:<28}{cost:>8.0} µs of CPU");
            }
        }
        println!("    {:<28}{all:>8.0} µs of CPU", "together");
    }
}

/// The console API at its ClusterIP, without the ingress and its TLS.
struct Rest {
    client: Client<hyper_util::client::legacy::connect::HttpConnector, Full<Bytes>>,
    url: String,
    token: String,
}

impl Rest {
    fn new(lab: &Lab, token: &str) -> Self {
        let base = format!("http://{}", address(lab, "console-api-v2"));
        Self {
            client: Client::builder(TokioExecutor::new()).build_http(),
            url: format!("{base}/inventory/cloud-service/list"),
            token: format!("Bearer {token}"),
        }
    }

    async fn list(&mut self) -> Result<(), Failed> {
        let query = format!(r#"{{"query":{{"page":{{"start":1,"limit":{PAGE}}}}}}}"#);
        let request = Request::post(&self.url)
            .header("content-type", "application/json")
            .header("authorization", &self.token)
            .body(Full::new(Bytes::from(query)))?;
        let answer = self.client.request(request).await?;
        if !answer.status().is_success() {
            return Err(format!("list: {}", answer.status()).into());
        }
        answer.into_body().collect().await?;
        Ok(())
    }
}

/// Inventory at its ClusterIP.
pub(crate) struct Direct {
    client: CloudServiceClient<tonic::transport::Channel>,
    token: tonic::metadata::AsciiMetadataValue,
}

impl Direct {
    pub(crate) async fn new(lab: &Lab, token: &str) -> Result<Self, Failed> {
        Ok(Self {
            client: CloudServiceClient::connect(format!("http://{}", address(lab, "inventory")))
                .await?,
            token: token.parse()?,
        })
    }

    async fn list(&mut self) -> Result<(), Failed> {
        let page = Page {
            start: 1,
            limit: PAGE,
        };
        let query = Query {
            page: Some(page),
            ..Query::default()
        };
        self.ask(query).await.map(drop)
    }

    /// How many match a query.
    pub(crate) async fn ask(&mut self, query: Query) -> Result<i32, Failed> {
        let mut request = tonic::Request::new(CloudServiceQuery {
            query: Some(query),
            ..CloudServiceQuery::default()
        });
        request.metadata_mut().insert("token", self.token.clone());
        Ok(self.client.list(request).await?.into_inner().total_count)
    }
}
