//! `POST /v1/keys`

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};

use crate::api::caller::Caller;
use crate::api::extract::Body;
use crate::api::guard::CreatedId;
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::api::wire::key::{CreateKey, CreatedKey};
use crate::job::key::FreshKey;

/// Creates an API key.
///
/// The key belongs to the caller's tenant. The whole key is returned only in this response. `optin keys create` creates
/// the first key of a tenant.
///
/// This operation takes no `Idempotency-Key`. If a response is lost, list the keys, revoke the new one and create
/// another.
#[utoipa::path(
    post, path = "/v1/keys", tag = "keys", operation_id = "createKey", request_body(content = CreateKey, example = json!({"name": "laptop", "scope": "write", "expires": "90d"})),
    security(("api_key" = ["admin"])),
    responses((status = 201, description = "The key, with its secret", body = CreatedKey))
)]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    body: Body<CreateKey>,
) -> Result<Response, Problem> {
    let new = body.value.into_new_key(caller.tenant)?;
    let fresh = FreshKey::draw(state.jobs.clock().await?);
    let key = state.keys.create_key(new, &fresh).await?;
    let headers = [(header::CACHE_CONTROL, "no-store")];
    let created = Extension(CreatedId(key.id.to_string()));
    let body = Json(CreatedKey::new(&key, &fresh));
    Ok((StatusCode::CREATED, headers, created, body).into_response())
}
