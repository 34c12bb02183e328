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

/// Longest URL.
const MOST_URL_BYTES: usize = 2_048;

/// Whom to tell, and of what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CreateWebhook {
    /// An https URL on the public internet.
    #[schema(example = "https://example.org/hooks/optin", max_length = 2048)]
    url: String,
    /// What to tell of; every end of a job when not given.
    #[serde(default)]
    events: Option<Vec<TopicBody>>,
}

/// Creates a webhook.
///
/// The response holds the secret that deliveries are signed with. It is returned only once.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", operation_id = "createWebhook", request_body = CreateWebhook,
    security(("api_key" = ["write"])),
    responses((status = 201, description = "The webhook, with its secret", body = WebhookBody, headers(
        ("Location" = String, description = "Where the webhook is"),
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
    if url.len() > MOST_URL_BYTES {
        return Err(wrong(format!(
            "the URL has more than {MOST_URL_BYTES} bytes"
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

/// 32 bytes of the system's randomness.
fn secret() -> String {
    let bytes: [u8; 32] = rand::random();
    format!("whsec_{}", BASE64_STANDARD.encode(bytes))
}
