//! `DELETE /v1/jobs/{id}`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};

use super::etag;
use crate::api::caller::Caller;
use crate::api::extract::Id;
use crate::api::precondition::check_match;
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::artifact::key::Key;
use crate::job::store::StoreError;
use crate::prune::failure::Failure;

/// Deletes a job, its events and its artifacts.
///
/// The job must have ended.
///
/// Specific errors:
///
/// - `conflict`: The job has not ended. Cancel it first.
/// - `precondition_failed`: `If-Match` does not name the current version.
/// - `storage_unavailable`: The artifacts could not be removed. The job still exists; retry later.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "deleteJob",
    params(("id" = String, Path, description = "Id of a job that has ended"),
           ("If-Match" = Option<String>, Header, description = "ETag of the version that the job must have")),
    security(("api_key" = ["write"])),
    responses((status = 204, description = "Deleted"))
)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<StatusCode, Problem> {
    let job = state.jobs.get(&caller.scope(), id).await?;
    check_match(&headers, &etag(&job))?;
    if !job.state.is_terminal() {
        return Err(StoreError::active(&job).into());
    }
    // The files first: while the job exists, a failed deletion can be repeated.
    let prefix = Key::job(&id.to_string()).map_err(|error| Problem::internal(&error))?;
    let removed = state.artifacts.delete_prefix(&prefix).await;
    removed.map_err(Failure::from)?;
    state.jobs.delete(&caller.scope(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
