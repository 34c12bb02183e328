//! Keys on the wire.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::duration;
use super::mirror::mirror;
use super::time::rfc3339;
use crate::api::problem::{Problem, ProblemCode};
use crate::job::TenantId;
use crate::job::key::{ApiKey, FreshKey, KeyScope, NewKey, key_name};

/// The key to make.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateKey {
    /// What you call it.
    #[schema(
        example = "laptop",
        min_length = 1,
        max_length = 100,
        pattern = r"^[^\x00-\x1f\x7f]+$"
    )]
    name: String,
    scope: ScopeBody,
    /// It expires so long after it was made: `90s`, `30m`, `2h` or `90d`; never when not given.
    #[serde(default)]
    #[schema(example = "90d", pattern = "^[1-9][0-9]{0,4}[smhd]$")]
    expires: Option<String>,
}

mirror!(
    /// What a key allows; each includes the ones before it.
    ScopeBody of KeyScope {
        /// To see jobs and files.
        Read,
        /// To queue, cancel, retry and delete jobs.
        Write,
        /// To manage keys, and to see the audit log and the metrics.
        Admin,
    }
);

/// A key, without its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyBody {
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: String,
    #[schema(example = "key")]
    object: &'static str,
    name: String,
    tenant: String,
    scope: ScopeBody,
    #[schema(format = DateTime)]
    created_at: String,
    #[schema(format = DateTime)]
    expires_at: Option<String>,
    #[schema(format = DateTime)]
    revoked_at: Option<String>,
    /// To the minute.
    #[schema(format = DateTime)]
    last_used_at: Option<String>,
}

/// A key that was just made.
#[derive(Serialize, ToSchema)]
pub(crate) struct CreatedKey {
    #[serde(flatten)]
    body: KeyBody,
    /// The whole key; keep it, it is not told again.
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
            scope: self.scope.into(),
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
            scope: key.scope.into(),
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
