//! `GET /v1/keys`

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::api::caller::Caller;
use crate::api::extract::Params;
use crate::api::page::{check_limit, cursor, next_cursor, twenty};
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::api::wire::key::KeyBody;
use crate::job::key::KeyId;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Maximum number of keys per page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    #[serde(default = "twenty")]
    limit: usize,
    /// `next_cursor` of the previous page.
    #[param(pattern = "^[0-9a-f]{32}$")]
    cursor: Option<String>,
}

/// A page of API keys, newest first.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKeyList)]
pub(crate) struct KeyList {
    /// Type of this object: `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The API keys of this page.
    data: Vec<KeyBody>,
    /// `cursor` of the next page. Null on the last page.
    next_cursor: Option<String>,
    /// Whether another page follows.
    has_more: bool,
}

/// Lists the API keys of the caller's tenant, newest first.
///
/// Revoked and expired keys are included.
#[utoipa::path(
    get, path = "/v1/keys", tag = "keys", operation_id = "listKeys", params(Page),
    security(("api_key" = ["admin"])),
    responses((status = 200, description = "A page of API keys", body = KeyList))
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Params(page): Params<Page>,
) -> Result<Json<KeyList>, Problem> {
    check_limit(page.limit, 100)?;
    let before: Option<KeyId> = cursor(page.cursor.as_deref())?;
    let (keys, has_more) = state
        .keys
        .list_keys(&caller.scope(), before, page.limit)
        .await?;
    Ok(Json(KeyList {
        object: "list",
        next_cursor: next_cursor(&keys, has_more, |key| key.id),
        data: keys.iter().map(KeyBody::from).collect(),
        has_more,
    }))
}
