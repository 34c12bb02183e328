//! `POST /v1/datasets/inspect`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::caller::Caller;
use super::extract::Body;
use super::problem::Problem;
use super::state::AppState;
use crate::prune::admission::Inspection;
use crate::prune::recipe::{Mapping, Source};

/// A dataset to inspect.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct InspectDataset {
    /// URI of the dataset, with the same forms as `calibration.uri` of a job.
    #[schema(example = "file:///srv/data/train.tsv")]
    uri: String,
    /// Columns as the job will name them. If they are numbers, the first row of the file is data, and not the names of
    /// the columns.
    #[serde(default)]
    mapping: Mapping,
}

/// The columns and the first rows of a dataset.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DatasetInspection)]
pub(crate) struct InspectionBody {
    /// Number of rows.
    rows: usize,
    /// Number of columns.
    column_count: usize,
    /// Names of the first 100 columns. Class folders of images and arrays have the columns `image` and `label`.
    columns: Vec<String>,
    /// The first three rows, each with a value for each of `columns`. Null for a field without a value. A list is in
    /// square brackets. For a value that is not read, such as an image or an object, its kind is in angle brackets. A
    /// name or value of more than 200 characters is cut and ends with `…`.
    sample: Vec<Vec<Option<String>>>,
}

impl From<Inspection> for InspectionBody {
    fn from(inspection: Inspection) -> Self {
        Self {
            rows: inspection.rows,
            column_count: inspection.column_count,
            columns: inspection.columns,
            sample: inspection.sample,
        }
    }
}

/// Shows the columns and the first rows of a dataset.
///
/// Reads a whole table, but only the list of images. Needs no model, so it does not tell which columns a job reads;
/// `estimateJob` does. Inspections that would need too much memory together run one after another.
///
/// Specific errors:
///
/// - `source_not_found`: The dataset does not exist, access to it is denied, or its URI is not supported.
/// - `source_unavailable`, `source_mismatch`: The dataset could not be downloaded, or not within 60 seconds. Retry
///   later; files that were downloaded are kept.
/// - `invalid_data`: The dataset cannot be used.
/// - `limit_exceeded`: The dataset is too large, or reading takes longer than two minutes.
/// - `out_of_memory`, `crashed`: The process that reads the dataset ended without a result.
#[utoipa::path(
    post, path = "/v1/datasets/inspect", tag = "jobs", operation_id = "inspectDataset",
    request_body(content = InspectDataset, example = json!({"uri": "file:///srv/data/train.tsv"})),
    security(("api_key" = ["write"])),
    responses((status = 200, description = "The columns and the first rows", body = InspectionBody))
)]
pub(crate) async fn inspect(
    State(state): State<AppState>,
    caller: Caller,
    body: Body<InspectDataset>,
) -> Result<Json<InspectionBody>, Problem> {
    let InspectDataset { uri, mapping } = body.value;
    let source = Source::new(uri);
    let inspection = state.intake.inspect(&caller.tenant, &source, mapping);
    Ok(Json(inspection.await?.into()))
}
