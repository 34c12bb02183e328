//! `GET /v1/jobs/{id}/artifacts` and `GET /v1/jobs/{id}/artifacts/{name}`

use std::time::Duration;

use axum::Json;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::AppState;
use super::accept::prefers;
use super::caller::Caller;
use super::extract::{Id, Named};
use super::jobs::now_ms;
use super::problem::Problem;
use super::wire::time::rfc3339;
use crate::artifact::manifest::Manifest;
use crate::job::{Job, JobId, State, UnixMs};

/// A download URL holds so long.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// Lists the files of a job's result.
#[derive(Serialize, ToSchema)]
pub(crate) struct ArtifactList {
    #[schema(example = "list")]
    object: &'static str,
    /// Empty until the job has succeeded.
    data: Vec<ArtifactBody>,
    /// From then on the files are gone; none while the job is active, and where they are kept for ever.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// One file.
#[derive(Serialize, ToSchema)]
pub(crate) struct ArtifactBody {
    #[schema(example = "model.safetensors")]
    name: String,
    bytes: u64,
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
    media_type: &'static str,
    /// Where its download URL is to be had.
    href: String,
}

/// A download URL.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedUrl {
    url: String,
    #[schema(format = DateTime)]
    expires_at: String,
}

/// The files of a job's result.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/artifacts", tag = "artifacts", operation_id = "listArtifacts",
    params(("id" = String, Path, description = "The job")),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The files; none until the job has succeeded", body = ArtifactList))
)]
pub(crate) async fn list(
    Shared(state): Shared<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<ArtifactList>, Problem> {
    let job = state.jobs.get(&caller.scope(), id).await?;
    let (manifest, expires_at) = kept(&state, &caller, &job).await?;
    let data = manifest.files.into_iter().map(|file| ArtifactBody {
        href: format!("/v1/jobs/{id}/artifacts/{}", file.name),
        media_type: media_type(&file.name),
        name: file.name,
        bytes: file.bytes,
        sha256: file.sha256,
    });
    Ok(Json(ArtifactList {
        object: "list",
        data: data.collect(),
        expires_at: expires_at.map(rfc3339),
    }))
}

#[derive(Deserialize)]
pub(crate) struct FilePath {
    id: String,
    name: String,
}

/// Redirects to a signed URL of a file.
///
/// The URL is valid for 15 minutes, and anybody who has it can download the file. With `Accept: application/json` the URL is
/// returned in the body instead.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/artifacts/{name}", tag = "artifacts", operation_id = "getArtifact",
    params(("id" = String, Path, description = "The job"), ("name" = String, Path, description = "The file, as the list names it")),
    security(("api_key" = ["read"])),
    responses(
        (status = 307, description = "Redirect to the signed URL", headers(("Location" = String, description = "A signed URL"))),
        (status = 200, description = "The signed URL, with `Accept: application/json`", body = SignedUrl),
    )
)]
pub(crate) async fn get(
    Shared(state): Shared<AppState>,
    caller: Caller,
    Named(path): Named<FilePath>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let id: JobId = path
        .id
        .parse()
        .map_err(|error: crate::job::id::NotAJobId| Problem::not_found(error.to_string()))?;
    let job = state.jobs.get(&caller.scope(), id).await?;
    let (manifest, expires_at) = kept(&state, &caller, &job).await?;
    let file = manifest.file(&path.name).ok_or_else(|| {
        Problem::not_found("the job has no such file; list its artifacts for the names")
    })?;
    // No URL promises a file for longer than it is kept.
    let left =
        expires_at.map(|moment| Duration::from_millis((moment - now_ms()).max(0).unsigned_abs()));
    let lifetime = left.map_or(LIFETIME, |left| left.min(LIFETIME));
    let signed = state
        .artifacts
        .signed_url(file, media_type(&file.name), lifetime)
        .await
        .map_err(|error| Problem::internal(&error))?;
    let wants_json = prefers(&headers, "application/json", media_type(&file.name));
    Ok(match wants_json {
        true => Json(SignedUrl {
            url: signed.url,
            expires_at: rfc3339(signed.expires_at * 1_000),
        })
        .into_response(),
        false => (
            StatusCode::TEMPORARY_REDIRECT,
            [
                (header::LOCATION, signed.url),
                (header::CACHE_CONTROL, "no-store".to_owned()),
            ],
        )
            .into_response(),
    })
}

/// The files of a job and when they go, or that they are gone: by the row once it says so, by the clock before a
/// sweeper came.
pub(super) async fn kept(
    state: &AppState,
    caller: &Caller,
    job: &Job,
) -> Result<(Manifest, Option<UnixMs>), Problem> {
    let expires_at = state.retention.files_expire_at(job);
    let expired = expires_at.is_some_and(|moment| moment <= now_ms());
    if job.state == State::Succeeded && (expired || job.artifacts_removed_at.is_some()) {
        let when = job.artifacts_removed_at.or(expires_at).map(rfc3339);
        return Err(Problem::gone(format!(
            "the files of this job were removed after their retention, on {}; retry the job to have them made again",
            when.unwrap_or_default()
        )));
    }
    let manifest = state.jobs.manifest(&caller.scope(), job.id).await?;
    Ok((manifest.unwrap_or_default(), expires_at))
}

/// By the ending of the name.
pub(crate) fn media_type(name: &str) -> &'static str {
    match name.rsplit_once('.').map(|(_, ending)| ending) {
        Some("json") => "application/json",
        Some("md") => "text/markdown; charset=utf-8",
        Some("py" | "txt") => "text/plain; charset=utf-8",
        _ if name == "SHA256SUMS" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
