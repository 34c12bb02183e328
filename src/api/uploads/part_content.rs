//! `PUT /v1/blobs/upload-parts/{tenant}/{id}/{number}`: receives parts of uploads for a local store. S3 receives its own.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use super::content::{UploadSignature, receive};
use crate::api::document::schema::Bytes;
use crate::api::extract::{Named, Params};
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::artifact::key::Key;
use crate::artifact::sign::Refused;

#[derive(Deserialize)]
pub(crate) struct PartPath {
    tenant: String,
    id: String,
    number: String,
}

/// Uploads one part of the content to a signed URL.
///
/// Use the URL and the headers in the response of `sendUploadPart`. A service that stores artifacts in a bucket returns a
/// URL of the bucket instead. The signature replaces the API key.
///
/// Specific errors:
///
/// - `url_invalid`: The signature does not belong to this URL.
/// - `url_expired`: The URL has expired. Call `sendUploadPart` again.
/// - `not_found`: The upload was deleted.
/// - `conflict`: The upload is ready.
/// - `invalid_request`: The part does not have the announced size or SHA-256. Nothing is stored.
/// - `body_stalled`: The part arrived too slowly. Nothing is stored.
/// - `storage_full`: The artifact store is full.
#[utoipa::path(
    put, path = "/v1/blobs/upload-parts/{tenant}/{id}/{number}", tag = "uploads", operation_id = "putUploadPart",
    params(("tenant" = String, Path, description = "Tenant of the upload"), ("id" = String, Path, description = "Id of the upload"),
           ("number" = String, Path, description = "Number of the part"), UploadSignature),
    request_body(content = inline(Bytes), content_type = "application/octet-stream", description = "The part"),
    security(()),
    responses((status = 204, description = "The part was stored"))
)]
pub(crate) async fn put(
    State(state): State<AppState>,
    Named(path): Named<PartPath>,
    Params(query): Params<UploadSignature>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let key = Key::upload_part(&path.tenant, &path.id, &path.number);
    let key = key.map_err(|_| Refused::Forged)?;
    let id = path.id.parse().map_err(|_| Refused::Forged)?;
    receive(&state, (&path.tenant, id), &key, body, &query).await?;
    Ok(StatusCode::NO_CONTENT)
}
