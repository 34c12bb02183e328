//! Who calls, and what they may touch.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::AppState;
use super::limits::{Meter, Reading, Who};
use super::problem::Problem;
use crate::job::key::{ApiKey, KeyId};
use crate::job::{Scope, TenantId};

/// The caller of a request, as the guard found it.
#[derive(Clone)]
pub(super) struct Caller {
    pub(super) tenant: TenantId,
    /// `None` where nobody has to show a key.
    pub(super) key: Option<KeyId>,
    meter: Arc<Meter>,
    who: Who,
}

impl Caller {
    /// Anybody, where nobody has to show a key.
    pub(super) fn anybody(parts: &Parts, meter: &Arc<Meter>) -> Self {
        Self {
            tenant: TenantId::only(),
            key: None,
            meter: Arc::clone(meter),
            who: Who::asks(None, &parts.extensions),
        }
    }

    /// Whoever holds this key.
    pub(super) fn with(key: &ApiKey, meter: &Arc<Meter>) -> Self {
        Self {
            tenant: key.tenant.clone(),
            key: Some(key.id),
            meter: Arc::clone(meter),
            who: Who::Key(key.id),
        }
    }

    /// Counts this request.
    pub(super) fn counted(self) -> Result<Self, Problem> {
        self.meter.request(self.who)?;
        Ok(self)
    }

    /// A place among those who wait for news.
    pub(super) fn reader(&self) -> Result<Reading, Problem> {
        self.meter.reader(self.who)
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
