//! The query language on the sample data, through the inventory and a real store.

use lab::cloudforet::proto::core::v2::filter::{KeyAlias, OperatorAlias, ValueAlias};
use lab::cloudforet::proto::core::v2::statistics_aggregate::AggregateAlias;
use lab::cloudforet::proto::core::v2::{
    AggregateCount, AnalyzeQuery, Filter, Page, Query, Sort, StatisticsAggregate, StatisticsQuery,
};
use lab::cloudforet::proto::inventory::v1::cloud_service_client::CloudServiceClient;
use lab::cloudforet::proto::inventory::v1::{
    CloudServiceAnalyzeQuery, CloudServiceQuery, CloudServiceStatQuery, CloudServicesInfo,
};
use prost_types::value::Kind;
use prost_types::{ListValue, Struct, Value};
use tonic::{Code, Status};

use crate::cloudforet_support::{Backends, WORKSPACE_SCOPE, channel, text, with_token};

struct Sample {
    backends: Backends,
    token: String,
}

impl Sample {
    async fn start() -> Self {
        let backends = Backends::start_with(|settings| settings.sample_data = true).await;
        let token = backends.token(WORKSPACE_SCOPE).await.unwrap();
        Self { backends, token }
    }

    async fn services(&self) -> CloudServiceClient<tonic::transport::Channel> {
        CloudServiceClient::new(channel(self.backends.inventory).await)
    }

    async fn list(&self, query: Query) -> Result<CloudServicesInfo, Status> {
        let request = CloudServiceQuery {
            query: Some(query),
            ..CloudServiceQuery::default()
        };
        let listed = self
            .services()
            .await
            .list(with_token(&self.token, request))
            .await?;
        Ok(listed.into_inner())
    }

    async fn count(&self, filter: Vec<Filter>) -> Result<i32, Status> {
        let query = Query {
            filter,
            count_only: true,
            ..Query::default()
        };
        let listed = self.list(query).await?;
        assert!(listed.results.is_empty());
        Ok(listed.total_count)
    }
}

fn filter(key: &str, operator: &str, value: Value) -> Filter {
    Filter {
        key_alias: Some(KeyAlias::K(key.to_owned())),
        value_alias: Some(ValueAlias::V(value)),
        operator_alias: Some(OperatorAlias::O(operator.to_owned())),
    }
}

fn texts(values: &[&str]) -> Value {
    let values = values.iter().copied().map(text).collect();
    Value {
        kind: Some(Kind::ListValue(ListValue { values })),
    }
}

fn truth(value: bool) -> Value {
    Value {
        kind: Some(Kind::BoolValue(value)),
    }
}

fn rows_of(answer: &Struct) -> Vec<&Struct> {
    let Some(Kind::ListValue(results)) = &answer.fields["results"].kind else {
        panic!("{answer:?}");
    };
    let rows = results.values.iter().map(|row| match &row.kind {
        Some(Kind::StructValue(row)) => row,
        other => panic!("{other:?}"),
    });
    rows.collect()
}

fn number(row: &Struct, key: &str) -> f64 {
    match row.fields[key].kind {
        Some(Kind::NumberValue(number)) => number,
        ref other => panic!("{key}: {other:?}"),
    }
}

