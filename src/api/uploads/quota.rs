//! The quota of a tenant's uploads.

use axum::http::StatusCode;

use super::missing;
use crate::api::problem::{Problem, ProblemCode};
use crate::api::state::AppState;
use crate::artifact::incoming::UploadId;
use crate::job::TenantId;

/// Checks that the uploads of a tenant are within the quota; with `last`, only those that are not newer than this one.
pub(super) async fn check(
    state: &AppState,
    tenant: &TenantId,
    last: Option<UploadId>,
) -> Result<(), Problem> {
    let quota = state.upload_quota;
    let usage = state.artifacts.upload_usage(tenant.as_str(), last);
    let usage = usage.await.map_err(missing)?;
    let exceeded = |detail| {
        let code = ProblemCode::QuotaExceeded;
        Err(Problem::new(StatusCode::TOO_MANY_REQUESTS, code, detail))
    };
    if usage.count > quota.count {
        return exceeded(format!(
            "too many uploads: the limit is {} per tenant; delete some",
            quota.count
        ));
    }
    if usage.bytes > quota.bytes {
        return exceeded(format!(
            "with this upload, the uploads of the tenant have {} bytes together; the limit is {} per tenant; delete some",
            usage.bytes, quota.bytes
        ));
    }
    Ok(())
}
