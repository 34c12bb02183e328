//! `POST /v1/jobs/{id}/cancel`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::{answer, etag};
use crate::api::caller::Caller;
use crate::api::extract::Id;
use crate::api::precondition::check_match;
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::api::wire::job::JobBody;

/// Cancels a job.
///
/// A queued job ends immediately. A running job gets the state `canceling` and ends within five seconds; it succeeds if
/// it completes first. A job that has ended does not change. The call is idempotent.
///
/// Specific error: `precondition_failed` if `If-Match` does not name the current version.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/cancel", tag = "jobs", operation_id = "cancelJob",
    params(("id" = String, Path, description = "Id of the job"),
           ("If-Match" = Option<String>, Header, description = "ETag of the version that the job must have")),
    security(("api_key" = ["write"])),
    responses(
        (status = 202, description = "Cancellation was requested", body = JobBody),
        (status = 200, description = "The job had already ended", body = JobBody),
    )
)]
pub(crate) async fn cancel(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let current = state.jobs.get(&caller.scope(), id).await?;
    check_match(&headers, &etag(&current))?;
    let had_ended = current.state.is_terminal();
    let job = state.jobs.request_cancel(&caller.scope(), id).await?;
    Ok(answer(
        &state,
        if had_ended {
            StatusCode::OK
        } else {
            StatusCode::ACCEPTED
        },
        &job,
    ))
}
