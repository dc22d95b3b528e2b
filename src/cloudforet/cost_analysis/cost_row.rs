//! Rows of costs: how they are made, and as messages.

use aws_lc_rs::digest::{SHA256, digest};
use bson::{Document, doc};
use prost_types::Struct;
use time::Date;
use time::format_description::well_known::Iso8601;

use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{structure, text};
use crate::cloudforet::proto::cost_analysis::plugin;
use crate::cloudforet::proto::cost_analysis::v1::CostInfo;
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::Kind;
use crate::cloudforet::settings::hex;

pub(super) const KIND: Kind = Kind {
    collection: "cost",
    id: "cost_id",
    minimal: &[
        "cost_id",
        "cost",
        "provider",
        "region_code",
        "product",
        "billed_date",
    ],
    keyword: &["product", "usage_type", "resource", "region_code"],
};
/// Bytes of the hash that an id shows.
// Lab: twice as many as other ids. They follow from what the cost is for, and among a million with
// six bytes two would soon be the same.
const ID_LENGTH: usize = 12;

/// The day of a cost, checked, and its month and year.
pub(super) fn billed(date: &str) -> Result<Document, Failure> {
    let day = date.get(..10).unwrap_or(date);
    if Date::parse(day, &Iso8601::DEFAULT).is_err() || day.len() != 10 {
        return Err(Failure::Invalid {
            key: "billed_date",
            reason: format!("not a day such as 2026-11-28: {date:?}"),
        });
    }
    Ok(doc! { "billed_date": day, "billed_month": &day[..7], "billed_year": &day[..4] })
}

/// What is in every row, however it came.
pub(super) fn facts(cost: &plugin::CostInfo) -> Result<Document, Failure> {
    let object = |value: &Option<Struct>| value.as_ref().map(to_document).unwrap_or_default();
    let additional_info = object(&cost.additional_info);
    let mut row = doc! {
        "cost": cost.cost,
        "usage_quantity": cost.usage_quantity,
        "usage_unit": &cost.usage_unit,
        "provider": &cost.provider,
        "region_code": &cost.region_code,
        "region_key": format!("{}.{}", cost.provider, cost.region_code),
        "product": &cost.product,
        "usage_type": &cost.usage_type,
        "resource": &cost.resource,
        "account_id": text(&additional_info, "Account ID"),
        "tags": object(&cost.tags),
        "additional_info": additional_info,
        "data": object(&cost.data),
    };
    row.extend(billed(&cost.billed_date)?);
    Ok(row)
}

/// The id of a cost follows from what it is for, so that the same cost told again is the same row.
/// `again` tells apart lines of one answer that are about the same thing.
pub(super) fn id_of(source: &str, secret: &str, row: &Document, again: usize) -> String {
    let mut key = format!("{source}\0{secret}\0{again}");
    for field in [
        "billed_date",
        "provider",
        "region_code",
        "product",
        "usage_type",
        "usage_unit",
        "resource",
    ] {
        key.push('\0');
        key.push_str(row.get_str(field).unwrap_or_default());
    }
    for field in ["tags", "additional_info"] {
        key.push('\0');
        key.push_str(&ordered(row.get_document(field).ok()));
    }
    let hash = digest(&SHA256, key.as_bytes());
    format!("cost-{}", hex(&hash.as_ref()[..ID_LENGTH]))
}

/// An object's text, whatever order its fields came in: messages keep none.
fn ordered(object: Option<&Document>) -> String {
    let mut fields: Vec<String> = object
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    fields.sort();
    fields.join("\0")
}

pub(super) fn message(row: &Document) -> CostInfo {
    let number = |key| match row.get(key) {
        Some(bson::Bson::Double(number)) => *number,
        Some(bson::Bson::Int32(number)) => f64::from(*number),
        _ => 0.0,
    };
    CostInfo {
        cost_id: text(row, "cost_id"),
        cost: number("cost"),
        usage_quantity: number("usage_quantity"),
        usage_unit: text(row, "usage_unit"),
        provider: text(row, "provider"),
        region_code: text(row, "region_code"),
        region_key: text(row, "region_key"),
        product: text(row, "product"),
        usage_type: text(row, "usage_type"),
        resource: text(row, "resource"),
        tags: structure(row, "tags"),
        additional_info: structure(row, "additional_info"),
        data: structure(row, "data"),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        project_id: text(row, "project_id"),
        service_account_id: text(row, "service_account_id"),
        data_source_id: text(row, "data_source_id"),
        account_id: text(row, "account_id"),
        billed_year: text(row, "billed_year"),
        billed_month: text(row, "billed_month"),
        billed_date: text(row, "billed_date"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_is_checked() {
        assert_eq!(
            billed("2026-11-28").unwrap(),
            doc! { "billed_date": "2026-11-28", "billed_month": "2026-11", "billed_year": "2026" }
        );
        assert!(billed("2026-11-28T00:00:00Z").is_ok());
        for wrong in ["", "2026-11", "2026-13-01", "20261128", "yesterday!"] {
            assert!(billed(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn the_same_cost_has_the_same_id() {
        let row = doc! { "product": "EC2", "tags": { "a": 1, "b": 2 } };
        let same = doc! { "product": "EC2", "tags": { "b": 2, "a": 1 } };
        let other = doc! { "product": "EC2", "tags": { "a": 1, "b": 3 } };
        let id = |row| id_of("ds", "secret", row, 0);
        assert_eq!(id(&row), id(&same));
        assert_ne!(id(&row), id(&other));
        assert_ne!(id(&row), id_of("ds", "secret", &row, 1));
    }
}
