//! Conditional requests: `If-Match` and `If-None-Match` (RFC 9110, section 13.1).

use axum::http::{HeaderMap, StatusCode, header};

use super::problem::{Problem, ProblemCode};

/// Checks `If-Match` against the current ETag, with strong comparison.
///
/// # Errors
/// Returns 412 if the header is given and neither `*` nor a list that contains the ETag.
pub(super) fn check_match(headers: &HeaderMap, etag: &str) -> Result<(), Problem> {
    let lists: Vec<_> = headers.get_all(header::IF_MATCH).iter().collect();
    let matches = |list: &str| contains(list, |known| known == etag);
    if lists.is_empty() || lists.iter().any(|list| list.to_str().is_ok_and(matches)) {
        return Ok(());
    }
    Err(Problem::new(
        StatusCode::PRECONDITION_FAILED,
        ProblemCode::PreconditionFailed,
        format!("If-Match does not match the current version {etag}; read the resource again"),
    ))
}

/// Whether `If-None-Match` is given and contains an ETag: the client has the current version.
pub(super) fn is_current(headers: &HeaderMap, etag: &str) -> bool {
    let known = headers.get(header::IF_NONE_MATCH);
    let known = known.and_then(|known| known.to_str().ok());
    known.is_some_and(|known| is_known(known, etag))
}

/// Whether an `If-None-Match` list contains an ETag, with weak comparison.
pub(super) fn is_known(list: &str, etag: &str) -> bool {
    contains(list, |known| {
        known.strip_prefix("W/").unwrap_or(known) == etag
    })
}

/// Whether a list is `*` or contains a matching ETag.
fn contains(list: &str, matches: impl Fn(&str) -> bool) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|known| known == "*" || matches(known))
}
