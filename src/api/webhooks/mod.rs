//! Webhooks: who is told of a tenant's jobs.

pub(super) mod create;
pub(super) mod deliveries;
pub(super) mod manage;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::problem::Problem;
use super::wire::time::rfc3339;
use crate::job::webhook::id::NoSuchName;
use crate::job::webhook::{Topic, Webhook, WebhookId};

/// What a webhook can hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
pub(crate) enum TopicBody {
    /// A worker took a job.
    #[serde(rename = "job.started")]
    Started,
    /// A job ended with a result.
    #[serde(rename = "job.succeeded")]
    Succeeded,
    /// A job ended without one.
    #[serde(rename = "job.failed")]
    Failed,
    /// A job ended because someone asked.
    #[serde(rename = "job.canceled")]
    Canceled,
    /// A job ended because its deadline passed.
    #[serde(rename = "job.expired")]
    Expired,
}

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

/// A webhook. Deliveries are signed as Standard Webhooks has it (standardwebhooks.com).
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct WebhookBody {
    #[schema(example = "wh_0190c5a8-7c1e-7f3a-9d56-3f1d2b7a4c10")]
    id: String,
    #[schema(example = "webhook")]
    object: &'static str,
    url: String,
    events: Vec<&'static str>,
    /// Whether it is told anything; switched off when it answers 410.
    enabled: bool,
    #[schema(format = DateTime)]
    created_at: String,
    /// What deliveries are signed with; shown once, in the answer that made it.
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

/// The id of a path; one that is none names nothing.
fn webhook_id(text: &str) -> Result<WebhookId, Problem> {
    text.parse().map_err(missing)
}

fn missing(error: NoSuchName) -> Problem {
    Problem::not_found(error.to_string())
}
