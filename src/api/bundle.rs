//! `GET /v1/jobs/{id}/artifacts.tar`: all artifacts of a job as one archive, streamed from the store.

use axum::body::Body;
use axum::extract::State as Shared;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes as Chunk;
use futures::stream::{self, BoxStream};
use futures::{StreamExt, TryStreamExt};
use sha2::{Digest, Sha256};

use super::artifacts::kept;
use super::caller::Caller;
use super::document::schema::Bytes;
use super::extract::Id;
use super::jobs::succeeded;
use super::precondition::is_current;
use super::problem::Problem;
use super::state::AppState;
use crate::artifact::error::ArtifactError;
use crate::artifact::key::Key;
use crate::artifact::manifest::{Manifest, StoredFile};
use crate::artifact::store::ArtifactStore;
use crate::job::JobId;

/// Size of a block of a tar archive in bytes. Headers are blocks, and contents are padded to whole ones.
const BLOCK: u64 = 512;

/// Downloads all artifacts of a job as a tar archive.
///
/// The files are in a folder that is named after the job. `optin verify FOLDER` checks them. The same artifacts give the same
/// bytes, so the ETag tells whether a copy is current.
///
/// Specific errors:
///
/// - `conflict`: The job has not succeeded.
/// - `gone`: The artifacts were removed after their retention period.
#[utoipa::path(
    get, path = "/v1/jobs/{id}/artifacts.tar", tag = "artifacts", operation_id = "getArtifactBundle",
    params(("id" = String, Path, description = "Id of the job"),
           ("If-None-Match" = Option<String>, Header, description = "ETag of the archive that the client has")),
    security(("api_key" = ["read"])),
    responses(
        (status = 200, description = "The archive", body = inline(Bytes), content_type = "application/octet-stream"),
        (status = 304, description = "The artifacts have not changed"),
    )
)]
pub(crate) async fn get(
    Shared(state): Shared<AppState>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let job = state.jobs.get(&caller.scope(), id).await?;
    succeeded(&job)?;
    let (manifest, _) = kept(&state, &caller, &job).await?;
    let etag = format!("\"{}\"", digest(&manifest));
    if is_current(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let written = job.finished_at.unwrap_or(job.created_at) / 1_000;
    let length: u64 = manifest.files.iter().map(|file| BLOCK + padded(file)).sum();
    let headers = [
        (header::ETAG, etag),
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        // Two empty blocks end an archive.
        (header::CONTENT_LENGTH, (length + 2 * BLOCK).to_string()),
        (
            header::CONTENT_DISPOSITION,
            format!("attachment; filename=\"{id}.tar\""),
        ),
        (header::CACHE_CONTROL, "private, no-transform".to_owned()),
    ];
    let body = archive(&state.artifacts, id, manifest, written);
    Ok((headers, Body::from_stream(body)).into_response())
}

/// Returns a digest of the names and contents of all files.
fn digest(manifest: &Manifest) -> String {
    let mut digest = Sha256::new();
    for file in &manifest.files {
        digest.update(format!("{}  {}\n", file.sha256, file.name));
    }
    hex::encode(digest.finalize())
}

/// Returns the size of a file's content in an archive.
fn padded(file: &StoredFile) -> u64 {
    file.bytes.next_multiple_of(BLOCK)
}

/// A part of an archive.
type Part = BoxStream<'static, Result<Chunk, ArtifactError>>;

/// Returns the archive. `written` is the time of the files in seconds since 1970.
fn archive(store: &ArtifactStore, id: JobId, manifest: Manifest, written: i64) -> Part {
    let store = store.clone();
    let files = stream::iter(manifest.files);
    let parts = files.flat_map(move |file| content(store.clone(), id, file, written));
    let end = stream::once(async { Ok(Chunk::from_static(&[0; 2 * BLOCK as usize])) });
    parts.chain(end).boxed()
}

/// Returns a file in an archive: header, content and padding.
fn content(store: ArtifactStore, id: JobId, file: StoredFile, written: i64) -> Part {
    let padding = Chunk::from(vec![0; (padded(&file) - file.bytes) as usize]);
    let read = async move {
        let header = header_of(id, &file, written)?;
        let key = Key::parse(&file.key).map_err(|error| ArtifactError::Failed(Box::new(error)))?;
        let content = store.read(&key, None).await?;
        let before = stream::once(async move { Ok(header) });
        let after = stream::once(async move { Ok(padding) });
        Ok::<_, ArtifactError>(before.chain(content).chain(after))
    };
    stream::once(read).try_flatten().boxed()
}

/// Returns the header of a file.
fn header_of(id: JobId, file: &StoredFile, written: i64) -> std::io::Result<Chunk> {
    let mut header = tar::Header::new_ustar();
    header.set_path(format!("{id}/{}", file.name))?;
    header.set_size(file.bytes);
    header.set_mode(0o644);
    header.set_mtime(written.max(0).unsigned_abs());
    header.set_cksum();
    Ok(Chunk::copy_from_slice(header.as_bytes()))
}
