//! `DELETE /v1/jobs/{id}`

use axum::extract::State;
use axum::http::StatusCode;

use crate::api::AppState;
use crate::api::caller::Caller;
use crate::api::extract::Id;
use crate::api::problem::Problem;
use crate::artifact::key::Key;
use crate::job::store::StoreError;
use crate::prune::failure::Failure;

/// Deletes a job, its events and its files.
#[utoipa::path(
    delete, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "deleteJob",
    params(("id" = String, Path, description = "A job that has ended")),
    security(("api_key" = ["write"])),
    responses((status = 204, description = "Deleted"))
)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<StatusCode, Problem> {
    let job = state.jobs.get(&caller.scope(), id).await?;
    if !job.state.is_terminal() {
        return Err(StoreError::active(&job).into());
    }
    // The files first: what could not be removed can be removed again as long as the job is there to be named.
    let prefix = Key::job(&id.to_string()).map_err(|error| Problem::internal(&error))?;
    let removed = state.artifacts.delete_prefix(&prefix).await;
    removed.map_err(Failure::from)?;
    state.jobs.delete(&caller.scope(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
