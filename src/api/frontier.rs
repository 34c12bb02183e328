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
use crate::prune::search::frontier::{Frontier, NAME};

/// Largest document that is read: a hundred points of some hundred groups have a few hundred kilobytes.
const CAP_BYTES: u64 = 8 << 20;

/// Returns the accuracy-cost frontier of a scored job.
#[derive(Serialize, ToSchema)]
pub(crate) struct FrontierBody {
    #[schema(example = "frontier")]
    object: &'static str,
    /// MACs of the whole model, at the calibration set's mean length.
    macs: u64,
    /// Parameters of the whole model.
    parameters: u64,
    /// From the smallest model up, one a percent.
    points: Vec<PointBody>,
}

/// The best choice at one target.
#[derive(Serialize, ToSchema)]
pub(crate) struct PointBody {
    /// The target, in percent of the FLOPs; ask for it by `POST /v1/jobs/{id}/resolve`.
    percent: u64,
    macs: u64,
    parameters: u64,
    /// Share of all importance that is kept: an estimate before any repair, 0 to 1.
    importance: f64,
    /// Units that each group keeps, in the order of the graph.
    kept: Vec<usize>,
}

/// What every other target would keep.
///
/// For each target it tells which units would be kept. It is computed from the scores of the job; no model is run.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/frontier", tag = "jobs", operation_id = "getFrontier",
    params(("id" = String, Path, description = "A job that has succeeded")),
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
    let (manifest, _) = kept(&state, &caller, &job).await?;
    let file = manifest
        .file(NAME)
        .ok_or_else(|| Problem::conflict("the job kept no frontier; retry it to have one made"))?;
    let key = Key::parse(&file.key).map_err(|error| Problem::internal(&error))?;
    let bytes = state.artifacts.get_bytes(&key, CAP_BYTES).await;
    let bytes = bytes.map_err(|error| Problem::internal(&error))?;
    let frontier: Frontier =
        serde_json::from_slice(&bytes).map_err(|error| Problem::internal(&error))?;
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
        points: points.collect(),
    }))
}
