//! Rows of service accounts: how they are made, and as messages.

use bson::{DateTime, Document, doc};

use crate::cloudforet::database::required;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::{date, structure, text, truth};
use crate::cloudforet::proto::identity::v2::service_account_info::State;
use crate::cloudforet::proto::identity::v2::{CreateServiceAccountRequest, ServiceAccountInfo};
use crate::cloudforet::query::value::to_document;
use crate::cloudforet::resource::Kind;
use crate::cloudforet::settings::new_id;

pub(super) const KIND: Kind = Kind {
    collection: "service_account",
    id: "service_account_id",
    minimal: &[
        "service_account_id",
        "name",
        "state",
        "provider",
        "project_id",
    ],
    keyword: &["service_account_id", "name", "provider"],
};

/// A new account, which has no secret yet. Of the request's secret nothing is in the row.
pub(super) fn new_row(request: &CreateServiceAccountRequest) -> Result<Document, Failure> {
    let data = request.data.as_ref().ok_or(Failure::Required("data"))?;
    Ok(doc! {
        "service_account_id": new_id("sa"),
        "name": required("name", &request.name)?,
        "state": "PENDING",
        "data": to_document(data),
        "provider": required("provider", &request.provider)?,
        "tags": request.tags.as_ref().map(to_document).unwrap_or_default(),
        "secret_schema_id": "",
        "secret_id": "",
        "service_account_mgr_id": &request.service_account_mgr_id,
        "project_id": required("project_id", &request.project_id)?,
        "created_at": DateTime::now(),
    })
}

pub(super) fn message(row: &Document) -> ServiceAccountInfo {
    ServiceAccountInfo {
        service_account_id: text(row, "service_account_id"),
        name: text(row, "name"),
        state: State::from_str_name(&text(row, "state"))
            .unwrap_or_default()
            .into(),
        data: structure(row, "data"),
        provider: text(row, "provider"),
        tags: structure(row, "tags"),
        is_managed: truth(row, "is_managed"),
        domain_id: text(row, "domain_id"),
        workspace_id: text(row, "workspace_id"),
        project_id: text(row, "project_id"),
        secret_schema_id: text(row, "secret_schema_id"),
        secret_id: text(row, "secret_id"),
        service_account_mgr_id: text(row, "service_account_mgr_id"),
        created_at: date(row, "created_at"),
        ..ServiceAccountInfo::default()
    }
}