#[tokio::test]
async fn filters_find_what_they_say() {
    let sample = Sample::start().await;
    let all = sample.count(Vec::new()).await.unwrap();
    assert!(all > 250, "{all}");
    let aws = sample
        .count(vec![filter("provider", "eq", text("aws"))])
        .await
        .unwrap();
    let others = sample
        .count(vec![filter("provider", "not", text("aws"))])
        .await
        .unwrap();
    assert!(aws > 0 && others > 0);
    assert_eq!(aws + others, all);
    let contained = sample
        .count(vec![filter("provider", "contain", text("AW"))])
        .await
        .unwrap();
    assert_eq!(contained, aws);
    for (operator, value) in [
        ("in", texts(&["aws"])),
        ("contain_in", texts(&["AWS", "nothing"])),
        ("regex", text("^A.S$")),
        ("regex_in", texts(&["^aws$"])),
        ("not_in", texts(&["google_cloud", "azure", "alibaba_cloud"])),
        ("not_contain_in", texts(&["GOOGLE", "zur", "baba"])),
    ] {
        let found = sample
            .count(vec![filter("provider", operator, value)])
            .await
            .unwrap();
        assert_eq!(found, aws, "{operator}");
    }
    let not = sample
        .count(vec![filter("provider", "not_contain", text("AWS"))])
        .await
        .unwrap();
    assert_eq!(not, others);
    let running = vec![filter("data.compute.instance_state", "eq", text("RUNNING"))];
    assert!(sample.count(running).await.unwrap() > 50);
    let servers = sample
        .count(vec![filter("data.compute", "exists", truth(true))])
        .await
        .unwrap();
    let labelled = filter("ref_cloud_service_type.labels", "eq", text("Server"));
    assert_eq!(sample.count(vec![labelled]).await.unwrap(), servers);
    let past = sample
        .count(vec![filter("created_at", "timediff_lt", text("now - 10d"))])
        .await;
    let recent = sample
        .count(vec![filter(
            "created_at",
            "timediff_gte",
            text("now - 10d"),
        )])
        .await;
    let (past, recent) = (past.unwrap(), recent.unwrap());
    assert!(past > 0 && recent > 0);
    assert_eq!(past + recent, all);
    let ages = vec![filter(
        "created_at",
        "datetime_gt",
        text("2020-01-01T00:00:00Z"),
    )];
    assert_eq!(sample.count(ages).await.unwrap(), all);
    let either = Query {
        filter_or: vec![
            filter("provider", "eq", text("aws")),
            filter("provider", "eq", text("azure")),
        ],
        count_only: true,
        ..Query::default()
    };
    let azure = sample
        .count(vec![filter("provider", "eq", text("azure"))])
        .await
        .unwrap();
    assert_eq!(sample.list(either).await.unwrap().total_count, aws + azure);
    // What is referred to must be in sight too.
    let theirs = filter("ref_cloud_service_type.domain_id", "not", text("ours"));
    assert_eq!(sample.count(vec![theirs]).await.unwrap(), all);
    let unknown = sample
        .count(vec![filter("provider", "like", text("aws"))])
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::Internal);
    assert!(
        unknown.message().starts_with("ERROR_DB_QUERY: "),
        "{}",
        unknown.message()
    );
}

#[tokio::test]
async fn pages_follow_each_other_in_order() {
    let sample = Sample::start().await;
    let sort = vec![Sort {
        key: "name".to_owned(),
        desc: true,
    }];
    let page = |start, limit| Query {
        sort: sort.clone(),
        page: Some(Page { start, limit }),
        only: vec!["name".to_owned(), "data.os".to_owned()],
        ..Query::default()
    };
    let all = sample.list(page(0, 0)).await.unwrap();
    let names = |info: &CloudServicesInfo| -> Vec<String> {
        info.results.iter().map(|row| row.name.clone()).collect()
    };
    let all_names = names(&all);
    assert!(all_names.is_sorted_by(|one, next| one >= next));
    assert_eq!(usize::try_from(all.total_count).unwrap(), all_names.len());
    assert!(all.results[0].cloud_service_id.is_empty());
    let (first, second) = (
        sample.list(page(1, 10)).await.unwrap(),
        sample.list(page(11, 10)).await.unwrap(),
    );
    assert_eq!(first.total_count, all.total_count);
    assert_eq!([names(&first), names(&second)].concat(), all_names[..20]);
    let beyond = sample.list(page(10_000, 10)).await.unwrap();
    assert_eq!(
        (beyond.results.len(), beyond.total_count),
        (0, all.total_count)
    );
    let minimal = Query {
        minimal: true,
        page: Some(Page { start: 1, limit: 1 }),
        ..Query::default()
    };
    let minimal = sample.list(minimal).await.unwrap();
    assert!(minimal.results[0].data.is_none() && !minimal.results[0].name.is_empty());
    let keyword = Query {
        keyword: "PAYMENTS".to_owned(),
        ..Query::default()
    };
    let found = sample.list(keyword).await.unwrap();
    assert!(found.total_count > 0 && found.total_count < all.total_count);
    assert!(
        found
            .results
            .iter()
            .all(|row| row.name.contains("payments"))
    );
}

