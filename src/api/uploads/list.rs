//! `GET /v1/uploads`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{UploadBody, missing};
use crate::api::caller::Caller;
use crate::api::extract::Params;
use crate::api::page::{check_limit, cursor, next_cursor, twenty};
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::artifact::incoming::UploadId;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Maximum number of uploads per page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    #[serde(default = "twenty")]
    limit: usize,
    /// `next_cursor` of the previous page.
    #[param(pattern = "^upl_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    cursor: Option<String>,
}

/// A page of uploads, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct UploadList {
    /// Type of this object: `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The uploads of this page.
    data: Vec<UploadBody>,
    /// `cursor` of the next page. Null on the last page.
    next_cursor: Option<String>,
    /// Whether another page follows.
    has_more: bool,
}

/// Lists uploads, newest first.
///
/// Returns the uploads of the caller's tenant, in any state.
#[utoipa::path(
    get, path = "/v1/uploads", tag = "uploads", operation_id = "listUploads", params(Page),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "A page of uploads", body = UploadList))
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Params(page): Params<Page>,
) -> Result<Json<UploadList>, Problem> {
    check_limit(page.limit, 100)?;
    let before: Option<UploadId> = cursor(page.cursor.as_deref())?;
    let found = state
        .artifacts
        .list_uploads(caller.tenant.as_str(), before, page.limit)
        .await;
    let (found, has_more) = found.map_err(missing)?;
    Ok(Json(UploadList {
        object: "list",
        next_cursor: next_cursor(&found, has_more, |upload| upload.id),
        data: found.into_iter().map(Into::into).collect(),
        has_more,
    }))
}
