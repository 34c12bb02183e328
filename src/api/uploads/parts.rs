//! `GET` and `POST /v1/uploads/{id}/parts`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::complete::UploadPath;
use super::content::ready;
use super::{LIFETIME, PutBody, check_sha256, missing, upload_id};
use crate::api::caller::Caller;
use crate::api::extract::{Body, Named};
use crate::api::problem::{Problem, ProblemCode};
use crate::api::state::AppState;
use crate::artifact::incoming::{Upload, UploadState};

/// The parts of an upload.
#[derive(Serialize, ToSchema)]
pub(crate) struct UploadParts {
    /// Type of this object: `upload_parts`.
    #[schema(example = "upload_parts")]
    object: &'static str,
    /// Size of a part in bytes. The last part may be smaller.
    part_bytes: u64,
    /// Number of parts.
    count: u32,
    /// Numbers of the parts that have not arrived, in ascending order. Empty if the upload is ready.
    missing: Vec<u32>,
}

/// Returns which parts of an upload have not arrived.
///
/// After a connection broke, send only these parts.
#[utoipa::path(
    get, path = "/v1/uploads/{id}/parts", tag = "uploads", operation_id = "getUploadParts",
    params(("id" = String, Path, description = "Id of the upload")),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The parts of the upload", body = UploadParts))
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<UploadPath>,
) -> Result<Json<UploadParts>, Problem> {
    let (tenant, id) = (caller.tenant.as_str(), upload_id(&path.id)?);
    let upload = state.artifacts.get_upload(tenant, id).await;
    let upload = upload.map_err(missing)?;
    Ok(Json(UploadParts {
        object: "upload_parts",
        part_bytes: upload.part_bytes,
        count: upload.parts(),
        missing: match upload.state {
            UploadState::Ready => Vec::new(),
            UploadState::Pending => {
                let found = state.artifacts.missing_parts(tenant, &upload).await;
                found.map_err(missing)?
            }
        },
    }))
}

/// A part to send.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct SendUploadPart {
    /// Number of the part, from 1 to the number of parts.
    #[schema(value_type = i64, minimum = 1, maximum = 4_294_967_295_i64)]
    number: u32,
    /// SHA-256 of the part, as 64 lower-case hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
}

/// The request that sends a part.
#[derive(Serialize, ToSchema)]
pub(crate) struct UploadPart {
    /// Number of the part.
    number: u32,
    /// Offset of the part in the content, in bytes.
    offset: u64,
    /// Size of the part in bytes.
    bytes: u64,
    /// The request that sends the part, within one hour.
    put: PutBody,
}

/// Returns the request that sends one part of an upload.
///
/// A part has `part_bytes` bytes of the content; the last one has the rest. Parts can be sent in any order, several at
/// the same time, and again. `completeUpload` completes the upload when all have arrived.
///
/// Specific errors:
///
/// - `conflict`: The upload is ready, or its content is too small for a part with this number.
#[utoipa::path(
    post, path = "/v1/uploads/{id}/parts", tag = "uploads", operation_id = "sendUploadPart",
    params(("id" = String, Path, description = "Id of the upload")),
    request_body(content = SendUploadPart, example = json!({
        "number": 1,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    })),
    security(("api_key" = ["write"])),
    responses((status = 200, description = "The request that sends the part", body = UploadPart))
)]
pub(crate) async fn send(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<UploadPath>,
    body: Body<SendUploadPart>,
) -> Result<Json<UploadPart>, Problem> {
    let SendUploadPart { number, sha256 } = body.value;
    let (tenant, id) = (caller.tenant.as_str(), upload_id(&path.id)?);
    check_sha256(&sha256)?;
    let upload = state.artifacts.get_upload(tenant, id).await;
    let upload = upload.map_err(missing)?;
    let bytes = expected(&upload, number)?;
    if upload.state == UploadState::Ready {
        return Err(ready());
    }
    let key = upload
        .part_key(tenant, number)
        .map_err(|error| Problem::internal(&error))?;
    let signed = state
        .artifacts
        .signed_upload(&key, &sha256, bytes, LIFETIME)
        .await;
    Ok(Json(UploadPart {
        number,
        offset: u64::from(number - 1) * upload.part_bytes,
        bytes,
        put: signed.map_err(missing)?.into(),
    }))
}

fn expected(upload: &Upload, number: u32) -> Result<u64, Problem> {
    upload.bytes_of_part(number).ok_or_else(|| {
        let detail = format!(
            "number is {number}; the upload has the parts 1 to {}",
            upload.parts()
        );
        match number {
            0 => Problem::invalid_field("/number", ProblemCode::ValidationFailed, detail),
            _ => Problem::conflict(detail),
        }
    })
}
