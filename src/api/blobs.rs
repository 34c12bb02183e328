//! `GET /v1/blobs/jobs/{job}/{attempt}/{name}`: downloads by signed URL from a local store.

use std::ops::Range;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::document::schema::Bytes;
use super::extract::{Named, Params};
use super::media_type::media_type;
use super::precondition::{check_match, is_current};
use super::problem::{Problem, ProblemCode};
use super::state::AppState;
use super::wire::time::now_ms;
use crate::artifact::error::ArtifactError;
use crate::artifact::key::Key;
use crate::artifact::sign::Refused;
use crate::file_name::FileName;

#[derive(Deserialize)]
pub(crate) struct BlobPath {
    job: String,
    attempt: String,
    name: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Signature {
    /// SHA-256 of the content.
    #[param(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
    /// Expiration time, in seconds since 1970-01-01 UTC.
    expires: i64,
    /// Signature of the URL, in hexadecimal. Clients do not compute it.
    signature: String,
}

/// Downloads an artifact from a signed URL.
///
/// `getArtifactUrl` returns the URL; clients do not build it. A service that stores artifacts in a bucket returns URLs
/// of the bucket instead. The signature replaces the API key.
///
/// One byte range per request is supported, with `If-Range`. A header with several ranges returns the whole file. The
/// ETag is the SHA-256 of the content.
///
/// Specific errors:
///
/// - `url_invalid`: The signature does not belong to this URL.
/// - `url_expired`: The URL has expired. Request a new one.
/// - `not_found`: The file was removed.
/// - `precondition_failed`: `If-Match` does not name the ETag of the content.
/// - `range_not_satisfiable`: The range starts after the end of the file.
#[utoipa::path(
    get, path = "/v1/blobs/jobs/{job}/{attempt}/{name}", tag = "artifacts", operation_id = "getBlob",
    params(("job" = String, Path, description = "Id of the job"), ("attempt" = String, Path, description = "Number of the attempt that wrote the file"),
           ("name" = String, Path, description = "Name of the artifact, in which each `/` is sent as `%2F` or as it is"), Signature,
           ("Range" = Option<String>, Header, description = "A byte range, for example `bytes=0-1023`"),
           ("If-None-Match" = Option<String>, Header, description = "ETag of the content that the client has"),
           ("If-Match" = Option<String>, Header, description = "ETag that the content must have")),
    security(()),
    responses(
        (status = 200, description = "The content", body = inline(Bytes), content_type = "application/octet-stream"),
        (status = 206, description = "The requested range", body = inline(Bytes), content_type = "application/octet-stream"),
        (status = 304, description = "The content has not changed"),
    )
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    Named(path): Named<BlobPath>,
    Params(query): Params<Signature>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let name: FileName = path.name.parse().map_err(|_| Refused::Forged)?;
    let key = Key::named(&path.job, &path.attempt, &name).map_err(|_| Refused::Forged)?;
    state.signing.verify(
        &key,
        &query.sha256,
        query.expires,
        &query.signature,
        now_ms() / 1_000,
    )?;
    let etag = format!("\"{}\"", query.sha256);
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    check_match(&headers, &etag)?;
    if is_current(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let size = state.artifacts.size(&key).await.map_err(gone)?;
    // `If-Range`: a range of another version would not fit the part that the client has.
    let same = text(header::IF_RANGE).is_none_or(|known| known == etag);
    let range = match text(header::RANGE).filter(|_| same) {
        Some(range) => requested(range, size)?,
        None => None,
    };
    let stream = state
        .artifacts
        .read(&key, range.clone())
        .await
        .map_err(gone)?;
    let (status, length) = match &range {
        Some(range) => (StatusCode::PARTIAL_CONTENT, range.end - range.start),
        None => (StatusCode::OK, size),
    };
    let mut answered = HeaderMap::new();
    let mut set = |header: header::HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            answered.insert(header, value);
        }
    };
    set(header::ETAG, etag);
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    set(header::CONTENT_LENGTH, length.to_string());
    set(header::CONTENT_TYPE, media_type(name.as_str()).to_owned());
    set(
        header::CONTENT_DISPOSITION,
        format!("attachment; filename=\"{}\"", name.last()),
    );
    set(header::CACHE_CONTROL, "private, no-transform".to_owned());
    if let Some(range) = &range {
        set(
            header::CONTENT_RANGE,
            format!("bytes {}-{}/{size}", range.start, range.end - 1),
        );
    }
    Ok((status, answered, Body::from_stream(stream)).into_response())
}

/// The byte range of a header. Several ranges, or another unit, return the whole file (RFC 9110, section 14.2).
fn requested(header: &str, size: u64) -> Result<Option<Range<u64>>, Problem> {
    let Ok(parsed) = http_range_header::parse_range_header(header) else {
        return Ok(None);
    };
    match parsed.validate(size) {
        Ok(ranges) => match ranges.as_slice() {
            [range] => Ok(Some(*range.start()..range.end() + 1)),
            _ => Ok(None),
        },
        Err(_) => Err(Problem::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            ProblemCode::RangeNotSatisfiable,
            format!("the range is not within the file, which has {size} bytes"),
        )),
    }
}

fn gone(error: ArtifactError) -> Problem {
    match error {
        ArtifactError::NotFound(_) => Problem::not_found(
            "the file was removed: its job was deleted, or its retention period is over",
        ),
        _ => Problem::internal(&error),
    }
}
