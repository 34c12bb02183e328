//! `GET` and `DELETE /v1/uploads/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;

use super::complete::UploadPath;
use super::{UploadBody, missing, upload_id};
use crate::api::caller::Caller;
use crate::api::extract::Named;
use crate::api::problem::Problem;
use crate::api::state::AppState;

/// Returns an upload.
///
/// The response does not contain `put`, the request for the content. Only `createUpload` returns it.
#[utoipa::path(
    get, path = "/v1/uploads/{id}", tag = "uploads", operation_id = "getUpload",
    params(("id" = String, Path, description = "Id of the upload")),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The upload", body = UploadBody))
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<UploadPath>,
) -> Result<Json<UploadBody>, Problem> {
    let id = upload_id(&path.id)?;
    let found = state.artifacts.get_upload(caller.tenant.as_str(), id).await;
    Ok(Json(found.map_err(missing)?.into()))
}

/// Deletes an upload.
///
/// Jobs that have not read the upload yet fail with `source_not_found`.
#[utoipa::path(
    delete, path = "/v1/uploads/{id}", tag = "uploads", operation_id = "deleteUpload",
    params(("id" = String, Path, description = "Id of the upload")),
    security(("api_key" = ["write"])),
    responses((status = 204, description = "Deleted"))
)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<UploadPath>,
) -> Result<StatusCode, Problem> {
    let id = upload_id(&path.id)?;
    let tenant = caller.tenant.as_str();
    state
        .artifacts
        .get_upload(tenant, id)
        .await
        .map_err(missing)?;
    state
        .artifacts
        .delete_upload(tenant, id)
        .await
        .map_err(missing)?;
    Ok(StatusCode::NO_CONTENT)
}
