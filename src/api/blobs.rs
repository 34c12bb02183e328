//! `GET /v1/blobs/{key}`: what a signed URL leads to.

use std::ops::Range;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::AppState;
use super::artifacts::media_type;
use super::extract::{Named, Params};
use super::jobs::get::matches;
use super::jobs::now_ms;
use super::problem::{Problem, ProblemCode};
use crate::artifact::error::ArtifactError;
use crate::artifact::key::Key;
use crate::artifact::sign::Refused;

#[derive(Deserialize)]
pub(crate) struct BlobPath {
    job: String,
    attempt: String,
    name: String,
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Signature {
    /// Digest of the content.
    #[param(pattern = "^[0-9a-f]{64}$")]
    sha256: String,
    /// Moment of expiry in Unix seconds.
    expires: i64,
    /// HMAC-SHA256 over key, digest and expiry, hex.
    signature: String,
}

/// Downloads a file by its signed URL.
///
/// Supports byte ranges and conditional requests. The ETag is the SHA-256 of the content.
#[utoipa::path(
    get, path = "/v1/blobs/jobs/{job}/{attempt}/{name}", tag = "artifacts", operation_id = "getBlob",
    params(("job" = String, Path, description = "The job"), ("attempt" = String, Path, description = "The attempt that wrote it"),
           ("name" = String, Path, description = "The file"), Signature,
           ("Range" = Option<String>, Header, description = "One byte range, as `bytes=0-1023`"),
           ("If-None-Match" = Option<String>, Header, description = "ETag of the content that is known")),
    security(()),
    responses(
        (status = 200, description = "The file", content_type = "application/octet-stream"),
        (status = 206, description = "The requested range", content_type = "application/octet-stream"),
        (status = 304, description = "The content has not changed"),
    )
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    Named(path): Named<BlobPath>,
    Params(query): Params<Signature>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let key =
        Key::named(&path.job, &path.attempt, &path.name).map_err(|_| refused(Refused::Forged))?;
    state
        .signing
        .verify(
            &key,
            &query.sha256,
            query.expires,
            &query.signature,
            now_ms() / 1_000,
        )
        .map_err(refused)?;
    let etag = format!("\"{}\"", query.sha256);
    let text = |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
    if text(header::IF_NONE_MATCH).is_some_and(|known| matches(known, &etag)) {
        return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, etag)]).into_response());
    }
    let size = state.artifacts.size(&key).await.map_err(gone)?;
    // A range of another version of the content is of no use to whoever holds a part of it.
    let same = text(header::IF_RANGE).is_none_or(|known| known == etag);
    let range = match text(header::RANGE).filter(|_| same) {
        Some(range) => wanted(range, size)?,
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
    let mut set = |name: header::HeaderName, value: String| {
        if let Ok(value) = HeaderValue::try_from(value) {
            answered.insert(name, value);
        }
    };
    set(header::ETAG, etag);
    set(header::ACCEPT_RANGES, "bytes".to_owned());
    set(header::CONTENT_LENGTH, length.to_string());
    set(header::CONTENT_TYPE, media_type(&path.name).to_owned());
    set(
        header::CONTENT_DISPOSITION,
        format!("attachment; filename=\"{}\"", path.name),
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

/// The one range of a header; several, or another unit, are answered with the whole file, as RFC 9110 allows.
fn wanted(header: &str, size: u64) -> Result<Option<Range<u64>>, Problem> {
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
            format!("the file has {size} bytes; ask for a range within them"),
        )),
    }
}

pub(super) fn refused(why: Refused) -> Problem {
    match why {
        Refused::Forged => Problem::new(
            StatusCode::FORBIDDEN,
            ProblemCode::UrlForged,
            why.to_string(),
        ),
        Refused::Expired => Problem::new(
            StatusCode::FORBIDDEN,
            ProblemCode::UrlExpired,
            why.to_string(),
        ),
    }
}

fn gone(error: ArtifactError) -> Problem {
    match error {
        ArtifactError::NotFound(_) => {
            Problem::not_found("the file is gone; its job was deleted, or its retention is over")
        }
        _ => Problem::internal(&error),
    }
}
