//! `GET /v1/jobs/{id}/position`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::caller::Caller;
use crate::api::extract::Id;
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::job::queue::Position;

/// What a queued job waits for.
#[derive(Serialize, ToSchema)]
#[schema(as = QueuePosition)]
pub(crate) struct PositionBody {
    /// Type of this object: `position`.
    #[schema(example = "position")]
    object: &'static str,
    /// Number of queued jobs of the tenant on the same device that start before this job. 0 if the job is not queued.
    #[schema(minimum = 0)]
    ahead: i64,
    /// Number of running jobs of the tenant on the same device.
    #[schema(minimum = 0)]
    running: i64,
    /// Number of workers of the device, in all processes of the service. If it is 0, the job does not start.
    #[schema(minimum = 0)]
    workers: i64,
}

impl From<Position> for PositionBody {
    fn from(position: Position) -> Self {
        Self {
            object: "position",
            ahead: position.ahead,
            running: position.running,
            workers: position.workers,
        }
    }
}

/// Returns what a queued job waits for.
///
/// Within a tenant, jobs start by priority, then in order of creation. Tenants take turns, so jobs of other tenants can
/// start in between.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/position", tag = "jobs", operation_id = "getQueuePosition",
    params(("id" = String, Path, description = "Id of the job")),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The position in the queue", body = PositionBody))
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<PositionBody>, Problem> {
    let job = state.jobs.get(&caller.scope(), id).await?;
    Ok(Json(state.jobs.position(&job).await?.into()))
}
