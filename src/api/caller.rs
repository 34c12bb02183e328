//! Who calls, and what they may touch.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::AppState;
use crate::job::{Scope, TenantId};

/// The caller of a request.
pub(super) struct Caller {
    pub(super) tenant: TenantId,
}

impl Caller {
    /// What the caller may touch.
    pub(super) fn scope(&self) -> Scope {
        Scope::Tenant(self.tenant.clone())
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, _: &AppState) -> Result<Self, Infallible> {
        Ok(Self {
            tenant: TenantId::only(),
        })
    }
}
