//! `GET /v1/usage`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::caller::Caller;
use super::problem::Problem;
use super::state::AppState;
use crate::prune::failure::Failure;

/// What the caller's tenant uses of the service, and its limits.
#[derive(Serialize, ToSchema)]
#[schema(as = Usage)]
pub(crate) struct UsageBody {
    /// Type of this object: `usage`.
    #[schema(example = "usage")]
    object: &'static str,
    uploads: UploadUsageBody,
}

/// Uploads of the tenant, in any state. An upload counts with its announced size from its creation to its deletion.
#[derive(Serialize, ToSchema)]
#[schema(as = UploadUsage)]
pub(crate) struct UploadUsageBody {
    /// Number of uploads.
    count: u64,
    /// Maximum number of uploads.
    #[schema(example = 200)]
    max_count: u64,
    /// Total size in bytes.
    bytes: u64,
    /// Maximum total size in bytes.
    #[schema(example = 107_374_182_400_u64)]
    max_bytes: u64,
}

/// Returns what the caller's tenant uses of the service, and its limits.
#[utoipa::path(
    get, path = "/v1/usage", tag = "uploads", operation_id = "getUsage",
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The usage and the limits", body = UsageBody))
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<UsageBody>, Problem> {
    let usage = state.artifacts.upload_usage(caller.tenant.as_str(), None);
    let usage = usage.await.map_err(Failure::from)?;
    Ok(Json(UsageBody {
        object: "usage",
        uploads: UploadUsageBody {
            count: usage.count,
            max_count: state.upload_quota.count,
            bytes: usage.bytes,
            max_bytes: state.upload_quota.bytes,
        },
    }))
}
