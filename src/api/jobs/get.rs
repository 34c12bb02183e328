//! `GET /v1/jobs/{id}`

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{answer, etag};
use crate::api::caller::Caller;
use crate::api::extract::{Id, Params};
use crate::api::precondition::{check_match, is_known};
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::api::wire::job::JobBody;
use crate::job::store::StoreError;
use crate::job::{Job, Scope};

/// Interval at which a long poll reads the job.
const POLL_INTERVAL: Duration = Duration::from_millis(250);

/// Maximum of `wait`, in seconds.
pub(in crate::api) const MAX_WAIT_SECONDS: u64 = 60;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Wait {
    /// Maximum number of seconds to wait for a change of the job (long polling). A change means a version other than
    /// the one in `If-None-Match` or, without that header, any change after the request.
    #[param(minimum = 0, maximum = 60, default = 0)]
    #[serde(default)]
    wait: u64,
}

/// Returns a job.
///
/// The ETag changes when the job changes, but not with the estimated time in `progress.eta_ms`. With `If-None-Match`,
/// the response is 304 if the job still has that version.
///
/// With `wait`, the response is sent when the job changes or has ended, or after the wait time. If nothing has changed
/// by then, the response is 304 with `If-None-Match`, and 200 without it.
///
/// Specific errors:
///
/// - `precondition_failed`: `If-Match` does not name the current version.
/// - `rate_limited`: The rate limit is exceeded, or the caller has too many concurrent long polls and event streams, by
///   default 32.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "getJob",
    params(("id" = String, Path, description = "Id of the job"), Wait,
           ("If-None-Match" = Option<String>, Header, description = "ETag of the version that the client has"),
           ("If-Match" = Option<String>, Header, description = "ETag of the version that the job must have")),
    security(("api_key" = ["read"])),
    responses(
        (status = 200, description = "The job", body = JobBody, headers(
            ("ETag" = String, description = "Version of the job"),
            ("Retry-After" = String, description = "Seconds until the next poll, while the job is active"),
        )),
        (status = 304, description = "The job has not changed"),
    )
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    Params(query): Params<Wait>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if query.wait > MAX_WAIT_SECONDS {
        return Err(Problem::bad_request(
            "wait",
            format!(
                "wait is {}; it must be between 0 and {MAX_WAIT_SECONDS}",
                query.wait
            ),
        ));
    }
    let known = headers
        .get(header::IF_NONE_MATCH)
        .and_then(|value| value.to_str().ok());
    let _reading = match query.wait {
        0 => None,
        _ => Some(caller.reader()?),
    };
    let first = state.jobs.get(&caller.scope(), id).await?;
    check_match(&headers, &etag(&first))?;
    let job = changed(
        &state,
        &caller.scope(),
        first,
        known,
        Duration::from_secs(query.wait),
    )
    .await?;
    Ok(
        match known.is_some_and(|known| is_known(known, &etag(&job))) {
            true => (StatusCode::NOT_MODIFIED, [(header::ETAG, etag(&job))]).into_response(),
            false => answer(&state, StatusCode::OK, &job),
        },
    )
}

/// Returns the job when it differs from the version that the client has, or after the wait.
async fn changed(
    state: &AppState,
    scope: &Scope,
    first: Job,
    known: Option<&str>,
    wait: Duration,
) -> Result<Job, StoreError> {
    let start = Instant::now();
    // The client has an older version: there is a change already.
    let stale = known.is_some_and(|known| !is_known(known, &etag(&first)));
    let version = first.version;
    let mut job = first;
    while !stale && job.version == version && !job.state.is_terminal() && start.elapsed() < wait {
        tokio::select! {
            () = tokio::time::sleep(POLL_INTERVAL.min(wait.saturating_sub(start.elapsed()))) => {}
            () = state.stopping.cancelled() => break,
        }
        job = state.jobs.get(scope, job.id).await?;
    }
    Ok(job)
}
