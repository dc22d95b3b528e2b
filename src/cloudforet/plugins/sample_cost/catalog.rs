//! What the cloud sells, where, and for how much a day.

use prost_types::{Struct, Value};
use time::{Date, Weekday};

use super::options::Options;
use crate::cloudforet::proto::cost_analysis::plugin::CostInfo;

/// Something that is sold.
struct Product {
    name: &'static str,
    usage_type: &'static str,
    unit: &'static str,
    /// Units on an ordinary day.
    quantity: u32,
    /// US cents for a hundred units.
    price: u32,
    /// Whether people use less of it when they do not work.
    rests: bool,
}

const fn product(
    name: &'static str,
    usage_type: &'static str,
    unit: &'static str,
    quantity: u32,
    price: u32,
    rests: bool,
) -> Product {
    Product {
        name,
        usage_type,
        unit,
        quantity,
        price,
        rests,
    }
}

const AWS: [Product; 6] = [
    product("AmazonEC2", "BoxUsage:m6i.large", "Hrs", 480, 960, true),
    product("AmazonRDS", "InstanceUsage:db.m6g", "Hrs", 72, 1_580, false),
    product("AmazonS3", "TimedStorage-ByteHrs", "GB-Mo", 900, 230, false),
    product(
        "AWSLambda",
        "Lambda-GB-Second",
        "GB-Second",
        90_000,
        2,
        true,
    ),
    product(
        "AmazonCloudWatch",
        "MetricMonitor",
        "Metrics",
        300,
        100,
        false,
    ),
    product(
        "AWSDataTransfer",
        "DataTransfer-Out-Bytes",
        "GB",
        220,
        900,
        true,
    ),
];
const AZURE: [Product; 5] = [
    product("Virtual Machines", "D2s v5", "1 Hour", 432, 960, true),
    product("SQL Database", "vCore", "1 Hour", 96, 1_520, false),
    product(
        "Storage",
        "Hot LRS Data Stored",
        "1 GB/Month",
        800,
        184,
        false,
    ),
    product(
        "Bandwidth",
        "Standard Data Transfer Out",
        "1 GB",
        180,
        870,
        true,
    ),
    product("Azure Monitor", "Analytics Logs", "1 GB", 12, 23_000, false),
];
const GOOGLE_CLOUD: [Product; 5] = [
    product("Compute Engine", "E2 Instance Core", "hour", 500, 880, true),
    product("Cloud SQL", "DB standard Intel", "hour", 72, 1_410, false),
    product(
        "Cloud Storage",
        "Standard Storage",
        "gibibyte month",
        850,
        200,
        false,
    ),
    product("BigQuery", "Analysis", "tebibyte", 3, 62_500, true),
    product("Networking", "Internet Egress", "gibibyte", 190, 850, true),
];
const OTHER: [Product; 3] = [
    product("Compute", "vCPU", "Hrs", 480, 500, true),
    product("Storage", "Block", "GB", 1_000, 100, false),
    product("Network", "Egress", "GB", 200, 300, true),
];

/// The products and regions of a provider.
fn of(provider: &str) -> (&'static [Product], [&'static str; 3]) {
    match provider {
        "aws" => (&AWS, ["us-east-1", "eu-central-1", "ap-northeast-2"]),
        "azure" => (&AZURE, ["eastus", "westeurope", "koreacentral"]),
        "google_cloud" => (
            &GOOGLE_CLOUD,
            ["us-central1", "europe-west3", "asia-northeast3"],
        ),
        _ => (&OTHER, ["region-1", "region-2", "region-3"]),
    }
}

/// All costs of an account on a day.
pub(super) fn costs(options: &Options, account: u32, day: Date) -> Vec<CostInfo> {
    let (products, regions) = of(&options.provider);
    let account_id = options.account_id(account);
    let account_name = options.account_name(account);
    let date = day.to_string();
    let weekend = matches!(day.weekday(), Weekday::Saturday | Weekday::Sunday);
    let mut costs = Vec::with_capacity(products.len() * regions.len());
    for (rank, region) in (1_u32..).zip(regions) {
        for product in products {
            let words = [&account_id, region, product.name, date.as_str()];
            let quantity = quantity(product, rank, weekend, options.draw(&words));
            costs.push(CostInfo {
                cost: (quantity * f64::from(product.price) / 100.0).round() / 100.0,
                usage_quantity: quantity,
                usage_unit: product.unit.to_owned(),
                provider: options.provider.clone(),
                region_code: region.to_owned(),
                product: product.name.to_owned(),
                usage_type: product.usage_type.to_owned(),
                resource: String::new(),
                tags: Some(object(&[("environment", environment(rank))])),
                additional_info: Some(object(&[
                    ("Account ID", &account_id),
                    ("Account Name", &account_name),
                ])),
                data: None,
                billed_date: date.clone(),
            });
        }
    }
    costs
}

/// A day's units: fewer in regions further down the list, a quarter more or less by chance.
fn quantity(product: &Product, rank: u32, weekend: bool, draw: u64) -> f64 {
    let chance = f64::from(u32::try_from(draw % 501).unwrap_or_default()) / 1_000.0 + 0.75;
    let rest = if weekend && product.rests { 0.6 } else { 1.0 };
    (f64::from(product.quantity) / f64::from(rank) * chance * rest).round()
}

fn environment(rank: u32) -> &'static str {
    if rank == 1 {
        "production"
    } else {
        "development"
    }
}

fn object(fields: &[(&str, &str)]) -> Struct {
    let value = |text: &str| Value {
        kind: Some(prost_types::value::Kind::StringValue(text.to_owned())),
    };
    Struct {
        fields: fields
            .iter()
            .map(|(key, text)| ((*key).to_owned(), value(text)))
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::year;
    use super::*;

    #[test]
    fn the_same_question_has_the_same_answer() {
        let options = Options::of(None).unwrap();
        let day = year::day("2026-11-28").unwrap();
        assert_eq!(costs(&options, 0, day), costs(&options, 0, day));
        assert_ne!(costs(&options, 0, day), costs(&options, 1, day));
        let other = Options {
            seed: 2,
            ..options.clone()
        };
        assert_ne!(costs(&options, 0, day), costs(&other, 0, day));
        assert_eq!(costs(&options, 0, day).len(), 18);
        assert!(costs(&options, 0, day).iter().all(|cost| cost.cost > 0.0));
    }
}
