//! `GET /v1/audit`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::AppState;
use super::caller::Caller;
use super::extract::Params;
use super::page::check_limit;
use super::problem::Problem;
use super::wire::time::rfc3339;
use crate::job::audit::Entry;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Entries per page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    #[serde(default = "hundred")]
    limit: usize,
    /// `next_before` of the previous page.
    #[param(minimum = 1, maximum = 4_294_967_295_u32)]
    before: Option<u32>,
}

fn hundred() -> usize {
    100
}

/// A page of the audit log, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditList {
    #[schema(example = "list")]
    object: &'static str,
    data: Vec<AuditBody>,
    /// `before` of the next page. Null on the last page.
    next_before: Option<i64>,
    has_more: bool,
}

/// A request that changed something, or that was rejected with a known API key.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditBody {
    /// Position in the log.
    #[schema(minimum = 1)]
    sequence: i64,
    #[schema(format = DateTime)]
    at: String,
    /// Id of the API key. Null if the service requires none.
    key: Option<String>,
    method: String,
    /// Route template.
    #[schema(example = "/v1/jobs/{id}/cancel")]
    route: String,
    /// Id of the resource that was created or changed.
    subject: Option<String>,
    /// HTTP status of the response.
    #[schema(minimum = 100, maximum = 599)]
    status: u16,
    request_id: String,
}

impl From<Entry> for AuditBody {
    fn from(entry: Entry) -> Self {
        Self {
            sequence: entry.sequence,
            at: rfc3339(entry.at),
            key: entry.deed.key.map(|key| key.to_string()),
            method: entry.deed.method,
            route: entry.deed.route,
            subject: entry.deed.subject,
            status: entry.deed.status,
            request_id: entry.deed.request_id,
        }
    }
}

/// Lists the audit log of the caller's tenant, newest first.
#[utoipa::path(
    get, path = "/v1/audit", tag = "keys", operation_id = "listAudit", params(Page),
    security(("api_key" = ["admin"])),
    responses((status = 200, description = "A page of the audit log", body = AuditList))
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Params(page): Params<Page>,
) -> Result<Json<AuditList>, Problem> {
    check_limit(page.limit, 1_000)?;
    if page.before == Some(0) {
        return Err(Problem::bad_request("before", "before must be at least 1"));
    }
    let before = page.before.map(i64::from);
    let (entries, has_more) = state
        .audit
        .deeds(&caller.scope(), before, page.limit)
        .await?;
    Ok(Json(AuditList {
        object: "list",
        next_before: entries
            .last()
            .filter(|_| has_more)
            .map(|entry| entry.sequence),
        data: entries.into_iter().map(Into::into).collect(),
        has_more,
    }))
}
