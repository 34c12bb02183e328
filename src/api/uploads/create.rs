//! `POST /v1/uploads`

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa::openapi::schema::{Object, ObjectBuilder, Type};

use super::{LIFETIME, UploadBody, check_sha256, missing, quota};
use crate::api::caller::Caller;
use crate::api::extract::Body;
use crate::api::problem::{Problem, ProblemCode};
use crate::api::state::AppState;
use crate::api::wire::time::now_ms;
use crate::artifact::incoming::{PART_BYTES, Upload, UploadId, UploadState};
use crate::prune::recipe::data_format;

/// Maximum size of an upload: the largest supported model and its small files.
const MAX_BYTES: u64 = 17 << 30;

/// Allowed file extensions: an archive with a model, or a data file. The archive is first, as in the example.
fn ends() -> Vec<String> {
    const ARCHIVE: &str = ".tar";
    let mut ends = data_format::ends();
    ends.retain(|end| end != ARCHIVE);
    ends.insert(0, ARCHIVE.to_owned());
    ends
}

/// The schema of a name: characters that every store supports, and an allowed extension.
fn name_schema() -> Object {
    let ends: Vec<String> = ends()
        .iter()
        .map(|end| end.trim_start_matches('.').replace('.', "\\."))
        .collect();
    ObjectBuilder::new()
        .schema_type(Type::String)
        .description(Some(format!(
            "File name with its extension. A model is a folder in an uncompressed `.tar` archive, and an uploaded `.tar` archive is \
             always a model. A data file is one of {}. Upload an archive of images as `.zip` or `.tar.gz`.",
            data_format::described()
        )))
        .pattern(Some(format!(
            "^[A-Za-z0-9][A-Za-z0-9._-]{{0,99}}\\.({})$",
            ends.join("|")
        )))
        .examples(["model.tar"])
        .build()
}

/// An upload to create.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CreateUpload {
    #[schema(schema_with = name_schema)]
    name: String,
    /// Size of the content in bytes, at most 17 GiB.
    #[schema(minimum = 1, maximum = 18_253_611_008_i64)]
    bytes: u64,
    /// SHA-256 of the content, as 64 lower-case hexadecimal digits.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
}

/// Creates an upload of a model or a data file.
///
/// An upload takes three steps:
///
/// - Create the upload with the name, size and SHA-256 of the file.
/// - Within one hour, send the content with the request in `put` of the response.
/// - Call `completeUpload`. Jobs can then use the `uri` of the upload.
///
/// A large file can also be sent in parts, which survive a broken connection: `sendUploadPart` returns the request for
/// each part, and `getUploadParts` which parts have not arrived. There is no limit on the time for all parts.
///
/// Uploads are removed after the retention period of the service, by default 30 days. This operation takes no
/// `Idempotency-Key`. A repeated request creates another upload; delete the one that you do not use.
///
/// Specific error: `quota_exceeded` if the uploads of the tenant would be too many or too large together, whether or not
/// their contents have been sent. Delete some. `getUsage` returns the limits.
#[utoipa::path(
    post, path = "/v1/uploads", tag = "uploads", operation_id = "createUpload", 
    request_body(content = CreateUpload, example = json!({
        "name": "train.tsv",
        "bytes": 48_213,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    })),
    security(("api_key" = ["write"])),
    responses((status = 201, description = "The upload, with the URL for its content", body = UploadBody, headers(
        ("Location" = String, description = "Path of the upload"),
    )))
)]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    body: Body<CreateUpload>,
) -> Result<Response, Problem> {
    let CreateUpload {
        name,
        bytes,
        sha256,
    } = body.value;
    let wrong = |pointer: &'static str, detail: String| {
        Problem::invalid_field(pointer, ProblemCode::ValidationFailed, detail)
    };
    check_name(&name).map_err(|detail| wrong("/name", detail))?;
    if !(1..=MAX_BYTES).contains(&bytes) {
        return Err(wrong(
            "/bytes",
            format!("bytes is {bytes}; it must be between 1 and {MAX_BYTES}"),
        ));
    }
    check_sha256(&sha256)?;
    let upload = Upload {
        id: UploadId::fresh(),
        name,
        bytes,
        sha256,
        part_bytes: PART_BYTES,
        state: UploadState::Pending,
        created_at: now_ms(),
    };
    let tenant = caller.tenant.as_str();
    // Concurrent requests do not see each other's uploads before the records exist, so the record is written first. The
    // last of them sees all records. Near the limit, they may refuse each other.
    state
        .artifacts
        .put_upload(tenant, &upload)
        .await
        .map_err(missing)?;
    if let Err(problem) = quota::check(&state, &caller.tenant, None).await {
        let removed = state.artifacts.delete_upload(tenant, upload.id).await;
        removed.map_err(missing)?;
        return Err(problem);
    }
    let key = upload
        .key(tenant)
        .map_err(|error| Problem::internal(&error))?;
    let signed = state
        .artifacts
        .signed_upload(&key, &upload.sha256, upload.bytes, LIFETIME);
    let signed = signed.await.map_err(missing)?;
    let location = format!("/v1/uploads/{}", upload.id);
    let body = UploadBody {
        put: Some(signed.into()),
        ..upload.into()
    };
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(body),
    )
        .into_response())
}

fn check_name(name: &str) -> Result<(), String> {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    let ends = ends();
    let stem = ends.iter().find_map(|end| name.strip_suffix(end.as_str()));
    let good = stem.is_some_and(|stem| {
        (1..=100).contains(&stem.len())
            && stem.as_bytes()[0].is_ascii_alphanumeric()
            && stem.bytes().all(plain)
    });
    match good {
        true => Ok(()),
        false => Err(format!(
            "name must have up to 100 letters, digits, '.', '_' and '-', start with a letter or digit, and end in one of {}",
            ends.join(", ")
        )),
    }
}
