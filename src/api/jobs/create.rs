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
/// Checks that model and data are there, accepts the job and answers at once; follow it by `Location`. With an
/// `Idempotency-Key` the same request may be sent again within 24 hours and gets the same job.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs", operation_id = "createJob", request_body = CreateJob,
    params(("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; makes it safe to repeat", min_length = 1, max_length = 255)),
    security(("api_key" = ["write"])),
    responses((status = 202, description = "The job was accepted", body = JobBody, headers(
        ("Location" = String, description = "Where the job is"),
        ("ETag" = String, description = "Names the job's version"),
        ("Retry-After" = String, description = "Seconds until it makes sense to look again"),
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
