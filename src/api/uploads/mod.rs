//! Uploads of models and data.

pub(super) mod complete;
pub(super) mod content;
pub(super) mod create;
pub(super) mod list;
pub(super) mod manage;
pub(super) mod part_content;
pub(super) mod parts;
mod quota;

use std::time::Duration;

use serde::Serialize;
use utoipa::ToSchema;

use super::problem::{Problem, ProblemCode};
use super::wire::time::rfc3339;
use crate::artifact::error::ArtifactError;
use crate::artifact::incoming::{Upload, UploadId, UploadState};
use crate::artifact::url::SignedUpload;

/// An upload of a model or a data file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Upload)]
pub(crate) struct UploadBody {
    /// Id of the upload.
    #[schema(example = "upl_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
    id: String,
    /// Type of this object: `upload`.
    #[schema(example = "upload")]
    object: &'static str,
    /// URI of the upload for jobs. Jobs can use it when the state is `ready`.
    #[schema(example = "upload://upl_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
    uri: String,
    /// State of the upload.
    state: UploadState,
    /// File name.
    name: String,
    /// Size of the content in bytes.
    bytes: u64,
    /// Size of a part in bytes, if the content is sent in parts.
    part_bytes: u64,
    /// SHA-256 of the content, in hexadecimal.
    sha256: String,
    /// Creation time.
    #[schema(format = DateTime)]
    created_at: String,
    /// The request that sends the content. Returned only when the upload is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    put: Option<PutBody>,
}

/// The HTTP request that sends the content of an upload.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = UploadRequest)]
pub(crate) struct PutBody {
    /// URL to `PUT` the content to.
    url: String,
    /// Headers that the request must have, unchanged.
    headers: std::collections::BTreeMap<String, String>,
    /// Time when the URL expires.
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<Upload> for UploadBody {
    fn from(upload: Upload) -> Self {
        Self {
            id: upload.id.to_string(),
            object: "upload",
            uri: format!("upload://{}", upload.id),
            state: upload.state,
            name: upload.name,
            bytes: upload.bytes,
            part_bytes: upload.part_bytes,
            sha256: upload.sha256,
            created_at: rfc3339(upload.created_at),
            put: None,
        }
    }
}

impl From<SignedUpload> for PutBody {
    fn from(signed: SignedUpload) -> Self {
        Self {
            url: signed.url,
            headers: signed.headers.into_iter().collect(),
            expires_at: rfc3339(signed.expires_at * 1_000),
        }
    }
}

/// Lifetime of a URL for content.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

fn check_sha256(text: &str) -> Result<(), Problem> {
    let digits = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
    if text.len() == 64 && text.bytes().all(digits) {
        return Ok(());
    }
    Err(Problem::invalid_field(
        "/sha256",
        ProblemCode::ValidationFailed,
        "sha256 must have 64 lower-case hexadecimal digits",
    ))
}

fn upload_id(text: &str) -> Result<UploadId, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found("upload not found"))
}

fn missing(error: ArtifactError) -> Problem {
    match error {
        ArtifactError::NotFound(_) => Problem::not_found("upload not found"),
        error => crate::prune::failure::Failure::from(error).into(),
    }
}
