//! `GET /v1/capabilities`

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use super::AppState;
use super::wire::method::DeviceBody;
use crate::prune::recipe::data_format;

/// What this service can do.
#[derive(Serialize, ToSchema)]
pub(crate) struct CapabilitiesBody {
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// Values of `model_type` in `config.json` that can be pruned.
    #[schema(example = json!(["bert"]))]
    model_types: Vec<String>,
    /// What a target may limit.
    metrics: &'static [&'static str],
    estimators: &'static [&'static str],
    trajectories: &'static [&'static str],
    compensations: &'static [&'static str],
    importances: &'static [&'static str],
    /// Formats of weights that are read.
    weight_formats: &'static [&'static str],
    /// Ends of names of data files that are read.
    #[schema(example = json!([".tsv", ".parquet", ".csv.gz"]))]
    data_formats: Vec<String>,
    /// Schemes of URIs that are read.
    uri_schemes: &'static [&'static str],
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
    responses((status = 200, description = "What is supported", body = CapabilitiesBody))
)]
pub(crate) async fn capabilities(State(state): State<AppState>) -> Json<CapabilitiesBody> {
    Json(CapabilitiesBody {
        version: env!("CARGO_PKG_VERSION"),
        model_types: state.capabilities.model_types.clone(),
        metrics: &["flops", "params"],
        estimators: &["sketch", "exact"],
        trajectories: &["sum", "mean"],
        compensations: &["least_squares", "bias", "none"],
        importances: &["optin", "paper", "fisher"],
        weight_formats: &["safetensors"],
        data_formats: data_format::ends(),
        uri_schemes: &["file", "hf", "s3", "upload"],
        devices: state
            .capabilities
            .devices
            .iter()
            .map(|&device| device.into())
            .collect(),
        workers: state.capabilities.workers,
    })
}
