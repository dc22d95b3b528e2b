//! What secrets hold: written sealed, read by nobody but the system, told in no span.

use bson::spec::BinarySubtype;
use bson::{Binary, Document, doc};
use prost_types::Struct;

use super::Secrets;
use super::vault::Sealed;
use crate::cloudforet::error::Failure;
use crate::cloudforet::mongo::text;

pub(super) const COLLECTION: &str = "secret_data";

impl Secrets {
    /// Stores what a secret holds in the place of what it held.
    pub(super) async fn store(&self, secret_id: &str, data: &Struct) -> Result<(), Failure> {
        let row = self.sealed(secret_id, data)?;
        let rows = self.database.mongo.collection(COLLECTION).await?;
        let of_secret = doc! { "secret_id": secret_id };
        rows.set_untold(of_secret, row, true).await?;
        Ok(())
    }

    /// A row with sealed data.
    pub(super) fn sealed(&self, secret_id: &str, data: &Struct) -> Result<Document, Failure> {
        let Sealed { key_id, bytes } = self.vault.seal(secret_id, data)?;
        let data = Binary {
            subtype: BinarySubtype::Generic,
            bytes,
        };
        Ok(doc! { "secret_id": secret_id, "key_id": key_id, "data": data })
    }

    /// What a secret holds.
    pub(super) async fn reveal(&self, secret_id: &str) -> Result<Struct, Failure> {
        let rows = self.database.mongo.collection(COLLECTION).await?;
        let row = rows.find_one(doc! { "secret_id": secret_id }).await?;
        let row = row.ok_or_else(|| Failure::NotFound {
            key: "secret_id",
            value: secret_id.to_owned(),
        })?;
        let bytes = row.get_binary_generic("data").cloned().unwrap_or_default();
        let key_id = text(&row, "key_id");
        self.vault.open_sealed(secret_id, &Sealed { key_id, bytes })
    }

    /// Forgets what a secret held.
    pub(super) async fn forget(&self, secret_id: &str) -> Result<(), Failure> {
        let rows = self.database.mongo.collection(COLLECTION).await?;
        rows.delete(doc! { "secret_id": secret_id }).await?;
        Ok(())
    }
}
