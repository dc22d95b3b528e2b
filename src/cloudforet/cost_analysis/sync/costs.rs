//! Costs of a task, from the plugin's stream into the store.
//!
//! Rows are written under ids that follow from what they are for, so nobody who reads meanwhile sees
//! a cost twice or not at all. When all tasks of a secret are through, what their periods still hold
//! from earlier jobs is gone at the source, and is deleted here.

use std::collections::{BTreeSet, HashMap};

use bson::{Document, doc};
use prost_types::Struct;

use super::Secret;
use super::plugin::Plugin;
use crate::cloudforet::cost_analysis::{CostAnalysis, analyze, cost_row};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;
use crate::cloudforet::proto::cost_analysis::plugin::{ChangedInfo, CostInfo};
use crate::cloudforet::query::value::to_document;

/// Rows in one command: some hundred kilobytes.
const BATCH: usize = 500;

/// The costs of one secret in one job.
pub(super) struct Costs<'a> {
    service: &'a CostAnalysis,
    job: &'a Document,
    secret: &'a Secret,
    /// How often each cost was told: plugins may tell several lines about the same thing.
    told: HashMap<String, usize>,
}

/// Names of fields that costs were seen with.
#[derive(Debug, Default)]
pub(super) struct SeenKeys {
    pub(super) tags: BTreeSet<String>,
    pub(super) additional_info: BTreeSet<String>,
    pub(super) data: BTreeSet<String>,
}

impl<'a> Costs<'a> {
    pub(super) fn new(service: &'a CostAnalysis, job: &'a Document, secret: &'a Secret) -> Self {
        Self {
            service,
            job,
            secret,
            told: HashMap::new(),
        }
    }

    /// Writes all costs of a task; says how many.
    pub(super) async fn fetch(
        &mut self,
        plugin: &Plugin,
        task_options: Struct,
        seen: &mut SeenKeys,
    ) -> Result<usize, Failure> {
        let rows = self.service.database.rows(&cost_row::KIND).await?;
        let mut answers = plugin.costs(self.secret, task_options).await?;
        let mut batch = Vec::new();
        let mut count = 0;
        while let Some(answer) = answers.next().await? {
            for cost in &answer.results {
                seen.see(cost);
                batch.push(self.row(cost)?);
            }
            if batch.len() >= BATCH {
                count += batch.len();
                rows.upsert_all(std::mem::take(&mut batch)).await?;
            }
        }
        count += batch.len();
        rows.upsert_all(batch).await?;
        Ok(count)
    }

    /// Which row a cost is, and its fields.
    fn row(&mut self, cost: &CostInfo) -> Result<(Document, Document), Failure> {
        let source = text(self.job, "data_source_id");
        let mut row = cost_row::facts(cost)?;
        if cost.provider.is_empty() {
            let provider = &self.secret.provider;
            row.insert("provider", provider);
            row.insert("region_key", format!("{provider}.{}", cost.region_code));
        }
        let secret = &self.secret.id;
        let mut id = cost_row::id_of(&source, secret, &row, 0);
        let told = self.told.entry(id.clone()).or_default();
        if *told > 0 {
            id = cost_row::id_of(&source, secret, &row, *told);
        }
        *told += 1;
        row.extend(doc! {
            "domain_id": text(self.job, "domain_id"),
            "workspace_id": &self.secret.workspace_id,
            "project_id": &self.secret.project_id,
            "service_account_id": &self.secret.service_account_id,
            "data_source_id": source,
            "secret_id": secret,
            "job_id": text(self.job, "job_id"),
        });
        Ok((doc! { "cost_id": id }, row))
    }

    /// Deletes what earlier jobs have written in these periods and this one has not.
    pub(super) async fn delete_gone(&self, periods: &[ChangedInfo]) -> Result<(), Failure> {
        let rows = self.service.database.rows(&cost_row::KIND).await?;
        for period in periods {
            let mut gone = doc! {
                "data_source_id": text(self.job, "data_source_id"),
                "secret_id": &self.secret.id,
                "job_id": { "$ne": text(self.job, "job_id") },
            };
            let mut days = Document::new();
            if !period.start.is_empty() {
                days.insert("$gte", &period.start);
            }
            if !period.end.is_empty() {
                days.insert("$lte", analyze::last(&period.end));
            }
            if !days.is_empty() {
                gone.insert("billed_date", days);
            }
            let filter = period.filter.as_ref().map(to_document).unwrap_or_default();
            for (key, value) in filter {
                if key.starts_with('$') || gone.contains_key(&key) {
                    continue;
                }
                // Equal, and no operators: the values are a plugin's.
                gone.insert(key, doc! { "$eq": value });
            }
            rows.delete_all(gone).await?;
        }
        Ok(())
    }
}

impl SeenKeys {
    fn see(&mut self, cost: &CostInfo) {
        for (keys, object) in [
            (&mut self.tags, &cost.tags),
            (&mut self.additional_info, &cost.additional_info),
            (&mut self.data, &cost.data),
        ] {
            for key in object.iter().flat_map(|object| object.fields.keys()) {
                if !keys.contains(key) {
                    keys.insert(key.clone());
                }
            }
        }
    }
}
