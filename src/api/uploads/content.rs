//! `PUT /v1/blobs/uploads/{tenant}/{id}`: receives uploads for a local store. S3 receives its own.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use futures::TryStreamExt;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::document::schema::Bytes;
use crate::api::extract::{Named, Params};
use crate::api::problem::{Problem, ProblemCode};
use crate::api::stall::stalled;
use crate::api::state::AppState;
use crate::api::wire::time::now_ms;
use crate::artifact::error::ArtifactError;
use crate::artifact::incoming::{UploadId, UploadState};
use crate::artifact::key::Key;
use crate::artifact::sign::Refused;
use crate::prune::failure::Failure;

#[derive(Deserialize)]
pub(crate) struct ContentPath {
    tenant: String,
    id: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct UploadSignature {
    /// SHA-256 of the content.
    #[param(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
    /// Size of the content in bytes.
    #[param(minimum = 0)]
    bytes: u64,
    /// Expiration time, in seconds since 1970-01-01 UTC.
    expires: i64,
    /// Signature of the URL, in hexadecimal. Clients do not compute it.
    signature: String,
}

/// Uploads the content to a signed URL.
///
/// Use the URL and the headers in the response of `createUpload`. A service that stores artifacts in a bucket returns a
/// URL of the bucket instead. The signature replaces the API key. The content can be sent again until the upload is
/// complete.
///
/// Specific errors:
///
/// - `url_invalid`: The signature does not belong to this URL.
/// - `url_expired`: The URL has expired. Create another upload.
/// - `invalid_request`: The content does not have the announced size or SHA-256. Nothing is stored.
/// - `body_stalled`: The content arrived too slowly. Nothing is stored.
/// - `storage_full`: The artifact store is full.
/// - `not_found`: The upload was deleted. Nothing is stored.
/// - `conflict`: The upload is complete.
#[utoipa::path(
    put, path = "/v1/blobs/uploads/{tenant}/{id}", tag = "uploads", operation_id = "putUpload",
    params(("tenant" = String, Path, description = "Tenant of the upload"), ("id" = String, Path, description = "Id of the upload"), UploadSignature),
    request_body(content = inline(Bytes), content_type = "application/octet-stream", description = "The content"),
    security(()),
    responses((status = 204, description = "The content was stored"))
)]
pub(crate) async fn put(
    State(state): State<AppState>,
    Named(path): Named<ContentPath>,
    Params(query): Params<UploadSignature>,
    body: Body,
) -> Result<StatusCode, Problem> {
    let key = Key::upload(&path.tenant, &path.id).map_err(|_| Refused::Forged)?;
    let id = path.id.parse().map_err(|_| Refused::Forged)?;
    receive(&state, (&path.tenant, id), &key, body, &query).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The problem of a content or part that arrives after the upload is complete.
pub(super) fn ready() -> Problem {
    Problem::conflict("the upload is ready, so its content cannot change; create another upload")
}

/// Stores the body at the key, if the signature is valid for this key, if the body has the size and SHA-256 that the signature
/// announces, and if its upload is pending.
pub(super) async fn receive(
    state: &AppState,
    (tenant, id): (&str, UploadId),
    key: &Key,
    body: Body,
    query: &UploadSignature,
) -> Result<(), Problem> {
    let announced = (query.sha256.as_str(), query.bytes);
    let now = now_ms() / 1_000;
    state
        .signing
        .verify_upload(key, announced, query.expires, &query.signature, now)?;
    let record = async || match state.artifacts.get_upload(tenant, id).await {
        Err(ArtifactError::NotFound(_)) => Ok(None),
        found => found.map(Some).map_err(Failure::from),
    };
    let deleted = || Problem::not_found("the upload was deleted; create another upload");
    if record().await?.ok_or_else(deleted)?.state != UploadState::Pending {
        return Err(ready());
    }
    let stream = body.into_data_stream().map_err(std::io::Error::other);
    let received = state.artifacts.receive(key, stream, announced);
    received.await.map_err(|error| match error {
        ArtifactError::TooLarge { .. } | ArtifactError::Cut | ArtifactError::Altered => Problem::new(
            StatusCode::BAD_REQUEST,
            ProblemCode::InvalidRequest,
            format!(
                "the content does not have the announced size of {} bytes and the announced SHA-256; nothing was stored",
                query.bytes
            ),
        ),
        ArtifactError::Stalled(_, why) => stalled(&why),
        error => Problem::from(Failure::from(error)),
    })?;
    // The upload may have been deleted while its content arrived. Nothing may be left of it.
    if record().await?.is_none() {
        let removed = state.artifacts.delete(key).await;
        removed.map_err(Failure::from)?;
        return Err(deleted());
    }
    Ok(())
}
