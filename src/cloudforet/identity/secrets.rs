//! Secrets of service accounts. They are kept by the secret service; identity knows their ids, and
//! passes their data on without writing it anywhere.

use bson::Document;
use prost_types::Struct;

use super::Identity;
use crate::cloudforet::client::{CallAs, Target};
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;
use crate::cloudforet::proto::secret::v1::create_secret_request::ResourceGroup;
use crate::cloudforet::proto::secret::v1::{
    CreateSecretRequest, SecretInfo, SecretRequest, UpdateSecretDataRequest,
};

const CREATE: &str = "/spaceone.api.secret.v1.Secret/create";
const UPDATE_DATA: &str = "/spaceone.api.secret.v1.Secret/update_data";
const DELETE: &str = "/spaceone.api.secret.v1.Secret/delete";

impl Identity {
    /// Stores the data of an account's secret; gives the secret's id.
    pub(super) async fn create_secret(
        &self,
        account: &Document,
        schema_id: &str,
        data: Struct,
    ) -> Result<String, Failure> {
        let (secrets, system) = self.secrets(account)?;
        let request = CreateSecretRequest {
            name: text(account, "name"),
            data: Some(data),
            schema_id: schema_id.to_owned(),
            resource_group: ResourceGroup::Project.into(),
            workspace_id: text(account, "workspace_id"),
            project_id: text(account, "project_id"),
            service_account_id: text(account, "service_account_id"),
            ..CreateSecretRequest::default()
        };
        let created: SecretInfo = secrets.call(CREATE, request, &system).await?;
        Ok(created.secret_id)
    }

    /// Puts other data in the place of what an account's secret has.
    pub(super) async fn update_secret(
        &self,
        account: &Document,
        schema_id: &str,
        data: Struct,
    ) -> Result<(), Failure> {
        let (secrets, system) = self.secrets(account)?;
        let request = UpdateSecretDataRequest {
            secret_id: text(account, "secret_id"),
            schema_id: schema_id.to_owned(),
            data: Some(data),
        };
        Ok(secrets.call::<_, ()>(UPDATE_DATA, request, &system).await?)
    }

    /// Deletes an account's secret, if it has one that is still there.
    pub(super) async fn delete_secret(&self, account: &Document) -> Result<(), Failure> {
        let secret_id = text(account, "secret_id");
        if secret_id.is_empty() {
            return Ok(());
        }
        let (secrets, system) = self.secrets(account)?;
        let request = SecretRequest { secret_id };
        match secrets.call::<_, ()>(DELETE, request, &system).await {
            Err(status) if status.code() != tonic::Code::NotFound => Err(status.into()),
            _ => Ok(()),
        }
    }

    fn secrets(&self, account: &Document) -> Result<(Target, CallAs), Failure> {
        let target = self.channels.target("secret");
        let target = target.map_err(|error| Failure::Upstream(error.to_string()))?;
        let system = CallAs::system(
            self.settings.system_token.as_ref(),
            &text(account, "domain_id"),
            &text(account, "workspace_id"),
        )?;
        Ok((target, system))
    }
}
