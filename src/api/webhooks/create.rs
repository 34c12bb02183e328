//! `POST /v1/webhooks`

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{TopicBody, WebhookBody};
use crate::api::caller::Caller;
use crate::api::extract::Body;
use crate::api::problem::{Problem, ProblemCode};
use crate::api::state::AppState;
use crate::job::webhook::{NewWebhook, Topic};

/// Maximum length of a URL, in bytes.
const MAX_URL_BYTES: usize = 2_048;

/// A webhook to create.
#[derive(Debug, Deserialize, ToSchema)]
pub(crate) struct CreateWebhook {
    /// URL that receives the events. It must use HTTPS and a public address, unless the service runs with
    /// `--allow-private-webhooks`. It must not contain a user name or password.
    #[schema(example = "https://example.org/hooks/optin", max_length = 2048)]
    url: String,
    /// Events to send. Default: `job.succeeded`, `job.failed`, `job.canceled` and `job.expired`. `testWebhook` works
    /// with any list.
    #[serde(default)]
    events: Option<Vec<TopicBody>>,
}

/// Creates a webhook.
///
/// The webhook receives the events of all jobs of the caller's tenant. The secret that signs the deliveries is returned
/// only in this response.
///
/// A delivery is a `POST` request with a `WebhookEvent` as its JSON body. It follows Standard Webhooks
/// (standardwebhooks.com), whose libraries can verify it:
///
/// - `webhook-id` is the id of the delivery. It is the same in every attempt.
/// - `webhook-timestamp` is the time of the attempt, in seconds since 1970-01-01 UTC.
/// - `webhook-signature` is `v1,` and the Base64 of an HMAC-SHA256. Its message is
///   `{webhook-id}.{webhook-timestamp}.{body}`. Its key is the secret without `whsec_`, decoded from Base64.
///
/// Rules of delivery:
///
/// - An attempt succeeds if the endpoint responds with a status from 200 to 299 within 15 seconds. Redirects are not
///   followed.
/// - A failed attempt is repeated, up to 9 times. The pauses before the next attempt are 5 seconds, 5 minutes, 30
///   minutes, 2 hours, 5 hours, 10 hours, 14 hours, 20 hours and 24 hours, each lengthened by up to 20 %. After the
///   last attempt, the delivery has failed; `redeliverEvent` sends it again.
/// - Status 410 ends the delivery at once and disables the webhook.
/// - An event is delivered at least once. A receiver recognizes a repeated delivery by its `webhook-id`.
/// - Events can arrive in any order.
///
/// This operation takes no `Idempotency-Key`. A repeated request creates another webhook; delete the one that you do
/// not use.
///
/// Specific error: `quota_exceeded` if the tenant has 16 webhooks.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", operation_id = "createWebhook", 
    request_body(content = CreateWebhook, example = json!({
        "url": "https://example.org/hooks/optin",
        "events": ["job.succeeded", "job.failed"],
    })),
    security(("api_key" = ["write"])),
    responses((status = 201, description = "The webhook, with its secret", body = WebhookBody, headers(
        ("Location" = String, description = "Path of the webhook"),
    )))
)]
pub(crate) async fn create(
    State(state): State<AppState>,
    caller: Caller,
    body: Body<CreateWebhook>,
) -> Result<Response, Problem> {
    let CreateWebhook { url, events } = body.value;
    let wrong =
        |detail: String| Problem::invalid_field("/url", ProblemCode::ValidationFailed, detail);
    if url.len() > MAX_URL_BYTES {
        return Err(wrong(format!(
            "the URL has {} bytes; the maximum is {MAX_URL_BYTES}",
            url.len()
        )));
    }
    state.webhook_policy.check(&url).map_err(wrong)?;
    let mut topics: Vec<Topic> = match events {
        None => Topic::ENDS.to_vec(),
        Some(events) => events.into_iter().map(Into::into).collect(),
    };
    let mut seen = std::collections::HashSet::new();
    topics.retain(|topic| seen.insert(*topic));
    let secret = secret();
    let new = NewWebhook {
        secret: state.webhook_secrets.seal(&caller.tenant, &url, &secret),
        tenant: caller.tenant,
        url,
        events: topics,
    };
    let webhook = state.webhooks.add_webhook(new).await?;
    let location = format!("/v1/webhooks/{}", webhook.id);
    let body = WebhookBody {
        secret: Some(secret),
        ..webhook.into()
    };
    Ok((
        StatusCode::CREATED,
        [(header::LOCATION, location)],
        Json(body),
    )
        .into_response())
}

/// Generates a secret of 32 random bytes.
fn secret() -> String {
    let bytes: [u8; 32] = rand::random();
    format!("whsec_{}", BASE64_STANDARD.encode(bytes))
}
