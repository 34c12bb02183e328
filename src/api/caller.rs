//! Who calls, and what they may touch.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::AppState;
use super::problem::Problem;
use crate::job::key::{ApiKey, KeyId};
use crate::job::{Scope, TenantId};

/// The caller of a request, as the guard found it.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) tenant: TenantId,
    /// `None` where nobody has to show a key.
    pub(super) key: Option<KeyId>,
}

impl Caller {
    /// Anybody, where nobody has to show a key.
    pub(super) fn anybody() -> Self {
        Self {
            tenant: TenantId::only(),
            key: None,
        }
    }

    /// Whoever holds this key.
    pub(super) fn with(key: &ApiKey) -> Self {
        Self {
            tenant: key.tenant.clone(),
            key: Some(key.id),
        }
    }

    /// What the caller may touch.
    pub(super) fn scope(&self) -> Scope {
        Scope::Tenant(self.tenant.clone())
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        // A route that the guard does not know must not answer as if it did.
        parts
            .extensions
            .get()
            .cloned()
            .ok_or_else(|| Problem::internal(&"no guard stands before this route"))
    }
}
