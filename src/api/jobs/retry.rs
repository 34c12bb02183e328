//! `POST /v1/jobs/{id}/retry`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::again;
use crate::api::caller::Caller;
use crate::api::extract::{Id, idempotency_key};
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::api::wire::job::JobBody;

/// Creates a job with the same request.
///
/// The job must have ended, with or without success. The new job has the same request, device, priority, labels and
/// maximum number of attempts. Its deadline is as long after its creation as that of this job. It reuses the completed
/// stages of this job while they are in the stage cache, by default for 7 days.
///
/// Specific errors:
///
/// - `conflict`: The job has not ended.
/// - `source_not_found`, `source_unavailable`, `unsafe_format`, `invalid_checkpoint`, `quota_exceeded`: As for
///   `createJob`.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/retry", tag = "jobs", operation_id = "retryJob",
    params(("id" = String, Path, description = "Id of a job that has ended"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request: within 24 hours, a request for the same job with the same key returns the job that the first one created. 1 to 255 visible ASCII characters.", min_length = 1, max_length = 255)),
    security(("api_key" = ["write"])),
    responses((status = 202, description = "The new job", body = JobBody, headers(
        ("Location" = String, description = "Path of the new job"),
    )))
)]
pub(crate) async fn retry(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers, &format!("/v1/jobs/{id}/retry"), "")?;
    let old = state.jobs.get(&caller.scope(), id).await?;
    if !old.state.is_terminal() {
        let detail = format!(
            "the job is {}; cancel it or wait for its end before you retry it",
            old.state.as_str()
        );
        return Err(Problem::conflict(detail));
    }
    let recipe = old.recipe.clone();
    again(&state, old, recipe, key).await
}
