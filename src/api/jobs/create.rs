//! `POST /v1/jobs`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::accepted;
use crate::api::AppState;
use crate::api::caller::Caller;
use crate::api::extract::{Body, idempotency_key};
use crate::api::problem::Problem;
use crate::api::router::current_trace;
use crate::api::wire::create::CreateJob;
use crate::api::wire::job::JobBody;
use crate::job::store::Created;

/// Creates a pruning job.
///
/// Checks that the model and the data exist, queues the job and returns it. Poll the job at `Location`, or stream its events.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs", operation_id = "createJob", request_body = CreateJob,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters. A request with the same key and body within 24 hours returns the first job.", min_length = 1, max_length = 255)),
    security(("api_key" = ["write"])),
    responses((status = 202, description = "The job was created", body = JobBody, headers(
        ("Location" = String, description = "Path of the job"),
        ("ETag" = String, description = "Version of the job"),
        ("Retry-After" = String, description = "Seconds until the next poll"),
    )))
)]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    headers: HeaderMap,
    body: Body<CreateJob>,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers, "/v1/jobs", &body.sha256)?;
    let mut job = body.value.into_new_job(caller.tenant)?;
    state.capabilities.check_device(job.device)?;
    job.trace = current_trace();
    job.recipe = state.intake.check(&job.tenant, job.recipe).await?;
    match state.jobs.create(job, key, state.quota).await? {
        Created::New(job) => {
            state.wake.notify_one();
            Ok(accepted(&state, &job))
        }
        Created::Replayed(job) => Ok(accepted(&state, &job)),
    }
}
