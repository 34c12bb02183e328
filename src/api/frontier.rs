//! `GET /v1/jobs/{id}/frontier`

use axum::Json;
use axum::extract::State as Shared;
use serde::Serialize;
use utoipa::ToSchema;

use super::artifacts::kept;
use super::caller::Caller;
use super::extract::Id;
use super::jobs::succeeded;
use super::problem::Problem;
use super::state::AppState;
use crate::artifact::key::Key;
use crate::job::Job;
use crate::prune::failure::Failure;
use crate::prune::search::frontier::{Frontier, NAME};

/// Maximum size of the document. A hundred points of a few hundred groups have a few hundred kilobytes.
const MAX_BYTES: u64 = 8 << 20;

/// The frontier of a job: the best selection of units for each percentage of the FLOPs.
#[derive(Serialize, ToSchema)]
#[schema(as = Frontier)]
pub(crate) struct FrontierBody {
    /// Type of this object: `frontier`.
    #[schema(example = "frontier")]
    object: &'static str,
    /// MACs of the original model per row, on average over the calibration rows (1 MAC = 2 FLOPs).
    macs: u64,
    /// Number of parameters of the original model.
    parameters: u64,
    /// MACs of the smallest model that the constraints allow.
    smallest_macs: u64,
    /// Number of parameters of the smallest model that the constraints allow.
    smallest_parameters: u64,
    /// One point for each whole percentage of the FLOPs, from the smallest reachable model to the original.
    points: Vec<PointBody>,
}

/// The best selection for one percentage of the FLOPs.
#[derive(Serialize, ToSchema)]
#[schema(as = FrontierPoint)]
pub(crate) struct PointBody {
    /// Maximum cost, in percent of the original FLOPs. `resolveJob` creates a job with it as the target.
    #[schema(minimum = 1, maximum = 100)]
    percent: u64,
    /// MACs of the selection for one row.
    macs: u64,
    /// Number of parameters of the selection.
    parameters: u64,
    /// Fraction of the total importance that the selection keeps (0 to 1). It estimates the quality before the repair.
    /// It is not an accuracy.
    importance: f64,
    /// Number of units that each group keeps, in the order of `groups` in the report.
    kept: Vec<usize>,
}

/// Returns the importance-cost frontier of a job.
///
/// For each percentage of the FLOPs, the frontier has the best selection of units and its importance. It is computed
/// from the scores of the job. `resolveJob` creates a job with another target.
///
/// Specific errors:
///
/// - `conflict`: The job has not succeeded, or has no frontier.
/// - `gone`: The artifacts of the job were removed after their retention period.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/frontier", tag = "jobs", operation_id = "getFrontier",
    params(("id" = String, Path, description = "Id of a job that has succeeded")),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The frontier", body = FrontierBody))
)]
pub(crate) async fn get(
    Shared(state): Shared<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<FrontierBody>, Problem> {
    let job = state.jobs.get(&caller.scope(), id).await?;
    succeeded(&job)?;
    let frontier = read(&state, &caller, &job).await?;
    let frontier = frontier
        .ok_or_else(|| Problem::conflict("the job has no frontier; retry the job to create one"))?;
    let points = frontier.points.into_iter().map(|point| PointBody {
        percent: point.percent,
        macs: point.macs,
        parameters: point.parameters,
        importance: point.importance,
        kept: point.kept,
    });
    Ok(Json(FrontierBody {
        object: "frontier",
        macs: frontier.macs,
        parameters: frontier.parameters,
        smallest_macs: frontier.smallest_macs,
        smallest_parameters: frontier.smallest_parameters,
        points: points.collect(),
    }))
}

/// Reads the frontier of a job. `None` if the job has none.
pub(super) async fn read(
    state: &AppState,
    caller: &Caller,
    job: &Job,
) -> Result<Option<Frontier>, Problem> {
    let (manifest, _) = kept(state, caller, job).await?;
    let Some(file) = manifest.file(NAME) else {
        return Ok(None);
    };
    let key = Key::parse(&file.key).map_err(|error| Problem::internal(&error))?;
    let bytes = state.artifacts.get_bytes(&key, MAX_BYTES).await;
    let bytes = bytes.map_err(Failure::from)?;
    let frontier = serde_json::from_slice(&bytes).map_err(|error| Problem::internal(&error))?;
    Ok(Some(frontier))
}
