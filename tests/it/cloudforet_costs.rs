//! Costs that are written by hand: whose they are, and what they add up to.

use bson::{Bson, Document, doc};
use lab::cloudforet::proto::core::v2::filter::{KeyAlias, OperatorAlias, ValueAlias};
use lab::cloudforet::proto::core::v2::{Filter, Page, Sort, TimeSeriesAnalyzeQuery};
use lab::cloudforet::proto::cost_analysis::v1::cost_client::CostClient;
use lab::cloudforet::proto::cost_analysis::v1::data_source_client::DataSourceClient;
use lab::cloudforet::proto::cost_analysis::v1::{
    CostAnalyzeQuery, CostQuery, CostRequest, CreateCostRequest, DataSourceInfo, DataSourceQuery,
    DataSourceRequest, DeregisterDataSourceRequest, RegisterDataSourceRequest,
    SyncDataSourceRequest,
};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use serde_json::json;
use tonic::Code;

use crate::cloudforet_support::{DOMAIN_SCOPE, WORKSPACE_SCOPE, assert_status, text, with_token};
use crate::support::stack::Stack;

const DAILY: i32 = 1;
const MONTHLY: i32 = 2;
const YEARLY: i32 = 3;
const DENIED: &str = "ERROR_PERMISSION_DENIED: Permission denied.";

async fn local_source(stack: &Stack, token: &str) -> DataSourceInfo {
    let mut sources = DataSourceClient::new(stack.channel("cost_analysis").await);
    let new = RegisterDataSourceRequest {
        name: "by hand".to_owned(),
        data_source_type: 1,
        provider: "aws".to_owned(),
        ..RegisterDataSourceRequest::default()
    };
    let registered = sources.register(with_token(token, new)).await;
    registered.unwrap().into_inner()
}

fn cost(source: &DataSourceInfo, product: &str, day: &str, cost: f64) -> CreateCostRequest {
    CreateCostRequest {
        cost,
        usage_quantity: cost * 2.0,
        provider: "aws".to_owned(),
        region_code: "us-east-1".to_owned(),
        product: product.to_owned(),
        data_source_id: source.data_source_id.clone(),
        billed_date: day.to_owned(),
        ..CreateCostRequest::default()
    }
}

/// Nine costs whose sums are easy to see.
async fn with_costs() -> (Stack, String, DataSourceInfo) {
    let stack = Stack::start_with(|_| {}).await;
    let owner = stack.token(WORKSPACE_SCOPE).await;
    let source = local_source(&stack, &owner).await;
    let mut costs = CostClient::new(stack.channel("cost_analysis").await);
    for (product, day, amount) in [
        ("EC2", "2025-12-31", 1.0),
        ("EC2", "2026-10-01", 2.0),
        ("EC2", "2026-10-31", 4.0),
        ("EC2", "2026-11-01", 8.0),
        ("EC2", "2026-11-28", 16.0),
        ("S3", "2026-10-15", 0.25),
        ("S3", "2026-11-28", 0.5),
        ("S3", "2026-11-28", 0.5),
        ("S3", "2026-12-01", 64.0),
    ] {
        let new = cost(&source, product, day, amount);
        costs.create(with_token(&owner, new)).await.unwrap();
    }
    (stack, owner, source)
}

fn object(value: Document) -> Struct {
    Struct {
        fields: value
            .into_iter()
            .map(|(key, value)| (key, self::value(value)))
            .collect(),
    }
}

fn value(value: Bson) -> Value {
    match value {
        Bson::Document(fields) => Value {
            kind: Some(Kind::StructValue(object(fields))),
        },
        other => text(other.as_str().unwrap()),
    }
}

fn query(
    granularity: i32,
    (start, end): (&str, &str),
    group_by: &[&str],
) -> TimeSeriesAnalyzeQuery {
    TimeSeriesAnalyzeQuery {
        granularity,
        start: start.to_owned(),
        end: end.to_owned(),
        group_by: Some(ListValue {
            values: group_by.iter().copied().map(text).collect(),
        }),
        fields: Some(object(
            doc! { "cost": { "key": "cost", "operator": "sum" } },
        )),
        ..TimeSeriesAnalyzeQuery::default()
    }
}

