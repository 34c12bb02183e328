//! `GET /v1/webhooks`, and `GET`, `PATCH` and `DELETE /v1/webhooks/{id}`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{WebhookBody, webhook_id};
use crate::api::caller::Caller;
use crate::api::extract::{Body, Named};
use crate::api::problem::Problem;
use crate::api::state::AppState;

/// All webhooks of the caller's tenant, oldest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct WebhookList {
    /// Type of this object: `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The webhooks.
    data: Vec<WebhookBody>,
}

#[derive(Deserialize)]
pub(crate) struct WebhookPath {
    id: String,
}

/// Changes to a webhook.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = UpdateWebhook)]
pub(crate) struct ChangeWebhook {
    /// Whether events are sent.
    enabled: bool,
}

/// Lists webhooks, oldest first.
///
/// Returns all webhooks of the caller's tenant, without their secrets. A tenant has at most 16.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks", operation_id = "listWebhooks",
    security(("api_key" = ["read"])),
    responses((status = 200, description = "All webhooks", body = WebhookList))
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
) -> Result<Json<WebhookList>, Problem> {
    let found = state.webhooks.webhooks(&caller.scope()).await?;
    Ok(Json(WebhookList {
        object: "list",
        data: found.into_iter().map(Into::into).collect(),
    }))
}

/// Returns a webhook.
///
/// The response does not contain the secret. Only `createWebhook` returns it.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "getWebhook",
    params(("id" = String, Path, description = "Id of the webhook")),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "The webhook", body = WebhookBody))
)]
pub(crate) async fn get(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<WebhookPath>,
) -> Result<Json<WebhookBody>, Problem> {
    let id = webhook_id(&path.id)?;
    let found = state.webhooks.webhook(&caller.scope(), id).await?;
    Ok(Json(found.into()))
}

/// Enables or disables a webhook.
///
/// While a webhook is disabled, its pending deliveries wait. Events in this time are not delivered, not even later.
#[utoipa::path(
    patch, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "updateWebhook", request_body = ChangeWebhook,
    params(("id" = String, Path, description = "Id of the webhook")),
    security(("api_key" = ["write"])),
    responses((status = 200, description = "The webhook", body = WebhookBody))
)]
pub(crate) async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<WebhookPath>,
    body: Body<ChangeWebhook>,
) -> Result<Json<WebhookBody>, Problem> {
    let id = webhook_id(&path.id)?;
    let changed = state
        .webhooks
        .enable_webhook(&caller.scope(), id, body.value.enabled)
        .await?;
    Ok(Json(changed.into()))
}

/// Deletes a webhook and its deliveries.
///
/// Pending deliveries are not sent. To pause a webhook, use `updateWebhook`.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "webhooks", operation_id = "deleteWebhook",
    params(("id" = String, Path, description = "Id of the webhook")),
    security(("api_key" = ["write"])),
    responses((status = 204, description = "Deleted"))
)]
pub(crate) async fn delete(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<WebhookPath>,
) -> Result<StatusCode, Problem> {
    let id = webhook_id(&path.id)?;
    state.webhooks.remove_webhook(&caller.scope(), id).await?;
    Ok(StatusCode::NO_CONTENT)
}
