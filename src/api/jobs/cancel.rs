//! `POST /v1/jobs/{id}/cancel`

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;

use super::answer;
use crate::api::AppState;
use crate::api::caller::Caller;
use crate::api::extract::Id;
use crate::api::problem::Problem;
use crate::api::wire::job::JobBody;

/// Cancels a job.
///
/// A queued job ends at once, a running job within five seconds. The call is idempotent.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/cancel", tag = "jobs", operation_id = "cancelJob",
    params(("id" = String, Path, description = "The job")),
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
) -> Result<Response, Problem> {
    let had_ended = state
        .jobs
        .get(&caller.scope(), id)
        .await?
        .state
        .is_terminal();
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