/// What an analysis answers, as JSON.
async fn analyze(
    stack: &Stack,
    token: &str,
    query: TimeSeriesAnalyzeQuery,
) -> Result<serde_json::Value, tonic::Status> {
    let mut costs = CostClient::new(stack.channel("cost_analysis").await);
    let request = CostAnalyzeQuery {
        query: Some(query),
        data_source_id: String::new(),
    };
    let answer = costs
        .analyze(with_token(token, request))
        .await?
        .into_inner();
    Ok(as_json(Kind::StructValue(answer)))
}

fn as_json(kind: Kind) -> serde_json::Value {
    let inner = |value: Value| value.kind.map_or(json!(null), as_json);
    match kind {
        Kind::NullValue(_) => json!(null),
        Kind::NumberValue(number) => json!(number),
        Kind::StringValue(text) => json!(text),
        Kind::BoolValue(truth) => json!(truth),
        Kind::ListValue(list) => list.values.into_iter().map(inner).collect(),
        Kind::StructValue(fields) => fields
            .fields
            .into_iter()
            .map(|(key, value)| (key, inner(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn costs_add_up_by_day_month_and_year() {
    let (stack, owner, _) = with_costs().await;
    for (query, expected) in [
        (
            query(MONTHLY, ("2026-10", "2026-11"), &[]),
            json!([{"date": "2026-10", "cost": 6.25}, {"date": "2026-11", "cost": 25.0}]),
        ),
        (
            query(DAILY, ("2026-11-01", "2026-11-28"), &["product", "date"]),
            json!([
                {"product": "EC2", "date": "2026-11-01", "cost": 8.0},
                {"product": "EC2", "date": "2026-11-28", "cost": 16.0},
                {"product": "S3", "date": "2026-11-28", "cost": 1.0},
            ]),
        ),
        (
            query(YEARLY, ("2025", "2026"), &[]),
            json!([{"date": "2025", "cost": 1.0}, {"date": "2026", "cost": 95.25}]),
        ),
        (
            // Without a granularity one number for the whole period.
            query(0, ("2026-10-31", "2026-11"), &["product"]),
            json!([{"product": "EC2", "cost": 28.0}, {"product": "S3", "cost": 1.0}]),
        ),
        (query(0, ("", ""), &[]), json!([{"cost": 96.25}])),
    ] {
        let asked = TimeSeriesAnalyzeQuery {
            sort: ["date", "product"]
                .map(|key| Sort {
                    key: key.to_owned(),
                    desc: false,
                })
                .into(),
            ..query
        };
        let answer = analyze(&stack, &owner, asked).await.unwrap();
        assert_eq!(answer["results"], expected);
    }
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_chart_has_a_list_of_dates_for_each_product() {
    let (stack, owner, _) = with_costs().await;
    let chart = TimeSeriesAnalyzeQuery {
        field_group: vec!["date".to_owned()],
        sort: vec![Sort {
            key: "_total_cost".to_owned(),
            desc: true,
        }],
        page: Some(Page { start: 1, limit: 1 }),
        ..query(MONTHLY, ("2026-10", "2026-12"), &["product"])
    };
    let answer = analyze(&stack, &owner, chart.clone()).await.unwrap();
    assert_eq!(answer["more"], true);
    let first = &answer["results"][0];
    assert_eq!(
        (&first["product"], &first["_total_cost"]),
        (&json!("S3"), &json!(65.25))
    );
    let mut dates = first["cost"].as_array().unwrap().clone();
    dates.sort_by_key(|entry| entry["date"].as_str().unwrap().to_owned());
    assert_eq!(
        json!(dates),
        json!([
            {"date": "2026-10", "value": 0.25},
            {"date": "2026-11", "value": 1.0},
            {"date": "2026-12", "value": 64.0},
        ])
    );
    let filtered = TimeSeriesAnalyzeQuery {
        filter: vec![Filter {
            key_alias: Some(KeyAlias::K("product".to_owned())),
            value_alias: Some(ValueAlias::V(text("EC2"))),
            operator_alias: Some(OperatorAlias::O("eq".to_owned())),
        }],
        ..chart
    };
    let answer = analyze(&stack, &owner, filtered).await.unwrap();
    assert_eq!(answer["results"][0]["_total_cost"], 30.0);
    for (query, words) in [
        (
            query(MONTHLY, ("", "2026-11"), &[]),
            "ERROR_REQUIRED_PARAMETER: Required parameter. (key = query.start)",
        ),
        (
            query(DAILY, ("2026-11-02", "2026-11-01"), &[]),
            "ERROR_INVALID_PARAMETER: Parameter is invalid. (key = query.start, reason = is after the end)",
        ),
    ] {
        let refused = analyze(&stack, &owner, query).await;
        assert_status(refused, Code::InvalidArgument, words);
    }
    stack.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn costs_are_their_workspaces_and_domains() {
    let (stack, owner, source) = with_costs().await;
    let other = stack.other_domain().await;
    let mut costs = CostClient::new(stack.channel("cost_analysis").await);
    let mut sources = DataSourceClient::new(stack.channel("cost_analysis").await);
    let listed = costs.list(with_token(&owner, CostQuery::default())).await;
    let listed = listed.unwrap().into_inner();
    assert_eq!(listed.total_count, 9);
    let one = CostRequest {
        cost_id: listed.results[0].cost_id.clone(),
    };
    let missing = |key: &str, value: &str| {
        format!("ERROR_NOT_FOUND: Resource cannot be found or access is denied. ({key} = {value})")
    };
    let source_id = DataSourceRequest {
        data_source_id: source.data_source_id.clone(),
    };
    for token in [&other.owner, &other.administrator] {
        let hidden = costs.get(with_token(token, one.clone())).await;
        assert_status(hidden, Code::NotFound, &missing("cost_id", &one.cost_id));
        let listed = costs.list(with_token(token, CostQuery::default())).await;
        assert_eq!(listed.unwrap().into_inner().total_count, 0);
        let answer = analyze(&stack, token, query(0, ("", ""), &[])).await;
        assert_eq!(answer.unwrap()["results"], json!([]));
        let hidden = sources.get(with_token(token, source_id.clone())).await;
        let words = missing("data_source_id", &source.data_source_id);
        assert_status(hidden, Code::NotFound, &words);
        let listed = sources.list(with_token(token, DataSourceQuery::default()));
        assert_eq!(listed.await.unwrap().into_inner().total_count, 0);
    }
    let foreign = cost(&source, "EC2", "2026-11-28", 1.0);
    let refused = costs.create(with_token(&other.owner, foreign)).await;
    let words = missing("data_source_id", &source.data_source_id);
    assert_status(refused, Code::NotFound, &words);
    let wrong = cost(&source, "EC2", "yesterday", 1.0);
    let refused = costs.create(with_token(&owner, wrong)).await;
    assert_eq!(refused.unwrap_err().code(), Code::InvalidArgument);
    // Nobody writes costs for a whole domain.
    let admin = stack.token(DOMAIN_SCOPE).await;
    let new = cost(&source, "EC2", "2026-11-28", 1.0);
    let refused = costs.create(with_token(&admin, new)).await;
    assert_status(refused, Code::PermissionDenied, DENIED);
    costs.delete(with_token(&owner, one)).await.unwrap();

    let sync = SyncDataSourceRequest {
        data_source_id: source.data_source_id.clone(),
        ..SyncDataSourceRequest::default()
    };
    let local = sources.sync(with_token(&owner, sync)).await;
    assert_eq!(local.unwrap_err().code(), Code::InvalidArgument);
    let mut away = DeregisterDataSourceRequest {
        data_source_id: source.data_source_id,
        cascade_delete_cost: false,
    };
    let full = sources.deregister(with_token(&owner, away.clone())).await;
    assert_eq!(full.unwrap_err().code(), Code::InvalidArgument);
    away.cascade_delete_cost = true;
    sources.deregister(with_token(&owner, away)).await.unwrap();
    assert!(stack.stored("cost_analysis", "cost").await.is_empty());
    stack.stop().await;
}
