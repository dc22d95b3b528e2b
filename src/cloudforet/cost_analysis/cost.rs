//! `Cost`: costs by day.

use bson::doc;
use prost_types::Struct;
use tonic::{Request, Response, Status};

use super::cost_row::{KIND, facts, message};
use super::{Handler, analyze, data_source_row, shared_scope};
use crate::cloudforet::database::{required, scope};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;
use crate::cloudforet::proto::cost_analysis::plugin;
use crate::cloudforet::proto::cost_analysis::v1::cost_server::Cost;
use crate::cloudforet::proto::cost_analysis::v1::{
    CostAnalyzeQuery, CostInfo, CostQuery, CostRequest, CostStatQuery, CostsInfo, CreateCostRequest,
};
use crate::cloudforet::resource::given;
use crate::cloudforet::settings::new_id;

#[tonic::async_trait]
impl Cost for Handler {
    async fn create(
        &self,
        request: Request<CreateCostRequest>,
    ) -> Result<Response<CostInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let workspace = caller.owned_workspace()?;
        let request = request.into_inner();
        let source = &request.data_source_id;
        let sources = shared_scope(&caller, "")?;
        let source = self
            .0
            .database
            .one(&data_source_row::KIND, sources, source)
            .await?;
        required("provider", &request.provider)?;
        required("billed_date", &request.billed_date)?;
        // The API has a number where the unit is a text.
        let unit = if request.usage_unit == 0.0 {
            String::new()
        } else {
            request.usage_unit.to_string()
        };
        let mut row = facts(&plugin::CostInfo {
            cost: request.cost,
            usage_quantity: request.usage_quantity,
            usage_unit: unit,
            provider: request.provider,
            region_code: request.region_code,
            product: request.product,
            usage_type: request.usage_type,
            resource: request.resource,
            tags: request.tags,
            additional_info: request.additional_info,
            data: None,
            billed_date: request.billed_date,
        })?;
        row.extend(doc! {
            "cost_id": new_id("cost"),
            "domain_id": &caller.domain_id,
            "workspace_id": workspace,
            "project_id": request.project_id,
            "service_account_id": request.service_account_id,
            "data_source_id": text(&source, "data_source_id"),
        });
        self.0.database.rows(&KIND).await?.insert(&row).await?;
        Ok(Response::new(message(&row)))
    }

    async fn delete(&self, request: Request<CostRequest>) -> Result<Response<()>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        caller.owned_workspace()?;
        let scope = scope(&caller, "")?;
        let id = &request.get_ref().cost_id;
        let row = self.0.database.one(&KIND, scope, id).await?;
        self.0.database.remove(&KIND, &row).await?;
        Ok(Response::new(()))
    }

    async fn get(&self, request: Request<CostRequest>) -> Result<Response<CostInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let scope = scope(&caller, "")?;
        let id = &request.get_ref().cost_id;
        let row = self.0.database.one(&KIND, scope, id).await?;
        Ok(Response::new(message(&row)))
    }

    async fn list(&self, request: Request<CostQuery>) -> Result<Response<CostsInfo>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        if !request.project_group_id.is_empty() {
            let reason = "costs know their project only (key = project_group_id)";
            return Err(Failure::Query(reason.to_owned()).into());
        }
        let query = request.query.unwrap_or_default();
        let mut base = vec![scope(&caller, &request.workspace_id)?];
        base.extend(given(&[
            ("data_source_id", &request.data_source_id),
            ("cost_id", &request.cost_id),
            ("provider", &request.provider),
            ("region_code", &request.region_code),
            ("region_key", &request.region_key),
            ("product", &request.product),
            ("usage_type", &request.usage_type),
            ("resource", &request.resource),
            ("project_id", &request.project_id),
            ("service_account_id", &request.service_account_id),
            ("billed_year", &request.billed_year),
            ("billed_month", &request.billed_month),
            ("billed_date", &request.billed_date),
        ]));
        let (rows, total_count) = self.0.database.list(&KIND, base, &query).await?;
        Ok(Response::new(CostsInfo {
            results: rows.iter().map(message).collect(),
            total_count,
        }))
    }

    async fn analyze(
        &self,
        request: Request<CostAnalyzeQuery>,
    ) -> Result<Response<Struct>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let query = request.query.ok_or(Failure::Required("query"))?;
        let mut base = vec![scope(&caller, "")?];
        base.extend(given(&[("data_source_id", &request.data_source_id)]));
        base.extend(analyze::period(&query)?);
        let query = Some(analyze::without_time(query));
        let answer = self.0.database.analyze(&KIND, base, query).await?;
        Ok(Response::new(answer))
    }

    async fn stat(&self, request: Request<CostStatQuery>) -> Result<Response<Struct>, Status> {
        let caller = self.0.caller(request.metadata()).await?;
        let request = request.into_inner();
        let mut base = vec![scope(&caller, "")?];
        base.extend(given(&[("data_source_id", &request.data_source_id)]));
        let query = request.query;
        let answer = self.0.database.stat(&KIND, base, query).await?;
        Ok(Response::new(answer))
    }
}
