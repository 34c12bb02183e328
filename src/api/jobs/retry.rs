//! `POST /v1/jobs/{id}/retry`

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::accepted;
use crate::api::AppState;
use crate::api::caller::Caller;
use crate::api::extract::{Id, idempotency_key};
use crate::api::problem::{Problem, ProblemCode};
use crate::api::router::current_trace;
use crate::api::wire::job::JobBody;
use crate::job::NewJob;
use crate::job::store::Created;

/// Try a job again.
///
/// Queues a new job with the same request; it takes up the stages that the old one finished.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/retry", tag = "jobs", operation_id = "retryJob",
    params(("id" = String, Path, description = "A job that has ended"),
           ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; makes it safe to repeat", min_length = 1, max_length = 255)),
    security(("api_key" = ["write"])),
    responses((status = 202, description = "The new job", body = JobBody, headers(
        ("Location" = String, description = "Where the new job is"),
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
            "the job is {}; wait for its end, or cancel it, before trying it again",
            old.state.as_str()
        );
        return Err(Problem::new(
            StatusCode::CONFLICT,
            ProblemCode::Conflict,
            detail,
        ));
    }
    let recipe = state.intake.check(&old.tenant, old.recipe).await?;
    let again = NewJob {
        tenant: old.tenant,
        device: old.device,
        priority: old.priority,
        deadline_ms: old.deadline_at.map(|deadline| deadline - old.created_at),
        recipe,
        labels: old.labels,
        max_attempts: old.max_attempts,
        retry_of: Some(id),
        trace: current_trace(),
    };
    let (Created::New(job) | Created::Replayed(job)) =
        state.jobs.create(again, key, state.quota).await?;
    state.wake.notify_one();
    Ok(accepted(&job))
}
