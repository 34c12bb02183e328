//! `GET /v1/audit`

use std::str::FromStr;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::caller::Caller;
use super::extract::Params;
use super::page::{check_limit, cursor, hundred, next_cursor};
use super::problem::Problem;
use super::state::AppState;
use super::wire::time::rfc3339;
use crate::job::audit::Entry;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Maximum number of entries per page.
    #[param(minimum = 1, maximum = 1000, default = 100)]
    #[serde(default = "hundred")]
    limit: usize,
    /// `next_cursor` of the previous page.
    #[param(pattern = "^[1-9][0-9]{0,17}$")]
    cursor: Option<String>,
}

/// Maximum number of digits of a cursor, so that each fits a 64-bit integer.
const MAX_CURSOR_DIGITS: usize = 18;

/// A cursor: the sequence number of the last entry on the previous page.
struct Before(i64);

impl FromStr for Before {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        // Only one spelling is accepted.
        let plain = text.len() <= MAX_CURSOR_DIGITS
            && !text.starts_with('0')
            && text.bytes().all(|byte| byte.is_ascii_digit());
        let sequence = text.parse().ok().filter(|_| plain);
        sequence.map(Self).ok_or(())
    }
}

/// A page of the audit log, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct AuditList {
    /// Type of this object: `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The entries of this page.
    data: Vec<AuditBody>,
    /// `cursor` of the next page. Null on the last page.
    next_cursor: Option<String>,
    /// Whether another page follows.
    has_more: bool,
}

/// A request in the audit log: one that could change a resource, or a rejected one with a known API key.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditEntry)]
pub(crate) struct AuditBody {
    /// Position in the log. It increases with each entry.
    #[schema(minimum = 1)]
    sequence: i64,
    /// Time of the entry.
    #[schema(format = DateTime)]
    at: String,
    /// Id of the API key. Null if the service requires none.
    key: Option<String>,
    /// HTTP method.
    #[schema(example = "POST")]
    method: String,
    /// Path of the operation, with placeholders.
    #[schema(example = "/v1/jobs/{id}/cancel")]
    route: String,
    /// Id of the resource that was created, or the id in the path. Null if there is neither.
    subject: Option<String>,
    /// HTTP status of the response.
    #[schema(minimum = 100, maximum = 599)]
    status: u16,
    /// Id of the request, as in the response header `x-request-id` and in the log of the service.
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
///
/// The log has an entry for each authorized request with a method other than `GET`, whatever its status. It also has an
/// entry for each rejected request with the id of an existing API key: the secret is wrong, or the key has expired, was
/// revoked or lacks the scope. Entries are removed after the retention period of the service, by default 365 days.
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
    let before: Option<Before> = cursor(page.cursor.as_deref())?;
    let before = before.map(|Before(sequence)| sequence);
    let (entries, has_more) = state
        .audit
        .deeds(&caller.scope(), before, page.limit)
        .await?;
    Ok(Json(AuditList {
        object: "list",
        next_cursor: next_cursor(&entries, has_more, |entry| entry.sequence),
        data: entries.into_iter().map(Into::into).collect(),
        has_more,
    }))
}
