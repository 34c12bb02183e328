//! `POST /v1/jobs/{id}/resolve`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{again, succeeded};
use crate::api::caller::Caller;
use crate::api::extract::{Body, Id, idempotency_key};
use crate::api::frontier;
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::api::wire::create::TargetBody;
use crate::job::Job;
use crate::prune::recipe::{Recipe, Target};

/// The target of a job that reuses the scores of another job.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
pub(crate) struct ResolveJob {
    /// Target of the new job.
    target: TargetBody,
}

/// Creates a job with another target from the same scores.
///
/// Apart from the target, the new job is as for `retryJob`. It runs only the search and the later stages while the
/// scores are in the stage cache, by default for 7 days. After that, it scores the model again.
///
/// Specific errors:
///
/// - `conflict`: The job has not succeeded.
/// - `target_unreachable`: The target is below `smallest_macs` or `smallest_parameters` of the frontier. A `latency_ms`
///   target is checked when the new job runs.
/// - `invalid_target`, `invalid_recipe`: The target or its tolerance is invalid.
/// - `idempotency_key_reused`: The `Idempotency-Key` was used with another body.
/// - `source_not_found`, `source_unavailable`, `unsafe_format`, `invalid_checkpoint`, `quota_exceeded`: As for
///   `createJob`.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/resolve", tag = "jobs", operation_id = "resolveJob",
    params(("id" = String, Path, description = "Id of a job that has succeeded"),
           ("Idempotency-Key" = Option<String>, Header, description = "Makes it safe to repeat the request: within 24 hours, a request with the same key and body returns the job that the first one created. 1 to 255 visible ASCII characters.", min_length = 1, max_length = 255)),
    security(("api_key" = ["write"])),
    request_body(content = ResolveJob, example = json!({"target": {"value": "50%"}})),
    responses((status = 202, description = "The new job", body = crate::api::wire::job::JobBody, headers(
        ("Location" = String, description = "Path of the new job"),
    )))
)]
pub(crate) async fn resolve(
    State(state): State<AppState>,
    caller: Caller,
    Id(id): Id,
    headers: HeaderMap,
    body: Body<ResolveJob>,
) -> Result<Response, Problem> {
    let key = idempotency_key(&headers, &format!("/v1/jobs/{id}/resolve"), &body.sha256)?;
    let target = body.value.target.target()?;
    let old = state.jobs.get(&caller.scope(), id).await?;
    succeeded(&old)?;
    reachable(&state, &caller, &old, &target).await?;
    let recipe = Recipe {
        target,
        ..old.recipe.clone()
    };
    again(&state, old, recipe, key).await
}

/// Checks that the scored job found a model that meets the target. A job whose artifacts were removed cannot tell, so
/// its target is checked when the new job runs.
async fn reachable(
    state: &AppState,
    caller: &Caller,
    old: &Job,
    target: &Target,
) -> Result<(), Problem> {
    let frontier = match frontier::read(state, caller, old).await {
        Ok(frontier) => frontier,
        Err(problem) if problem.is_gone() => None,
        Err(problem) => return Err(problem),
    };
    match frontier {
        Some(frontier) => frontier.check(target).map_err(|failure| {
            Problem::invalid_field("/target/value", failure.code.into(), failure.detail)
        }),
        None => Ok(()),
    }
}
