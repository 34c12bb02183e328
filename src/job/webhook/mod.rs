//! Webhooks, and the messages about jobs that are delivered to them.
//!
//! This is a transactional outbox: a delivery is written in the same transaction as the change that it reports. So
//! every change is reported, and nothing else is. Deliveries are made at least once; a receiver recognizes a repeated
//! one by its id. The format is that of Standard Webhooks (standardwebhooks.com).

pub mod address;
pub mod id;
pub mod schedule;
pub mod sealing;
pub mod secret;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use super::event::NewEvent;
use super::{Job, State, TenantId, UnixMs};
use crate::prune::failure::Code;
pub use id::{DeliveryId, WebhookId};

/// A webhook: an endpoint that receives messages about the jobs of a tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Identifier.
    pub id: WebhookId,
    /// Tenant whose jobs are reported.
    pub tenant: TenantId,
    /// URL of the endpoint.
    pub url: String,
    /// Secret that signs the deliveries, [sealed](secret).
    pub secret: String,
    /// Subscribed topics.
    pub events: Vec<Topic>,
    /// Whether messages about jobs are written to the outbox, and messages in it are sent.
    pub enabled: bool,
    /// Creation time.
    pub created_at: UnixMs,
}

/// A webhook to be created.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewWebhook {
    /// Tenant whose jobs are reported.
    pub tenant: TenantId,
    /// URL of the endpoint.
    pub url: String,
    /// Secret that signs the deliveries, [sealed](secret).
    pub secret: String,
    /// Subscribed topics.
    pub events: Vec<Topic>,
}

/// Type of the event of a delivery. A webhook can subscribe to all types except `webhook.test`.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema, VariantArray,
)]
#[schemars(rename = "EventType")]
pub enum Topic {
    /// A worker started an attempt of a job.
    #[serde(rename = "job.started")]
    Started,
    /// A job succeeded.
    #[serde(rename = "job.succeeded")]
    Succeeded,
    /// A job failed.
    #[serde(rename = "job.failed")]
    Failed,
    /// A job was canceled.
    #[serde(rename = "job.canceled")]
    Canceled,
    /// The deadline of a job passed.
    #[serde(rename = "job.expired")]
    Expired,
    /// A client requested a test event.
    #[serde(rename = "webhook.test")]
    Test,
}

impl Topic {
    /// Default topics of a webhook: every end of a job.
    pub const ENDS: [Self; 4] = [Self::Succeeded, Self::Failed, Self::Canceled, Self::Expired];

    /// Returns the topics that webhooks can subscribe to.
    pub fn of_jobs() -> impl Iterator<Item = Self> {
        let all = Self::VARIANTS.iter().copied();
        all.filter(|topic| *topic != Self::Test)
    }

    /// Returns the topic of an event, if webhooks can subscribe to it.
    #[must_use]
    pub fn of(event: &NewEvent) -> Option<Self> {
        match event {
            NewEvent::Started { .. } => Some(Self::Started),
            NewEvent::Succeeded => Some(Self::Succeeded),
            NewEvent::Failed { .. } => Some(Self::Failed),
            NewEvent::Canceled => Some(Self::Canceled),
            NewEvent::Expired => Some(Self::Expired),
            NewEvent::Queued
            | NewEvent::Stage { .. }
            | NewEvent::Progress { .. }
            | NewEvent::CancelRequested
            | NewEvent::Requeued { .. } => None,
        }
    }

    /// Returns the topic as written in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Started => "job.started",
            Self::Succeeded => "job.succeeded",
            Self::Failed => "job.failed",
            Self::Canceled => "job.canceled",
            Self::Expired => "job.expired",
            Self::Test => "webhook.test",
        }
    }
}

/// The body of a delivery. It contains no results. `getJob` returns them.
#[derive(Serialize, JsonSchema)]
pub struct Payload {
    /// Type of the event.
    #[serde(rename = "type")]
    topic: Topic,
    /// Time of the event.
    #[schemars(extend("format" = "date-time"))]
    timestamp: String,
    /// What the event is about: a job, or the webhook of a test event.
    data: Data,
}

