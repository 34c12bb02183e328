//! The caller of a request.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::limits::{Held, Meter, Who};
use super::problem::Problem;
use super::state::AppState;
use crate::job::key::{ApiKey, KeyId};
use crate::job::{Scope, TenantId};

/// The caller of a request, identified by the guard.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) tenant: TenantId,
    /// `None` if the service requires no API key.
    pub(super) key: Option<KeyId>,
    meter: Arc<Meter>,
    who: Who,
}

impl Caller {
    /// A caller of a service that requires no API key.
    pub(super) fn anybody(parts: &Parts, meter: &Arc<Meter>) -> Self {
        Self {
            tenant: TenantId::only(),
            key: None,
            meter: Arc::clone(meter),
            who: meter.address(parts),
        }
    }

    /// The holder of an API key.
    pub(super) fn with(key: &ApiKey, meter: &Arc<Meter>) -> Self {
        Self {
            tenant: key.tenant.clone(),
            key: Some(key.id),
            meter: Arc::clone(meter),
            who: Who::Key(key.id),
        }
    }

    /// Counts this request against the rate limit.
    ///
    /// # Errors
    /// Returns 429 if the limit is exceeded.
    pub(super) fn counted(self) -> Result<Self, Problem> {
        self.meter.request(self.who)?;
        Ok(self)
    }

    /// Counts a long poll or stream until the result is dropped.
    ///
    /// # Errors
    /// Returns 429 if the caller has too many.
    pub(super) fn reader(&self) -> Result<Held, Problem> {
        self.meter.reader(self.who)
    }

    /// The jobs that the caller can access.
    pub(super) fn scope(&self) -> Scope {
        Scope::Tenant(self.tenant.clone())
    }
}

impl FromRequestParts<AppState> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &AppState) -> Result<Self, Problem> {
        // A handler behind no guard must fail rather than serve anyone.
        parts
            .extensions
            .get()
            .cloned()
            .ok_or_else(|| Problem::internal(&"the route has no guard"))
    }
}