#[tokio::test]
async fn analyze_groups_and_counts() {
    let sample = Sample::start().await;
    let group_by = ["cloud_service_group", "provider", "cloud_service_type"];
    let Some(Kind::ListValue(group_by)) = texts(&group_by).kind else {
        unreachable!();
    };
    let count = Struct {
        fields: [("operator".to_owned(), text("count"))].into(),
    };
    let fields = Struct {
        fields: [(
            "resources".to_owned(),
            Value {
                kind: Some(Kind::StructValue(count)),
            },
        )]
        .into(),
    };
    let query = AnalyzeQuery {
        group_by: Some(group_by),
        field_group: vec!["cloud_service_type".to_owned()],
        fields: Some(fields),
        filter: vec![
            filter("ref_cloud_service_type.is_primary", "eq", truth(true)),
            filter("state", "in", texts(&["ACTIVE"])),
        ],
        sort: vec![Sort {
            key: "_total_resources".to_owned(),
            desc: true,
        }],
        page: Some(Page { start: 1, limit: 3 }),
        ..AnalyzeQuery::default()
    };
    let request = CloudServiceAnalyzeQuery { query: Some(query) };
    let answer = sample
        .services()
        .await
        .analyze(with_token(&sample.token, request))
        .await
        .unwrap();
    let answer = answer.into_inner();
    assert_eq!(answer.fields["more"], truth(true));
    let rows = rows_of(&answer);
    assert_eq!(rows.len(), 3);
    assert_eq!(rows[0].fields["cloud_service_group"], text("EC2"));
    let totals: Vec<_> = rows
        .iter()
        .map(|row| number(row, "_total_resources"))
        .collect();
    assert!(totals.is_sorted_by(|one, next| one >= next), "{totals:?}");
    let Some(Kind::ListValue(parts)) = &rows[0].fields["resources"].kind else {
        panic!("{:?}", rows[0]);
    };
    let Some(Kind::StructValue(part)) = &parts.values[0].kind else {
        panic!("{parts:?}");
    };
    // Volumes are not primary, so instances are all there is.
    assert_eq!(part.fields["cloud_service_type"], text("Instance"));
    assert_eq!(number(part, "value").to_bits(), totals[0].to_bits());
}

#[tokio::test]
async fn stat_counts_and_lists_distinct_values() {
    let sample = Sample::start().await;
    let mut services = sample.services().await;
    let query = StatisticsQuery {
        distinct: "provider".to_owned(),
        ..StatisticsQuery::default()
    };
    let request = CloudServiceStatQuery { query: Some(query) };
    let answer = services
        .stat(with_token(&sample.token, request))
        .await
        .unwrap();
    assert_eq!(
        answer.get_ref().fields["results"],
        texts(&["alibaba_cloud", "aws", "azure", "google_cloud"])
    );
    let query = StatisticsQuery {
        aggregate: vec![StatisticsAggregate {
            aggregate_alias: Some(AggregateAlias::Count(AggregateCount {
                name: "n".to_owned(),
            })),
        }],
        ..StatisticsQuery::default()
    };
    let request = CloudServiceStatQuery { query: Some(query) };
    let answer = services
        .stat(with_token(&sample.token, request))
        .await
        .unwrap();
    let all = sample.count(Vec::new()).await.unwrap();
    assert_eq!(
        number(rows_of(answer.get_ref())[0], "n").to_bits(),
        f64::from(all).to_bits()
    );
}
