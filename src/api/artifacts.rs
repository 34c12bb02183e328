//! `GET /v1/jobs/{id}/artifacts`, `GET /v1/jobs/{id}/artifacts/{name}` and `GET /v1/jobs/{id}/artifacts/{name}/url`

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::accept::prefers;
use super::artifact_path::href;
use super::caller::Caller;
use super::document::schema::Bytes;
use super::extract::{Id, Named, Params};
use super::media_type::media_type;
use super::problem::Problem;
use super::state::AppState;
use super::wire::time::{now_ms, rfc3339};
use crate::artifact::key::Key;
use crate::artifact::manifest::{Manifest, StoredFile};
use crate::job::{Job, JobId, State, UnixMs};
use crate::prune::failure::Failure;

/// Lifetime of a download URL.
const LIFETIME: Duration = Duration::from_secs(15 * 60);

/// The artifacts of a job.
#[derive(Serialize, ToSchema)]
pub(crate) struct ArtifactList {
    /// Type of this object: `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// Empty until the job has succeeded.
    data: Vec<ArtifactBody>,
    /// Time when the artifacts are removed. Null while the job has not ended, and if the service has no retention
    /// period.
    #[schema(format = DateTime)]
    expires_at: Option<String>,
}

/// An artifact: a file of a job's result.
#[derive(Serialize, ToSchema)]
#[schema(as = Artifact)]
pub(crate) struct ArtifactBody {
    /// Path of the file within the result: one name, or several that are separated by `/`. Each begins with a letter or
    /// a digit, so the path is safe to use on disk.
    #[schema(
        example = "model.safetensors",
        max_length = 512,
        pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,127}(/[A-Za-z0-9][A-Za-z0-9._-]{0,127}){0,7}$"
    )]
    name: String,
    /// Size in bytes.
    bytes: u64,
    /// SHA-256 of the content, in hexadecimal.
    #[schema(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
    /// Media type of the content.
    #[schema(example = "application/json")]
    media_type: &'static str,
    /// Path of `getArtifact`, which redirects to the content.
    href: String,
}

/// A signed download URL.
#[derive(Serialize, ToSchema)]
pub(crate) struct SignedUrl {
    /// The URL. Anyone who has it can download the file until it expires.
    url: String,
    /// Time when the URL expires.
    #[schema(format = DateTime)]
    expires_at: String,
}

/// Lists the artifacts of a job.
///
/// Artifacts are the files of a job's result. The list is empty until the job has succeeded.
///
/// Specific error: `gone` if the artifacts were removed after their retention period.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/artifacts", tag = "artifacts", operation_id = "listArtifacts",
    params(("id" = String, Path, description = "Id of the job")),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The artifacts", body = ArtifactList))
)]
pub(crate) async fn list(
    Shared(state): Shared<AppState>,
    caller: Caller,
    Id(id): Id,
) -> Result<Json<ArtifactList>, Problem> {
    let job = state.jobs.get(&caller.scope(), id).await?;
    let (manifest, expires_at) = kept(&state, &caller, &job).await?;
    let data = manifest.files.into_iter().map(|file| ArtifactBody {
        href: href(id, &file.name),
        media_type: media_type(file.name.as_str()),
        name: file.name.into(),
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

/// How an artifact is downloaded.
#[derive(Deserialize)]
pub(crate) struct Delivery {
    #[serde(default = "yes")]
    redirect: bool,
}

fn yes() -> bool {
    true
}

/// Downloads an artifact.
///
/// Redirects to a signed URL that is valid for 15 minutes. If `Accept` prefers `application/json`, the response is that
/// of `getArtifactUrl`. With `redirect=false`, the response is the content itself: for clients that reach the service, but
/// not the bucket with the artifacts.
///
/// Specific errors:
///
/// - `not_found`: The job or the artifact does not exist.
/// - `gone`: The artifacts were removed after their retention period.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/artifacts/{name}", tag = "artifacts", operation_id = "getArtifact",
    params(("id" = String, Path, description = "Id of the job"), ("name" = String, Path, description = "Name of the artifact, in which each `/` is sent as `%2F` or as it is"),
           ("redirect" = Option<bool>, Query, description = "Whether the response redirects to a signed URL. Default: true")),
    security(("api_key" = ["read"])),
    responses(
        (status = 307, description = "Redirect to the signed URL", headers(("Location" = String, description = "The signed URL"))),
        (status = 200, description = "The content, after the redirect or without one", body = inline(Bytes), content_type = "application/octet-stream"),
    )
)]
pub(crate) async fn get(
    Shared(state): Shared<AppState>,
    caller: Caller,
    Named(path): Named<FilePath>,
    Params(delivery): Params<Delivery>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if !delivery.redirect {
        return content(&state, &caller, &path).await;
    }
    let usual = media_type(&path.name);
    let signed = signed_url(&state, &caller, &path).await?;
    if prefers(&headers, "application/json", usual) {
        return Ok(Json(signed).into_response());
    }
    let headers = [
        (header::LOCATION, signed.url),
        (header::CACHE_CONTROL, "no-store".to_owned()),
    ];
    Ok((StatusCode::TEMPORARY_REDIRECT, headers).into_response())
}

/// Returns a signed URL of an artifact.
///
/// The URL is valid for 15 minutes, or until the artifact is removed if that is earlier. It needs no API key.
///
/// Specific errors:
///
/// - `not_found`: The job or the artifact does not exist.
/// - `gone`: The artifacts were removed after their retention period.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/artifacts/{name}/url", tag = "artifacts", operation_id = "getArtifactUrl",
    params(("id" = String, Path, description = "Id of the job"), ("name" = String, Path, description = "Name of the artifact, in which each `/` is sent as `%2F` or as it is")),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The signed URL", body = SignedUrl))
)]
pub(crate) async fn url(
    Shared(state): Shared<AppState>,
    caller: Caller,
    Named(path): Named<FilePath>,
) -> Result<Response, Problem> {
    let signed = signed_url(&state, &caller, &path).await?;
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(signed)).into_response())
}

