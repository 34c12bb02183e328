//! `DELETE /v1/jobs/{id}`

use axum::extract::State;
use axum::http::StatusCode;

use crate::api::AppState;
use crate::api::caller::Caller;
use crate::api::extract::Id;
use crate::api::problem::Problem;
use crate::artifact::key::Key;

/// Forget a job, its history and its files.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "deleteJob",
    params(("id" = String, Path, description = "A job that has ended")),
    security(("api_key" = ["write"])),
    responses((status = 204, description = "It is gone"))
)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    state.jobs.delete(&caller.scope(), id).await?;
    let prefix = Key::job(&id.to_string()).map_err(|error| Problem::internal(&error))?;
    // The job is gone; files that stay behind cost space, not truth.
    if let Err(error) = state.artifacts.delete_prefix(&prefix).await {
        tracing::warn!(job = %id, %error, "files of a deleted job stay behind");
    }
    Ok(StatusCode::NO_CONTENT)
}
