//! `POST /v1/jobs/estimate`

use axum::Json;
use axum::extract::State;

use crate::api::caller::Caller;
use crate::api::extract::Body;
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::api::wire::create::CreateJob;
use crate::api::wire::plan::EstimateBody;

/// Estimates the work, cost and size of a job.
///
/// Reads the model and the data, and times one forward pass on the machine of the service. Does not create a job.
/// `device`, `priority`, `deadline`, `max_attempts` and `labels` do not influence the estimate. Estimates that would
/// need too much memory together run one after another.
///
/// Specific errors:
///
/// - `validation_failed`, `invalid_recipe`, `invalid_target`: A field is invalid.
/// - `target_unreachable`: The target is below the smallest model that the constraints allow.
/// - `source_not_found`: The model or the data does not exist, access to it is denied, or its URI is not supported.
/// - `source_unavailable`, `source_mismatch`: The model or the data could not be downloaded, or not within 60 seconds.
///   Retry later; files that were downloaded are kept.
/// - `unsupported_model`, `unsafe_format`, `invalid_checkpoint`, `invalid_tokenizer`: The model cannot be used.
/// - `invalid_data`: The calibration or evaluation dataset cannot be used.
/// - `limit_exceeded`: The job is too large for the service, or reading takes longer than two minutes.
/// - `out_of_memory`, `crashed`: The process that reads the model and the data ended without a result.
#[utoipa::path(
    post, path = "/v1/jobs/estimate", tag = "jobs", operation_id = "estimateJob", 
    request_body(content = CreateJob, example = json!({
        "model": {"uri": "file:///srv/models/bert"},
        "calibration": {"uri": "file:///srv/data/train.tsv"},
        "target": {"value": "60%"},
    })),
    security(("api_key" = ["write"])),
    responses((status = 200, description = "The estimate", body = EstimateBody))
)]
pub(crate) async fn estimate(
    State(state): State<AppState>,
    caller: Caller,
    body: Body<CreateJob>,
) -> Result<Json<EstimateBody>, Problem> {
    let job = body.value.into_new_job(caller.tenant)?;
    Ok(Json(
        state.intake.estimate(&job.tenant, job.recipe).await?.into(),
    ))
}
