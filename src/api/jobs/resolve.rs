//! `POST /v1/jobs/{id}/resolve`

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{again, succeeded};
use crate::api::AppState;
use crate::api::caller::Caller;
use crate::api::extract::{Body, Id, idempotency_key};
use crate::api::problem::Problem;
use crate::api::wire::create::TargetBody;
use crate::prune::recipe::Recipe;

/// Another target.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResolveJob {
    target: TargetBody,
}

/// Creates a job with another target from the same scores.
///
/// Queues a new job with the same request but for its target. It takes up the old one's scores, so that only
/// search, repair and what follows run again.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/resolve", tag = "jobs", operation_id = "resolveJob",
    params(("id" = String, Path, description = "A job that has succeeded"),
           ("Idempotency-Key" = Option<String>, Header, description = "1 to 255 visible ASCII characters; makes it safe to repeat", min_length = 1, max_length = 255)),
    security(("api_key" = ["write"])),
    request_body = ResolveJob,
    responses((status = 202, description = "The new job", body = crate::api::wire::job::JobBody, headers(
        ("Location" = String, description = "Where the new job is"),
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
    let recipe = Recipe {
        target,
        ..old.recipe.clone()
    };
    again(&state, old, recipe, key).await
}
