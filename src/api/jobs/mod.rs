//! Jobs: one file a verb.

pub(super) mod cancel;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod estimate;
pub(super) mod get;
pub(super) mod list;
pub(super) mod resolve;
pub(super) mod retry;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::wire::job::JobBody;
use crate::job::Job;

/// Seconds after which a poller may ask again.
const RETRY_AFTER: &str = "1";

/// This moment, for ETAs and expiries; what is stored bears the database's time.
pub(super) fn now_ms() -> i64 {
    jiff::Timestamp::now().as_millisecond()
}

/// The strong ETag of a job: it names the version of the row. What a reader sees besides (the ETA) follows from
/// the row and the clock.
pub(super) fn etag(job: &Job) -> String {
    format!("\"{}.{}\"", job.id, job.version)
}

/// A job with the headers that every answer about one job has.
pub(super) fn answer(status: StatusCode, job: &Job) -> Response {
    let mut headers = HeaderMap::new();
    if let Ok(etag) = HeaderValue::try_from(etag(job)) {
        headers.insert(header::ETAG, etag);
    }
    if !job.state.is_terminal() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    }
    (status, headers, Json(JobBody::new(job, now_ms()))).into_response()
}

/// The same for a job that was just accepted.
pub(super) fn accepted(job: &Job) -> Response {
    let mut response = answer(StatusCode::ACCEPTED, job);
    if let Ok(location) = HeaderValue::try_from(format!("/v1/jobs/{}", job.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}
