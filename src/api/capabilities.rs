//! `GET /v1/capabilities`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use strum::VariantArray;
use utoipa::ToSchema;

use super::AppState;
use super::wire::create::MetricBody;
use super::wire::method::{
    CompensationBody, DeviceBody, EstimatorBody, ImportanceBody, TokenWeightsBody, TrajectoryBody,
};
use crate::prune::recipe::data_format;
use crate::prune::recipe::{Compensation, Estimator, Importance, Metric, TokenWeights, Trajectory};

/// Returns what this service supports.
#[derive(Serialize, ToSchema)]
pub(crate) struct CapabilitiesBody {
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Values of `model_type` in `config.json` that can be pruned.
    #[schema(example = json!(["bert"]))]
    model_types: Vec<String>,
    /// What a target may limit.
    metrics: Vec<MetricBody>,
    estimators: Vec<EstimatorBody>,
    trajectories: Vec<TrajectoryBody>,
    compensations: Vec<CompensationBody>,
    importances: Vec<ImportanceBody>,
    token_weights: Vec<TokenWeightsBody>,
    /// Formats of weights that are read.
    weight_formats: &'static [&'static str],
    /// Ends of names of data files that are read.
    #[schema(example = json!([".tsv", ".parquet", ".csv.gz"]))]
    data_formats: Vec<String>,
    /// Schemes of URIs that this service was set up to read.
    #[schema(example = json!(["file", "hf", "upload"]))]
    uri_schemes: Vec<&'static str>,
    /// What jobs can run on.
    #[schema(example = json!(["cpu"]))]
    devices: Vec<DeviceBody>,
    /// Workers in this process.
    workers: usize,
}

/// What this service can do.
#[utoipa::path(
    get, path = "/v1/capabilities", tag = "service", operation_id = "getCapabilities",
    security(("api_key" = ["read"])),
    responses((status = 200, description = "What the service supports", body = CapabilitiesBody))
)]
pub(crate) async fn capabilities(State(state): State<AppState>) -> Json<CapabilitiesBody> {
    Json(CapabilitiesBody {
        version: env!("CARGO_PKG_VERSION"),
        model_types: state.capabilities.model_types.clone(),
        metrics: all::<Metric, _>(),
        estimators: all::<Estimator, _>(),
        trajectories: all::<Trajectory, _>(),
        compensations: all::<Compensation, _>(),
        importances: all::<Importance, _>(),
        token_weights: all::<TokenWeights, _>(),
        weight_formats: &["safetensors"],
        data_formats: data_format::ends(),
        uri_schemes: state.capabilities.uri_schemes.clone(),
        devices: state
            .capabilities
            .devices
            .iter()
            .map(|&device| device.into())
            .collect(),
        workers: state.capabilities.workers,
    })
}

/// Every word of a closed list.
fn all<Core: VariantArray + Copy, Body: From<Core>>() -> Vec<Body> {
    Core::VARIANTS.iter().copied().map(Body::from).collect()
}
