//! `GET /v1/jobs/{id}/frontier`

use axum::Json;
use axum::extract::State as Shared;
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::artifacts::kept;
use super::caller::Caller;
use super::extract::Id;
use super::jobs::succeeded;
use super::problem::Problem;
use crate::artifact::key::Key;
use crate::job::Job;
use crate::prune::failure::Failure;
use crate::prune::search::frontier::{Frontier, NAME};

/// Maximum size of the document. A hundred points of a few hundred groups have a few hundred kilobytes.
const MAX_BYTES: u64 = 8 << 20;

/// The frontier of a job: the best selection of units for every target.
#[derive(Serialize, ToSchema)]
#[schema(as = Frontier)]
pub(crate) struct FrontierBody {
    #[schema(example = "frontier")]
    object: &'static str,
    /// MACs of the original model, at the mean length of the calibration rows.
    macs: u64,
    /// Parameters of the original model.
    parameters: u64,
    /// MACs of the smallest model that the constraints allow.
    smallest_macs: u64,
    /// Parameters of the smallest model that the constraints allow.
    smallest_parameters: u64,
    /// One point per percent of the FLOPs, from the smallest reachable model to the original.
    points: Vec<PointBody>,
}

/// The best selection for one target.
#[derive(Serialize, ToSchema)]
#[schema(as = FrontierPoint)]
pub(crate) struct PointBody {
    /// Target, in percent of the FLOPs. `POST /v1/jobs/{id}/resolve` creates a job with it.
    percent: u64,
    /// MACs of the selection.
    macs: u64,
    /// Parameters of the selection.
    parameters: u64,
    /// Fraction of the total importance that is kept, from 0 to 1: an estimate of the quality before the repair.
    importance: f64,
    /// Number of units that each group keeps, in the order of the model.
    kept: Vec<usize>,
}

/// Returns the accuracy-cost frontier of a job.
///
/// For each target, the frontier has the number of units that each group would keep. It is computed from the scores of the job.
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
