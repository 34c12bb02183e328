//! Operations on jobs.

pub(super) mod cancel;
pub(super) mod counts;
pub(super) mod create;
pub(super) mod delete;
pub(super) mod estimate;
pub(super) mod get;
pub(super) mod list;
pub(super) mod position;
pub(super) mod resolve;
pub(super) mod retry;

use axum::Json;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::problem::Problem;
use super::request::current_trace;
use super::state::AppState;
use super::wire::job::JobBody;
use super::wire::time::now_ms;
use crate::job::store::{Created, IdempotencyKey};
use crate::job::{Job, NewJob, State};
use crate::prune::recipe::Recipe;

/// Seconds between two polls of an active job.
const RETRY_AFTER: &str = "1";

/// The strong ETag of a job: its id and version. The ETA is derived from both and the clock.
pub(super) fn etag(job: &Job) -> String {
    format!("\"{}.{}\"", job.id, job.version)
}

/// A response with a job and its headers.
pub(super) fn answer(state: &AppState, status: StatusCode, job: &Job) -> Response {
    let mut headers = HeaderMap::new();
    if let Ok(etag) = HeaderValue::try_from(etag(job)) {
        headers.insert(header::ETAG, etag);
    }
    if !job.state.is_terminal() {
        headers.insert(header::RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER));
    }
    let outage = state.health.outage();
    let body = JobBody::new(job, outage.as_ref(), now_ms());
    (status, headers, Json(body)).into_response()
}

/// A response with a new job.
pub(super) fn accepted(state: &AppState, job: &Job) -> Response {
    let mut response = answer(state, StatusCode::ACCEPTED, job);
    if let Ok(location) = HeaderValue::try_from(format!("/v1/jobs/{}", job.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    response
}

/// Checks that a job has succeeded, so that it has scores.
///
/// # Errors
/// Returns a conflict if it has not.
pub(super) fn succeeded(job: &Job) -> Result<(), Problem> {
    if job.state == State::Succeeded {
        return Ok(());
    }
    let detail = format!(
        "the job is {}; only a job that has succeeded has results",
        job.state.as_str()
    );
    Err(Problem::conflict(detail))
}

/// Creates a job like an old one, with this recipe.
async fn again(
    state: &AppState,
    old: Job,
    recipe: Recipe,
    key: Option<IdempotencyKey>,
) -> Result<Response, Problem> {
    let recipe = state.intake.check(&old.tenant, recipe).await?;
    let again = NewJob {
        tenant: old.tenant,
        device: old.device,
        priority: old.priority,
        deadline_ms: old.deadline_at.map(|deadline| deadline - old.created_at),
        recipe,
        labels: old.labels,
        max_attempts: old.max_attempts,
        retry_of: Some(old.id),
        trace: current_trace(),
    };
    let (Created::New(job) | Created::Replayed(job)) =
        state.jobs.create(again, key, state.quota).await?;
    state.wake.notify_one();
    Ok(accepted(state, &job))
}
