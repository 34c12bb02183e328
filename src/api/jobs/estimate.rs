//! `POST /v1/jobs/estimate`

use axum::Json;
use axum::extract::State;

use crate::api::AppState;
use crate::api::caller::Caller;
use crate::api::extract::Body;
use crate::api::problem::Problem;
use crate::api::wire::create::CreateJob;
use crate::api::wire::plan::EstimateBody;

/// Estimates the work, cost and size of a job.
///
/// Reads the model and the data. Does not create a job.
#[utoipa::path(
    post, path = "/v1/jobs/estimate", tag = "jobs", operation_id = "estimateJob", request_body = CreateJob,
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
