//! `POST /v1/uploads/{id}/complete`

use axum::Json;
use axum::extract::State;
use serde::Deserialize;

use super::{UploadBody, missing, quota, upload_id};
use crate::api::caller::Caller;
use crate::api::extract::Named;
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::artifact::incoming::{Upload, UploadState};

#[derive(Deserialize)]
pub(crate) struct UploadPath {
    pub(super) id: String,
}

/// Completes an upload.
///
/// Checks the size, SHA-256 and format of the content. If all checks pass, jobs can use the upload. Otherwise the
/// upload stays `pending`. The call is idempotent.
///
/// Specific errors:
///
/// - `conflict`: The content, or a part of it, has not arrived. Send it first.
/// - `invalid_data`: The content does not have the announced size or SHA-256, or is not a valid data file.
/// - `unsupported_model`, `unsafe_format`, `invalid_checkpoint`: The archive does not contain a model that can be used.
/// - `limit_exceeded`: The content is too large for the service, or reading takes longer than two minutes.
/// - `out_of_memory`, `crashed`: The process that reads the content ended without a result.
/// - `quota_exceeded`: The uploads of the tenant are too large together. Delete some.
#[utoipa::path(
    post, path = "/v1/uploads/{id}/complete", tag = "uploads", operation_id = "completeUpload",
    params(("id" = String, Path, description = "Id of the upload")),
    security(("api_key" = ["write"])),
    responses((status = 200, description = "The upload is ready to use", body = UploadBody))
)]
pub(crate) async fn complete(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<UploadPath>,
) -> Result<Json<UploadBody>, Problem> {
    let id = upload_id(&path.id)?;
    let tenant = caller.tenant.as_str();
    let upload = state.artifacts.get_upload(tenant, id).await;
    let upload = upload.map_err(missing)?;
    if upload.state == UploadState::Ready {
        return Ok(Json(upload.into()));
    }
    let key = upload
        .key(tenant)
        .map_err(|error| Problem::internal(&error))?;
    if !state.artifacts.exists(&key).await.map_err(missing)? {
        let absent = state.artifacts.missing_parts(tenant, &upload).await;
        let absent = absent.map_err(missing)?;
        if !absent.is_empty() {
            return Err(incomplete(&upload, &absent));
        }
    }
    // If the quota was reduced, the oldest uploads can be completed.
    quota::check(&state, &caller.tenant, Some(id)).await?;
    state.intake.admit(&caller.tenant, &upload).await?;
    let upload = Upload {
        state: UploadState::Ready,
        ..upload
    };
    state
        .artifacts
        .put_upload(tenant, &upload)
        .await
        .map_err(missing)?;
    Ok(Json(upload.into()))
}

fn incomplete(upload: &Upload, absent: &[u32]) -> Problem {
    let parts = upload.parts();
    if absent.len() == parts as usize {
        return Problem::conflict(
            "the upload has no content; PUT it to the URL in the response that created the upload, send it in parts, or create another upload",
        );
    }
    Problem::conflict(format!(
        "{} of {parts} parts have not arrived, the first of them is part {}; GET /v1/uploads/{}/parts lists them",
        absent.len(),
        absent[0],
        upload.id
    ))
}
