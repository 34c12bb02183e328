//! Deliveries: `GET .../deliveries`, `POST .../test` and `POST .../deliveries/{delivery}/redeliver`.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{missing, webhook_id};
use crate::api::caller::Caller;
use crate::api::document::schema;
use crate::api::extract::{Named, Params};
use crate::api::page::{check_limit, cursor, next_cursor, twenty};
use crate::api::problem::Problem;
use crate::api::state::AppState;
use crate::api::wire::time::rfc3339;
use crate::job::webhook::{Delivery, DeliveryId, DeliveryState};

/// A page of deliveries, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeliveryList {
    /// Type of this object: `list`.
    #[schema(example = "list")]
    object: &'static str,
    /// The deliveries of this page.
    data: Vec<DeliveryBody>,
    /// `cursor` of the next page. Null on the last page.
    next_cursor: Option<String>,
    /// Whether another page follows.
    has_more: bool,
}

/// A delivery of an event to a webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Delivery)]
pub(crate) struct DeliveryBody {
    /// Id of the delivery, as in its header `webhook-id`. It is the same in every attempt.
    #[schema(example = "msg_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
    id: String,
    /// Type of this object: `delivery`.
    #[schema(example = "delivery")]
    object: &'static str,
    #[schema(schema_with = schema::webhook_event_type)]
    event: String,
    /// State of the delivery.
    state: DeliveryState,
    /// Number of attempts so far. `redeliverEvent` sets it to 0.
    #[schema(minimum = 0)]
    attempts: i64,
    /// Time from which the next attempt is due. Null if no attempt follows.
    #[schema(format = DateTime)]
    next_at: Option<String>,
    /// HTTP status of the last attempt. Null if it got no response, and before the first attempt.
    last_status: Option<i64>,
    /// Error of the last attempt. Null if it succeeded, and before the first attempt.
    last_error: Option<String>,
    /// Creation time: the time of the event.
    #[schema(format = DateTime)]
    created_at: String,
    /// Time when the event was delivered or the last attempt failed. Null while the delivery is pending.
    #[schema(format = DateTime)]
    ended_at: Option<String>,
    #[schema(schema_with = schema::webhook_event)]
    body: serde_json::Value,
}

impl From<Delivery> for DeliveryBody {
    fn from(delivery: Delivery) -> Self {
        Self {
            id: delivery.id.to_string(),
            object: "delivery",
            event: delivery.topic,
            state: delivery.state,
            attempts: delivery.attempts,
            next_at: delivery.next_at.map(rfc3339),
            last_status: delivery.last_status,
            last_error: delivery.last_error,
            created_at: rfc3339(delivery.created_at),
            ended_at: delivery.ended_at.map(rfc3339),
            body: delivery.body,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Page {
    /// Maximum number of deliveries per page.
    #[param(minimum = 1, maximum = 100, default = 20)]
    #[serde(default = "twenty")]
    limit: usize,
    /// `next_cursor` of the previous page.
    #[param(pattern = "^msg_[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$")]
    cursor: Option<String>,
}

#[derive(Deserialize)]
pub(crate) struct WebhookPath {
    id: String,
}

#[derive(Deserialize)]
pub(crate) struct DeliveryPath {
    id: String,
    delivery: String,
}

/// Lists the deliveries of a webhook, newest first.
///
/// A delivery is kept for 30 days after it has succeeded or failed.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", tag = "webhooks", operation_id = "listDeliveries",
    params(("id" = String, Path, description = "Id of the webhook"), Page),
    security(("api_key" = ["read"])),
    responses((status = 200, description = "A page of deliveries", body = DeliveryList))
)]
pub(crate) async fn list(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<WebhookPath>,
    Params(page): Params<Page>,
) -> Result<Json<DeliveryList>, Problem> {
    check_limit(page.limit, 100)?;
    let before: Option<DeliveryId> = cursor(page.cursor.as_deref())?;
    let id = webhook_id(&path.id)?;
    let (found, has_more) = state
        .webhooks
        .deliveries(&caller.scope(), id, before, page.limit)
        .await?;
    Ok(Json(DeliveryList {
        object: "list",
        next_cursor: next_cursor(&found, has_more, |delivery| delivery.id),
        data: found.into_iter().map(Into::into).collect(),
        has_more,
    }))
}

/// Sends a test event.
///
/// Creates a delivery with the type `webhook.test`. It is sent whatever events the webhook is subscribed to. A disabled
/// webhook sends it after it is enabled.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/test", tag = "webhooks", operation_id = "testWebhook",
    params(("id" = String, Path, description = "Id of the webhook")),
    security(("api_key" = ["write"])),
    responses((status = 202, description = "The delivery is queued", body = DeliveryBody))
)]
pub(crate) async fn test(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<WebhookPath>,
) -> Result<(StatusCode, Json<DeliveryBody>), Problem> {
    let id = webhook_id(&path.id)?;
    let delivery = state.webhooks.test_webhook(&caller.scope(), id).await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}

/// Redelivers an event.
///
/// Sends the delivery again with the same id and body. The delivery can be in any state. It gets as many attempts as a
/// new one.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/deliveries/{delivery}/redeliver", tag = "webhooks", operation_id = "redeliverEvent",
    params(("id" = String, Path, description = "Id of the webhook"), ("delivery" = String, Path, description = "Id of the delivery")),
    security(("api_key" = ["write"])),
    responses((status = 202, description = "The delivery is queued", body = DeliveryBody))
)]
pub(crate) async fn redeliver(
    State(state): State<AppState>,
    caller: Caller,
    Named(path): Named<DeliveryPath>,
) -> Result<(StatusCode, Json<DeliveryBody>), Problem> {
    let id = webhook_id(&path.id)?;
    let delivery = path.delivery.parse().map_err(missing)?;
    let delivery = state
        .webhooks
        .redeliver(&caller.scope(), id, delivery)
        .await?;
    Ok((StatusCode::ACCEPTED, Json(delivery.into())))
}
