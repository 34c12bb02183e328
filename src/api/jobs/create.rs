//! `POST /v1/jobs`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;

use super::accepted;
use crate::api::caller::Caller;
use crate::api::extract::{Body, idempotency_key};
use crate::api::problem::Problem;
use crate::api::request::current_trace;
use crate::api::state::AppState;
use crate::api::wire::create::CreateJob;
use crate::api::wire::job::JobBody;
use crate::job::store::Created;

/// Creates a pruning job.
///
/// Checks that the model and the data exist, queues the job and returns it. Poll the job at `Location`, or stream its
/// events.
///
/// The contents of the model and the data are read when the job runs. `estimateJob` reads them without creating a job.
/// The job uses the commit that a `hf://` URI names now. It fails with `source_not_found` if an `s3://` source has
/// changed before the job reads it.
///
/// Specific errors:
///
/// - `validation_failed`, `invalid_recipe`, `invalid_target`: A field is invalid, or no worker has the device. `errors`
///   names the field.
/// - `source_not_found`: The model or the data does not exist, access to it is denied, or its URI is not supported.
/// - `source_unavailable`: The host of the model or the data does not respond.
/// - `unsafe_format`, `invalid_checkpoint`: The model folder does not contain weights in a supported format.
/// - `quota_exceeded`: The tenant has too many queued jobs, by default 10,000.
/// - `idempotency_key_reused`: The `Idempotency-Key` was used with another body.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs", operation_id = "createJob", 
    request_body(content = CreateJob, example = json!({
        "model": {"uri": "file:///srv/models/bert"},
        "calibration": {"uri": "file:///srv/data/train.tsv"},
        "target": {"value": "60%"},
    })),
    params(("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request: within 24 hours, a request with the same key and body returns the job that the first one created. 1 to 255 visible ASCII characters.", min_length = 1, max_length = 255)),
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
