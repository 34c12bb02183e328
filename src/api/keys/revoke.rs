//! `DELETE /v1/keys/{id}`

use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::api::caller::Caller;
use crate::api::extract::Named;
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::job::key::{KeyId, NotAKey};

#[derive(Deserialize)]
pub(crate) struct KeyPath {
    id: String,
}

/// Revokes an API key.
///
/// Requests with the key are rejected from now on. The key stays in the list. The call is idempotent. A caller may
/// revoke the key that it authenticates with.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "keys", operation_id = "revokeKey",
    params(("id" = String, Path, description = "Id of the key: its 32 digits between `optk_` and the secret")),
    security(("api_key" = ["admin"])),
    responses((status = 204, description = "Revoked"))
)]
pub(crate) async fn revoke(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<KeyPath>,
) -> Result<StatusCode, Problem> {
    let id: KeyId = path
        .id
        .parse()
        .map_err(|error: NotAKey| Problem::not_found(error.to_string()))?;
    match state.keys.revoke_key(&caller.scope(), id).await? {
        Some(_) => Ok(StatusCode::NO_CONTENT),
        None => Err(Problem::not_found(format!("API key {id} not found"))),
    }
}
