//! Uploads: models and data that callers send in.

pub(super) mod complete;
pub(super) mod content;
pub(super) mod create;
pub(super) mod manage;

use serde::Serialize;
use utoipa::ToSchema;

use super::problem::Problem;
use super::wire::time::rfc3339;
use crate::artifact::error::ArtifactError;
use crate::artifact::incoming::{Upload, UploadId};
use crate::artifact::url::SignedUpload;

/// An upload.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct UploadBody {
    #[schema(example = "upl_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
    id: String,
    #[schema(example = "upload")]
    object: &'static str,
    /// What jobs name it by, once it is ready.
    #[schema(example = "upload://upl_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
    uri: String,
    /// `pending` until its content was checked, then `ready`.
    #[schema(example = "pending")]
    state: &'static str,
    name: String,
    bytes: u64,
    sha256: String,
    #[schema(format = DateTime)]
    created_at: String,
    /// How to send the content; told once, when it is announced.
    #[serde(skip_serializing_if = "Option::is_none")]
    put: Option<PutBody>,
}

/// The one request that sends the content.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PutBody {
    /// `PUT` the bytes here.
    url: String,
    /// Headers that the request must have exactly so.
    headers: std::collections::BTreeMap<String, String>,
    #[schema(format = DateTime)]
    expires_at: String,
}

impl From<Upload> for UploadBody {
    fn from(upload: Upload) -> Self {
        Self {
            id: upload.id.to_string(),
            object: "upload",
            uri: format!("upload://{}", upload.id),
            state: upload.state.as_str(),
            name: upload.name,
            bytes: upload.bytes,
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

fn upload_id(text: &str) -> Result<UploadId, Problem> {
    text.parse()
        .map_err(|_| Problem::not_found("there is no such upload"))
}

fn missing(error: ArtifactError) -> Problem {
    match error {
        ArtifactError::NotFound(_) => Problem::not_found("there is no such upload"),
        error => crate::prune::failure::Failure::from(error).into(),
    }
}
