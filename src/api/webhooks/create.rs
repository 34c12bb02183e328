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
use crate::api::AppState;
use crate::api::caller::Caller;
use crate::api::extract::Body;
use crate::api::problem::{Problem, ProblemCode};
use crate::job::webhook::{NewWebhook, Topic};

/// Maximum length of a URL, in bytes.
const MAX_URL_BYTES: usize = 2_048;

/// A webhook to create.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWebhook {
    /// URL that receives the events: https, at a public address. `--webhooks-private` lifts both limits.
    #[schema(example = "https://example.org/hooks/optin", max_length = 2048)]
    url: String,
    /// Events to send. Every end of a job by default.
    #[serde(default)]
    events: Option<Vec<TopicBody>>,
}

/// Creates a webhook.
///
/// The secret that signs the deliveries is returned only in this response. Signatures follow Standard Webhooks.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", operation_id = "createWebhook", request_body = CreateWebhook,
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
    let new = NewWebhook {
        tenant: caller.tenant,
        url,
        secret: secret(),
        events: topics,
    };
    let webhook = state.webhooks.add_webhook(new).await?;
    let location = format!("/v1/webhooks/{}", webhook.id);
    let secret = webhook.secret.clone();
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
