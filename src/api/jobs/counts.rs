//! `GET /v1/jobs/counts`

use axum::Json;
use axum::extract::State as Shared;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::list::label;
use crate::api::caller::Caller;
use crate::api::extract::Params;
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::job::State;
use crate::job::store::JobFilter;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Counted {
    /// Counts only jobs with this `request.model.uri`.
    model: Option<String>,
    /// Counts only jobs with this label, written as `name:value`.
    #[param(pattern = "^[^:]+:.*$")]
    label: Option<String>,
}

/// The number of jobs in each state.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobCounts {
    /// Type of this object: `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// One entry for each state.
    data: Vec<StateCount>,
}

/// The number of jobs in one state.
#[derive(Serialize, ToSchema)]
pub(crate) struct StateCount {
    /// The state.
    state: State,
    /// Number of jobs.
    #[schema(minimum = 0)]
    count: i64,
}

/// Counts jobs by state.
///
/// Counts the jobs of the caller's tenant. A job must match all given filters, which are those of `listJobs`.
#[utoipa::path(
    get, path = "/v1/jobs/counts", tag = "jobs", operation_id = "countJobs", params(Counted),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The number of jobs in each state", body = JobCounts))
)]
pub(crate) async fn counts(
    Shared(state): Shared<AppState>,
    caller: Caller,
    Params(query): Params<Counted>,
) -> Result<Json<JobCounts>, Problem> {
    let filter = JobFilter {
        states: Vec::new(),
        label: label(query.label.as_deref())?,
        model: query.model,
    };
    let found = state.jobs.counts(&caller.scope(), &filter).await?;
    let data = State::ALL.iter().map(|&state| StateCount {
        state,
        count: found
            .iter()
            .find(|(known, _)| *known == state)
            .map_or(0, |(_, count)| *count),
    });
    Ok(Json(JobCounts {
        object: "list",
        data: data.collect(),
    }))
}
