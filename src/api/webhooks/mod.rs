//! Webhooks: endpoints that receive a tenant's job events.

pub(super) mod create;
pub(super) mod deliveries;
pub(super) mod manage;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::document::derived::derived;
use super::problem::Problem;
use super::wire::time::rfc3339;
use crate::job::webhook::id::NoSuchName;
use crate::job::webhook::{Topic, Webhook, WebhookId};

/// Type of an event that a webhook can subscribe to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[schemars(rename = "WebhookTopic")]
pub(crate) enum TopicBody {
    /// A worker started an attempt of the job.
    #[serde(rename = "job.started")]
    Started,
    /// The job succeeded.
    #[serde(rename = "job.succeeded")]
    Succeeded,
    /// The job failed.
    #[serde(rename = "job.failed")]
    Failed,
    /// The job was canceled.
    #[serde(rename = "job.canceled")]
    Canceled,
    /// The deadline of the job passed.
    #[serde(rename = "job.expired")]
    Expired,
}

derived!(TopicBody);

impl From<TopicBody> for Topic {
    fn from(body: TopicBody) -> Self {
        match body {
            TopicBody::Started => Self::Started,
            TopicBody::Succeeded => Self::Succeeded,
            TopicBody::Failed => Self::Failed,
            TopicBody::Canceled => Self::Canceled,
            TopicBody::Expired => Self::Expired,
        }
    }
}

/// A webhook: an endpoint that receives the events of a tenant's jobs. `createWebhook` describes the deliveries.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookBody {
    /// Id of the webhook.
    #[schema(example = "wh_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
    id: String,
    /// Type of this object: `webhook`.
    #[schema(example = "webhook")]
    object: &'static str,
    /// URL that receives the events.
    url: String,
    /// Types of the events that are sent.
    #[schema(value_type = Vec<TopicBody>)]
    events: Vec<&'static str>,
    /// Whether events are sent. A webhook is disabled when its endpoint responds with 410.
    enabled: bool,
    /// Creation time.
    #[schema(format = DateTime)]
    created_at: String,
    /// Secret that signs the deliveries. Returned only when the webhook is created.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: Option<String>,
}

impl From<Webhook> for WebhookBody {
    fn from(webhook: Webhook) -> Self {
        Self {
            id: webhook.id.to_string(),
            object: "webhook",
            url: webhook.url,
            events: webhook.events.iter().map(|topic| topic.as_str()).collect(),
            enabled: webhook.enabled,
            created_at: rfc3339(webhook.created_at),
            secret: None,
        }
    }
}

/// Parses the id in a path. An invalid id is not found.
fn webhook_id(text: &str) -> Result<WebhookId, Problem> {
    text.parse().map_err(missing)
}

fn missing(error: NoSuchName) -> Problem {
    Problem::not_found(error.to_string())
}
