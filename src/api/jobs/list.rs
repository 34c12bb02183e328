//! `GET /v1/jobs`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::caller::Caller;
use crate::api::extract::Params;
use crate::api::page::{check_limit, cursor, next_cursor, twenty};
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::api::wire::job::JobBody;
use crate::api::wire::time::now_ms;
use crate::job::store::JobFilter;
use crate::job::{self, JobId};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Maximum number of jobs per page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    #[serde(default = "twenty")]
    limit: usize,
    /// `next_cursor` of the previous page.
    #[param(pattern = "^job_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    cursor: Option<String>,
    /// Returns only jobs in one of these states. Repeat the parameter to name several.
    #[serde(default)]
    state: Vec<job::State>,
    /// Returns only jobs with this `request.model.uri`. A `hf://` URI of a job ends with the commit that it was
    /// resolved to.
    model: Option<String>,
    /// Returns only jobs with this label, written as `name:value`.
    #[param(pattern = "^[^:]+:.*$")]
    label: Option<String>,
}

/// A page of jobs, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct JobList {
    /// Type of this object: `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The jobs of this page.
    data: Vec<JobBody>,
    /// `cursor` of the next page. Null on the last page.
    next_cursor: Option<String>,
    /// Whether another page follows.
    has_more: bool,
}

/// Lists jobs, newest first.
///
/// Returns the jobs of the caller's tenant. A job must match all given filters.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", operation_id = "listJobs", params(Page),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "A page of jobs", body = JobList))
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Params(page): Params<Page>,
) -> Result<Json<JobList>, Problem> {
    check_limit(page.limit, 100)?;
    let before: Option<JobId> = cursor(page.cursor.as_deref())?;
    let filter = JobFilter {
        states: page.state,
        model: page.model,
        label: label(page.label.as_deref())?,
    };
    let (jobs, has_more) = state
        .jobs
        .list(&caller.scope(), &filter, before, page.limit)
        .await?;
    let (now, outage) = (now_ms(), state.health.outage());
    Ok(Json(JobList {
        object: "list",
        next_cursor: next_cursor(&jobs, has_more, |job| job.id),
        data: jobs
            .iter()
            .map(|job| JobBody::new(job, outage.as_ref(), now))
            .collect(),
        has_more,
    }))
}

/// Parses the filter `name:value`.
///
/// # Errors
/// Returns 400 if it has another form.
pub(super) fn label(text: Option<&str>) -> Result<Option<(String, String)>, Problem> {
    let Some(text) = text else { return Ok(None) };
    match text.split_once(':') {
        Some((name, value)) if !name.is_empty() => Ok(Some((name.to_owned(), value.to_owned()))),
        _ => Err(Problem::bad_request(
            "label",
            "label must have the form name:value",
        )),
    }
}