/// Returns the content of an artifact.
async fn content(state: &AppState, caller: &Caller, path: &FilePath) -> Result<Response, Problem> {
    let (file, _) = find(state, caller, path).await?;
    let key = Key::parse(&file.key).map_err(|error| Problem::internal(&error))?;
    let content = state.artifacts.read(&key, None).await;
    let content = content.map_err(Failure::from)?;
    let headers = [
        (header::ETAG, format!("\"{}\"", file.sha256)),
        (header::CONTENT_LENGTH, file.bytes.to_string()),
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{}\"", file.name.last()),
        ),
        (header::CACHE_CONTROL, "private, no-transform".to_owned()),
    ];
    Ok((headers, Body::from_stream(content)).into_response())
}

/// Signs a URL of an artifact.
async fn signed_url(
    state: &AppState,
    caller: &Caller,
    path: &FilePath,
) -> Result<SignedUrl, Problem> {
    let (file, expires_at) = find(state, caller, path).await?;
    // No URL outlives its file.
    let left =
        expires_at.map(|moment| Duration::from_millis((moment - now_ms()).max(0).unsigned_abs()));
    let lifetime = left.map_or(LIFETIME, |left| left.min(LIFETIME));
    let signed = state
        .artifacts
        .signed_url(&file, media_type(file.name.as_str()), lifetime)
        .await
        .map_err(|error| Problem::internal(&error))?;
    Ok(SignedUrl {
        url: signed.url,
        expires_at: rfc3339(signed.expires_at * 1_000),
    })
}

/// Returns an artifact and the time when it expires.
async fn find(
    state: &AppState,
    caller: &Caller,
    path: &FilePath,
) -> Result<(StoredFile, Option<UnixMs>), Problem> {
    let id: JobId = path
        .id
        .parse()
        .map_err(|error: crate::job::id::NotAJobId| Problem::not_found(error.to_string()))?;
    let job = state.jobs.get(&caller.scope(), id).await?;
    let (manifest, expires_at) = kept(state, caller, &job).await?;
    let file = manifest.file(&path.name).ok_or_else(|| {
        Problem::not_found(format!(
            "the job has no artifact \"{}\"; GET /v1/jobs/{id}/artifacts lists them",
            path.name
        ))
    })?;
    Ok((file.clone(), expires_at))
}

/// The artifacts of a job and when they expire.
///
/// # Errors
/// Returns 410 if the retention period is over, even if the sweeper has not removed the files yet.
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
            "the artifacts of this job were removed on {} because their retention period was over; retry the job to create them again",
            when.unwrap_or_default()
        )));
    }
    let manifest = state.jobs.manifest(&caller.scope(), job.id).await?;
    Ok((manifest.unwrap_or_default(), expires_at))
}
