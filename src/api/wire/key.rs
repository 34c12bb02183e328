//! API keys on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::duration;
use super::time::rfc3339;
use crate::api::problem::{Problem, ProblemCode};
use crate::job::TenantId;
use crate::job::key::{ApiKey, FreshKey, KeyScope, NewKey, key_name};

/// An API key to create.
#[derive(Deserialize, ToSchema)]
#[schema(as = CreateApiKey)]
pub(crate) struct CreateKey {
    /// Name of the key, for people. 1 to 100 characters, without control characters.
    #[schema(
        example = "laptop",
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f]+$"
    )]
    name: String,
    /// What the key allows.
    scope: KeyScope,
    /// Lifetime: a number of at most five digits and a unit (`s`, `m`, `h` or `d`). By default the key does not expire.
    #[serde(default)]
    #[schema(example = "90d", pattern = "^[1-9][0-9]{0,4}[smhd]$")]
    expires: Option<String>,
}

/// An API key, without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
pub(crate) struct KeyBody {
    /// Id of the key. It is not secret.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: String,
    /// Type of this object: `key`.
    #[schema(example = "key")]
    object: &'static str,
    /// Name of the key.
    name: String,
    /// Tenant that the key gives access to.
    tenant: String,
    /// What the key allows.
    scope: KeyScope,
    /// Creation time.
    #[schema(format = DateTime)]
    created_at: String,
    /// Time from which the key is rejected. Null if it does not expire.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    /// Time since which the key is rejected. Null if it was not revoked.
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// Time of the last use, accurate to one minute. Null if the key was never used.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

/// A new API key, with its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = CreatedApiKey)]
pub(crate) struct CreatedKey {
    #[serde(flatten)]
    body: KeyBody,
    /// The whole key, for the header `Authorization`. It is returned only in this response.
    #[schema(pattern = "^optk_[0-9a-f]{32}_[0-9a-f]{64}$")]
    key: String,
}

impl CreateKey {
    pub(crate) fn into_new_key(self, tenant: TenantId) -> Result<NewKey, Problem> {
        let invalid = |pointer: &str, detail: String| {
            Problem::invalid_field(pointer, ProblemCode::ValidationFailed, detail)
        };
        let name = key_name(&self.name).map_err(|error| invalid("/name", error.to_string()))?;
        let lifetime_ms = self.expires.as_deref().map(duration::parse_ms).transpose();
        Ok(NewKey {
            tenant,
            name,
            scope: self.scope,
            lifetime_ms: lifetime_ms.map_err(|detail| invalid("/expires", detail))?,
        })
    }
}

impl From<&ApiKey> for KeyBody {
    fn from(key: &ApiKey) -> Self {
        Self {
            id: key.id.to_string(),
            object: "key",
            name: key.name.clone(),
            tenant: key.tenant.to_string(),
            scope: key.scope,
            created_at: rfc3339(key.created_at),
            expires_at: key.expires_at.map(rfc3339),
            revoked_at: key.revoked_at.map(rfc3339),
            last_used_at: key.last_used_at.map(rfc3339),
        }
    }
}

impl CreatedKey {
    pub(crate) fn new(key: &ApiKey, fresh: &FreshKey) -> Self {
        Self {
            body: key.into(),
            key: fresh.reveal(),
        }
    }
}