/// What an event is about: a job, or the webhook of a test event.
#[derive(Serialize, JsonSchema)]
#[serde(untagged)]
enum Data {
    Job(JobData),
    Test(TestData),
}

/// The job that an event is about.
#[derive(Serialize, JsonSchema)]
struct JobData {
    /// Id of the job.
    job: String,
    /// State of the job at the time of the event.
    state: State,
    /// Number of attempts of the job so far.
    attempt: i64,
    /// Labels of the job.
    labels: BTreeMap<String, String>,
    /// Code of the error that the job ended with, as in `error.code` of the job. Absent if there is none.
    #[schemars(with = "String")]
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Code>,
}

/// The webhook of a test event.
#[derive(Serialize, JsonSchema)]
struct TestData {
    /// Id of the webhook.
    webhook: String,
}

/// Returns the message body for a job.
#[must_use]
pub fn message_about(job: &Job, topic: Topic, at: UnixMs) -> serde_json::Value {
    message(
        topic,
        at,
        Data::Job(JobData {
            job: job.id.to_string(),
            state: job.state,
            attempt: job.attempt,
            labels: job.labels.clone(),
            code: job.failure.as_ref().map(|failure| failure.code),
        }),
    )
}

/// Returns the message body of a test.
#[must_use]
pub fn test(webhook: WebhookId, at: UnixMs) -> serde_json::Value {
    message(
        Topic::Test,
        at,
        Data::Test(TestData {
            webhook: webhook.to_string(),
        }),
    )
}

fn message(topic: Topic, at: UnixMs, data: Data) -> serde_json::Value {
    let timestamp = jiff::Timestamp::from_millisecond(at).unwrap_or_default();
    serde_json::json!(Payload {
        topic,
        timestamp: timestamp.to_string(),
        data,
    })
}

/// A message to a webhook, with the state of its delivery.
#[derive(Clone, Debug, PartialEq)]
pub struct Delivery {
    /// Identifier; the same in every try.
    pub id: DeliveryId,
    /// Webhook that the message is for.
    pub webhook: WebhookId,
    /// Topic of the message.
    pub topic: String,
    /// Message body.
    pub body: serde_json::Value,
    /// State of the delivery.
    pub state: DeliveryState,
    /// Number of tries so far.
    pub attempts: i64,
    /// Time when the next try is due.
    pub next_at: Option<UnixMs>,
    /// HTTP status of the last try.
    pub last_status: Option<i64>,
    /// Why the last try failed.
    pub last_error: Option<String>,
    /// Creation time.
    pub created_at: UnixMs,
    /// Time when the delivery succeeded or finally failed.
    pub ended_at: Option<UnixMs>,
}

/// State of a delivery.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Serialize,
    Deserialize,
    JsonSchema,
    IntoStaticStr,
    VariantArray,
)]
#[strum(serialize_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// The next attempt follows.
    Pending,
    /// The endpoint accepted the event.
    Delivered,
    /// All attempts failed, or the endpoint responded with 410.
    Failed,
}

impl DeliveryState {
    /// Returns the state as written in JSON and in the store.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A delivery that is due, with the data that a try needs from its webhook.
#[derive(Clone, Debug, PartialEq)]
pub struct Due {
    /// The delivery.
    pub delivery: Delivery,
    /// Tenant of the webhook.
    pub tenant: TenantId,
    /// URL of the endpoint.
    pub url: String,
    /// Secret that signs the delivery, [sealed](secret).
    pub secret: String,
}

/// Outcome of one try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tried {
    /// The endpoint accepted the message with this status.
    Delivered(u16),
    /// The try failed; another one may succeed.
    Failed {
        /// The HTTP status, if there was a response.
        status: Option<u16>,
        /// What went wrong.
        error: String,
    },
    /// The endpoint is gone for good (status 410); its webhook is disabled.
    Gone,
}
