//! Lists among more and more resources.
//!
//! The resources are put into the store directly, as the driver of any program would; the questions
//! go to inventory.

use std::time::{Duration, Instant};

use bson::{DateTime, Document, doc};
use lab::cloudforet::Login;
use lab::cloudforet::proto::core::v2::filter::{KeyAlias, OperatorAlias, ValueAlias};
use lab::cloudforet::proto::core::v2::{Filter, Page, Query, Sort};
use mongodb::options::ClientOptions;
use prost_types::value::Kind;

use crate::lab::Lab;
use crate::list::Direct;
use crate::store::{Store, address};
use crate::{Failed, median};

const MOST: u64 = 1_000_000;
/// Documents of one insert.
const BATCH: u64 = 1_000;
const ASKED: usize = 25;
/// Resources of a provider that has no others.
const FEW: u64 = 10;

pub(crate) async fn measure() -> Result<(), Failed> {
    let most = match std::env::var("LAB_BENCH_ROWS") {
        Ok(text) => text.parse()?,
        Err(_) => MOST,
    };
    for store in Store::all() {
        let lab = store.lab("rows", "[cloudforet]\nsample_data = false\n");
        let token = lab.session().token;
        let mut inventory = Direct::new(&lab, &token).await?;
        let rows = rows(&lab).await?;
        println!(
            "lists among many resources, {}, median of {ASKED}",
            store.name()
        );
        println!(
            "  {:>10}  {:>12}  {:>12}  {:>12}  {:>14}",
            "resources", "first page", "one of them", "a few of them", "rows/s put in"
        );
        let mut there = 0;
        for size in [10_000, 100_000, 1_000_000] {
            let size = size.min(most);
            let started = Instant::now();
            let begun = there;
            while there < size {
                let batch = (there..size.min(there + BATCH)).map(row);
                rows.insert_many(batch).await?;
                there = size.min(there + BATCH);
            }
            #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
            let rate = (there - begun) as f64 / started.elapsed().as_secs_f64();
            let first = time(&mut inventory, &newest(), there).await?;
            let one = time(
                &mut inventory,
                &equal("reference.resource_id", "resource-77"),
                1,
            )
            .await?;
            let few = time(&mut inventory, &equal("provider", "rare"), FEW).await?;
            println!(
                "  {there:>10}  {:>12}  {:>12}  {:>12}  {rate:>14.0}",
                shown(first),
                shown(one),
                shown(few),
            );
            if there == most {
                break;
            }
        }
    }
    Ok(())
}

fn shown(duration: Duration) -> String {
    format!("{:.2} ms", duration.as_secs_f64() * 1_000.0)
}

/// The median of some answers, each of which must have found as many as there are.
async fn time(inventory: &mut Direct, query: &Query, expected: u64) -> Result<Duration, Failed> {
    let mut taken = Vec::new();
    for _ in 0..ASKED {
        let started = Instant::now();
        let found = inventory.ask(query.clone()).await?;
        taken.push(started.elapsed());
        if u64::try_from(found)? != expected {
            return Err(format!("found {found} instead of {expected}").into());
        }
    }
    Ok(median(&mut taken))
}

/// As the console asks: the newest first, twenty of them, and how many there are in all.
fn newest() -> Query {
    Query {
        sort: vec![Sort {
            key: "created_at".to_owned(),
            desc: true,
        }],
        page: Some(Page {
            start: 1,
            limit: 20,
        }),
        ..Query::default()
    }
}

fn equal(key: &str, value: &str) -> Query {
    let filter = Filter {
        key_alias: Some(KeyAlias::K(key.to_owned())),
        value_alias: Some(ValueAlias::V(prost_types::Value {
            kind: Some(Kind::StringValue(value.to_owned())),
        })),
        operator_alias: Some(OperatorAlias::O("eq".to_owned())),
    };
    Query {
        filter: vec![filter],
        ..newest()
    }
}

async fn rows(lab: &Lab) -> Result<mongodb::Collection<Document>, Failed> {
    let uri = format!(
        "mongodb://{}/?directConnection=true",
        address(lab, "mongodb")
    );
    let client = mongodb::Client::with_options(ClientOptions::parse(uri).await?)?;
    Ok(client.database("inventory").collection("cloud_service"))
}

/// A resource of the size that collected ones have.
fn row(number: u64) -> Document {
    let login = Login::default();
    let (domain, workspace) = (login.domain_id(), login.workspace_id());
    let provider = match number % 3 {
        _ if number < FEW => "rare",
        0 => "aws",
        1 => "azure",
        _ => "google_cloud",
    };
    let created = 1_700_000_000_000_i64 + i64::try_from(number).unwrap_or(0);
    doc! {
        "cloud_service_id": format!("cloud-svc-{number:012x}"),
        "name": format!("server-{number}"),
        "state": "ACTIVE",
        "account": "000000000000",
        "instance_type": "m5.large",
        "instance_size": 2.0,
        "ip_addresses": [format!("10.{}.{}.{}", number >> 16 & 255, number >> 8 & 255, number & 255)],
        "cloud_service_group": "EC2",
        "cloud_service_type": "Instance",
        "provider": provider,
        "ref_cloud_service_type": format!("{domain}.{workspace}.{provider}.EC2.Instance"),
        "region_code": "us-east-1",
        "ref_region": format!("{domain}.{workspace}.{provider}.us-east-1"),
        "data": { "hardware": { "core": 2, "memory": 8.0 }, "os": { "os_type": "LINUX" } },
        "metadata": {},
        "reference": { "resource_id": format!("resource-{number}"), "external_link": "" },
        "tags": {},
        "tag_keys": {},
        "project_id": "",
        "workspace_id": workspace,
        "domain_id": domain,
        "created_at": DateTime::from_millis(created),
        "updated_at": DateTime::from_millis(created),
    }
}
