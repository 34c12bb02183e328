//! `GET /v1/jobs/{id}`

use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{answer, etag};
use crate::api::AppState;
use crate::api::caller::Caller;
use crate::api::extract::{Id, Params};
use crate::api::problem::Problem;
use crate::api::wire::job::JobBody;
use crate::job::store::StoreError;
use crate::job::{Job, Scope};

/// How often a waiting request looks.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// Longest wait in seconds.
pub(in crate::api) const MOST_SECONDS: u64 = 60;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wait {
    /// Seconds to wait for a change (of the version in `If-None-Match`, else of the current one) before answering.
    #[param(minimum = 0, maximum = 60)]
    #[serde(default)]
    wait: u64,
}

/// Returns a job.
///
/// The ETag changes whenever the job changes. With `wait`, the response is sent when the job changes or the time is over.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs", operation_id = "getJob",
    params(("id" = String, Path, description = "The job"), Wait,
           ("If-None-Match" = Option<String>, Header, description = "ETag of the version that is known")),
    security(("api_key" = ["read"])),
    responses(
        (status = 200, description = "The job", body = JobBody, headers(
            ("ETag" = String, description = "Names the job's version"),
            ("Retry-After" = String, description = "While it is active: seconds until it makes sense to look again"),
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
    if query.wait > MOST_SECONDS {
        return Err(Problem::bad_request(
            "wait",
            format!(
                "wait is {}; it must lie between 0 and {MOST_SECONDS}",
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
    let job = changed(
        &state,
        &caller.scope(),
        first,
        known,
        Duration::from_secs(query.wait),
    )
    .await?;
    Ok(
        match known.is_some_and(|known| matches(known, &etag(&job))) {
            true => (StatusCode::NOT_MODIFIED, [(header::ETAG, etag(&job))]).into_response(),
            false => answer(&state, StatusCode::OK, &job),
        },
    )
}

/// The job once it differs from what the caller knows, or after the wait.
async fn changed(
    state: &AppState,
    scope: &Scope,
    first: Job,
    known: Option<&str>,
    wait: Duration,
) -> Result<Job, StoreError> {
    let start = Instant::now();
    // A caller who knows another version than the current one has waited long enough.
    let stale = known.is_some_and(|known| !matches(known, &etag(&first)));
    let version = first.version;
    let mut job = first;
    while !stale && job.version == version && !job.state.is_terminal() && start.elapsed() < wait {
        tokio::select! {
            () = tokio::time::sleep(LOOK_EVERY.min(wait.saturating_sub(start.elapsed()))) => {}
            () = state.stopping.cancelled() => break,
        }
        job = state.jobs.get(scope, job.id).await?;
    }
    Ok(job)
}

/// Whether an `If-None-Match` list holds an ETag (weak comparison, RFC 9110).
pub(crate) fn matches(list: &str, etag: &str) -> bool {
    list.split(',')
        .map(str::trim)
        .any(|known| known == "*" || known.strip_prefix("W/").unwrap_or(known) == etag)
}
