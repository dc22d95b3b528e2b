//! On whose behalf a call is made: the metadata that goes with it.

use tonic::metadata::{AsciiMetadataValue, MetadataMap};

use crate::cloudforet::error::Failure;

/// The token of a call. The system's token is good for every domain, so it says for which it is used.
#[derive(Clone, Debug, Default)]
pub(crate) struct CallAs {
    token: Option<AsciiMetadataValue>,
    domain_id: Option<AsciiMetadataValue>,
    workspace_id: Option<AsciiMetadataValue>,
}

impl CallAs {
    /// Nobody: reflection, public keys, plugins.
    pub(crate) const NOBODY: Self = Self {
        token: None,
        domain_id: None,
        workspace_id: None,
    };

    /// The owner of a token.
    pub(crate) fn token(token: Option<AsciiMetadataValue>) -> Self {
        Self {
            token,
            ..Self::NOBODY
        }
    }

    /// The system, for a domain and, unless empty, one workspace of it.
    pub(crate) fn system(
        token: Option<&AsciiMetadataValue>,
        domain_id: &str,
        workspace_id: &str,
    ) -> Result<Self, Failure> {
        let token = token
            .ok_or_else(|| Failure::Authenticate("this service has no system token".to_owned()))?;
        Ok(Self {
            token: Some(token.clone()),
            domain_id: value("domain_id", domain_id)?,
            workspace_id: value("workspace_id", workspace_id)?,
        })
    }

    pub(super) fn write(&self, metadata: &mut MetadataMap) {
        for (key, value) in [
            ("token", &self.token),
            ("x_domain_id", &self.domain_id),
            ("x_workspace_id", &self.workspace_id),
        ] {
            if let Some(value) = value {
                metadata.insert(key, value.clone());
            }
        }
    }
}

fn value(key: &'static str, text: &str) -> Result<Option<AsciiMetadataValue>, Failure> {
    if text.is_empty() {
        return Ok(None);
    }
    let value = text.parse().map_err(|_| Failure::Invalid {
        key,
        reason: "is no id".to_owned(),
    })?;
    Ok(Some(value))
}
