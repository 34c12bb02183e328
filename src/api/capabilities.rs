//! `GET /v1/capabilities`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use strum::VariantArray;
use utoipa::ToSchema;

use super::state::AppState;
use crate::answer::TASKS;
use crate::job::Device;
use crate::prune::recipe::data_format;
use crate::prune::recipe::{
    AnswerTerm, Compensation, Estimator, FeatureTerm, Importance, Metric, PositionWeights,
    Trajectory, Units,
};

/// The features that a service supports.
#[derive(Serialize, ToSchema)]
#[schema(as = Capabilities)]
pub(crate) struct CapabilitiesBody {
    /// Version of the service.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Supported values of `model_type` in `config.json`.
    #[schema(example = json!(["bert"]))]
    model_types: Vec<String>,
    /// Supported values of `target.metric`.
    metrics: &'static [Metric],
    /// Supported values of `method.estimator`.
    estimators: &'static [Estimator],
    /// Tasks of the models that can be pruned.
    #[schema(example = json!(TASKS.iter().map(|task| task.name).collect::<Vec<_>>()))]
    tasks: Vec<&'static str>,
    /// Supported values of `method.units`.
    units: &'static [Units],
    /// Supported values of `method.answer_term`.
    answer_terms: &'static [AnswerTerm],
    /// Supported values of `method.feature_term`.
    feature_terms: &'static [FeatureTerm],
    /// Supported values of `method.trajectory`.
    trajectories: &'static [Trajectory],
    /// Supported values of `method.compensation`.
    compensations: &'static [Compensation],
    /// Supported values of `method.importance`.
    importances: &'static [Importance],
    /// Supported values of `method.position_weights`.
    position_weights: &'static [PositionWeights],
    /// Supported formats of model weights.
    #[schema(example = json!(["safetensors"]))]
    weight_formats: &'static [&'static str],
    /// Supported file extensions of datasets.
    #[schema(example = json!([".tsv", ".parquet", ".csv.gz"]))]
    data_formats: Vec<String>,
    /// URI schemes of models and datasets that this service is configured to read.
    #[schema(example = json!(["file", "hf", "upload"]))]
    uri_schemes: Vec<&'static str>,
    /// Devices that jobs can run on. A job for another device is rejected.
    #[schema(example = json!(["cpu"]))]
    devices: Vec<Device>,
    /// Number of workers in the process that sent the response. Other processes can run more workers.
    workers: usize,
}

/// Returns the features that this service supports.
///
/// The response lists the values that a job of this service can use: model types, target metrics, methods, data
/// formats, URI schemes and devices.
#[utoipa::path(
    get, path = "/v1/capabilities", tag = "service", operation_id = "getCapabilities",
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The supported features", body = CapabilitiesBody))
)]
pub(crate) async fn capabilities(State(state): State<AppState>) -> Json<CapabilitiesBody> {
    Json(CapabilitiesBody {
        version: env!("CARGO_PKG_VERSION"),
        model_types: state.capabilities.model_types.clone(),
        tasks: TASKS.iter().map(|task| task.name).collect(),
        metrics: Metric::VARIANTS,
        estimators: Estimator::VARIANTS,
        units: Units::VARIANTS,
        answer_terms: AnswerTerm::VARIANTS,
        feature_terms: FeatureTerm::VARIANTS,
        trajectories: Trajectory::VARIANTS,
        compensations: Compensation::VARIANTS,
        importances: Importance::VARIANTS,
        position_weights: PositionWeights::VARIANTS,
        weight_formats: &["safetensors"],
        data_formats: data_format::ends(),
        uri_schemes: state.capabilities.uri_schemes.clone(),
        devices: state.capabilities.devices.clone(),
        workers: state.capabilities.workers,
    })
}
